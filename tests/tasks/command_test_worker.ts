/** A worker for the tests of command.ts, which finds a fault in what it is given. */
import { PipelineError } from "../../pipeline/errors.ts";
import { serve } from "../../pipeline/ordered_workers.ts";

serve<number, string, never>(() => () => {
  throw new PipelineError("this file cannot be read");
});
