/** What must hold of the code before its tests say anything: formatting, lint rules, types, documentation. */

const CHECKS: ReadonlyArray<{ what: string; args: string[] }> = [
  { what: "formatting", args: ["fmt", "--check"] },
  { what: "lint rules", args: ["lint"] },
  { what: "types", args: ["check", "--quiet", "."] },
  { what: "documentation", args: ["doc", "--lint", "mod.ts"] },
];

/** What came of the checks. */
export interface CheckResults {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

/** Runs each check, whatever came of the one before, and lets Deno print what it finds. */
export async function runChecks(signal: AbortSignal): Promise<CheckResults> {
  const passed: string[] = [], failed: string[] = [];
  for (const { what, args } of CHECKS) {
    signal.throwIfAborted();
    console.log(`deno ${args.join(" ")}`);
    // `deno doc --lint` prints the whole documentation on stdout, which nobody asked for here.
    const stdout = args[0] === "doc" ? "null" : "inherit";
    const child = new Deno.Command("deno", { args, stdin: "null", stdout, signal }).spawn();
    ((await child.status).success ? passed : failed).push(what);
  }
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  return { passed, failed };
}
