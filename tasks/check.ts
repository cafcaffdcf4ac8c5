/** `deno task check`: formatting, lint rules, types and the documentation of the public API. */

import { runTask, task } from "./common/command.ts";

/** The entry points of `exports` in deno.json; what one uses of another's types is public there. */
const PUBLIC_API = ["mod.ts", "kernels/mod.ts", "model/autograd/mod.ts"];

const CHECKS: ReadonlyArray<{ what: string; args: string[] }> = [
  { what: "formatting", args: ["fmt", "--check"] },
  { what: "lint rules", args: ["lint"] },
  { what: "types", args: ["check", "--quiet", "."] },
  { what: "documentation", args: ["doc", "--lint", ...PUBLIC_API] },
];

const command = task(
  "check",
  "Checks formatting, lint rules, types and documentation.",
  "deno task check",
);

await runTask(command, async (_options, signal) => {
  const failed: string[] = [];
  for (const { what, args } of CHECKS) {
    signal.throwIfAborted();
    console.log(`deno ${args.join(" ")}`);
    // `deno doc --lint` prints the whole documentation on stdout, which nobody asked for here.
    const stdout = args[0] === "doc" ? "null" : "inherit";
    const child = new Deno.Command("deno", { args, stdin: "null", stdout, signal }).spawn();
    if (!(await child.status).success) failed.push(what);
  }
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  if (failed.length > 0) Deno.exit(1);
});
