import { PipelineError } from "../../pipeline/errors.ts";
import { serve } from "../../pipeline/ordered_workers.ts";

serve<number, number, number>((factor) => async (item) => {
  if (item === -1) throw new PipelineError("item -1 cannot be");
  if (item === -2) throw new TypeError("not one of ours");
  if (item === -3) {
    setTimeout(() => {
      throw new Error("nobody catches this");
    });
    await new Promise(() => {});
  }
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 20 - item * 5)));
  return { result: item * factor, transfer: [] };
});
