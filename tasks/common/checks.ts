/** What must hold of the code before its tests say anything: formatting, lint rules, types, documentation. */

import { anyObject, parseJson } from "../../pipeline/wire/json.ts";

interface Check {
  readonly what: string;
  readonly args: readonly string[];
}

async function listChecks(): Promise<Check[]> {
  const fault = (what: string): Error => new Error(`deno.json: ${what}`);
  const { exports } = parseJson(anyObject, await Deno.readTextFile("deno.json"), fault);
  return [
    { what: "formatting", args: ["fmt", "--check"] },
    { what: "lint rules", args: ["lint"] },
    { what: "types", args: ["check", "--quiet", "."] },
    // All entry points at once: what one uses of another's types is public there.
    {
      what: "documentation",
      args: ["doc", "--lint", ...Object.values<string>(exports as Record<string, string>)],
    },
  ];
}

/** What came of the checks. */
export interface CheckResults {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

/**
 * Runs each check of the project in the current folder, whatever came of the one before, and lets Deno print
 * what it finds.
 */
export async function runChecks(signal: AbortSignal): Promise<CheckResults> {
  const passed: string[] = [], failed: string[] = [];
  for (const { what, args } of await listChecks()) {
    signal.throwIfAborted();
    console.log(`deno ${args.join(" ")}`);
    // `deno doc --lint` prints the whole documentation on stdout, which nobody asked for here.
    const stdout = args[0] === "doc" ? "null" : "inherit";
    const child = new Deno.Command("deno", { args: [...args], stdin: "null", stdout, signal })
      .spawn();
    ((await child.status).success ? passed : failed).push(what);
  }
  console.log(failed.length === 0 ? "all checks passed" : `failed: ${failed.join(", ")}`);
  return { passed, failed };
}
