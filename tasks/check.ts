/** `deno task check`: formatting, lint rules, types and the documentation of the public API. */

import { runChecks } from "./common/checks.ts";
import { runTask, task } from "./common/command.ts";

const command = task(
  "check",
  "Checks formatting, lint rules, types and documentation.",
  "deno task check",
);

await runTask(command, async (_options, signal) => {
  const { failed } = await runChecks(signal);
  if (failed.length > 0) Deno.exit(1);
});
