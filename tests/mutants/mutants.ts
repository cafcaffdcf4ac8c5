/**
 * `deno task mutants`: makes each fault of `list.ts` in a copy of the project and runs the tests that should
 * see it. The working tree is never touched.
 */
import { dirname, fromFileUrl, join } from "@std/path/mod.js";
import { runTask, task, UsageError } from "../../tasks/common/command.ts";
import { type Mutant, MUTANTS } from "./list.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** What the tests of kernels and models need. */
const COPIED = [
  "deno.json",
  "deno.lock",
  "std.d.ts",
  "mod.ts",
  "kernels",
  "model",
  "pipeline",
  "tasks",
  "tests",
];

/** Share of faults that must be seen. */
const WANTED_SHARE = 0.95;

/** A test that takes longer than this is stopped: the fault made it hang, so it was seen. */
const MOST_MILLISECONDS = 600_000;

/** The text of a file with a fault. */
export function mutate(text: string, { file, fault, from, to }: Mutant): string {
  const places = text.split(from).length - 1;
  if (places !== 1) {
    throw new UsageError(
      `${file}: the text of the fault "${fault}" stands there ${places} times, not once: ` +
        "describe it anew in tests/mutants/list.ts",
    );
  }
  return text.replace(from, () => to);
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(dirname(to), { recursive: true });
    await Deno.copyFile(from, to);
    return;
  }
  for await (const { name } of Deno.readDir(from)) await copy(join(from, name), join(to, name));
}

/** How the tests end: true where all of them pass. */
async function pass(
  folder: string,
  tests: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const limit = AbortSignal.timeout(MOST_MILLISECONDS);
  const { success } = await new Deno.Command("deno", {
    args: ["test", "--no-check", "--no-prompt", "--fail-fast", "--allow-read", "--allow-env"]
      .concat(["--allow-write", "--allow-run=deno,sh", ...tests]),
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.any([signal, limit]),
  }).output();
  signal.throwIfAborted();
  return success;
}

const command = task(
  "mutants",
  "Makes faults on purpose in a copy of the project and shows which of them no test sees.",
  "deno task mutants adam --shard 1/4",
)
  .option("--shard <i/n>", "only every n-th fault, from the i-th on", "1/1")
  .argument("[words...]", "only faults whose file or description holds one of these words");

if (import.meta.main) {
  await runTask(command, async ({ shard }, signal, [words]) => {
    const [part, parts] = shard.split("/").map(Number);
    if (!(part >= 1 && part <= parts)) throw new UsageError(`--shard ${shard}: such as 2/4`);
    const chosen = MUTANTS.filter(({ file, fault }) =>
      words.length === 0 || words.some((word) => `${file} ${fault}`.includes(word))
    ).filter((_, i) => i % parts === part - 1);
    const folder = await Deno.makeTempDir({ prefix: "kohaku-mutants-" });
    const survivors: Mutant[] = [];
    try {
      for (const path of COPIED) await copy(join(ROOT, path), join(folder, path));
      // Where a test fails without a fault, being seen would mean nothing.
      for (const test of new Set(chosen.flatMap(({ tests }) => tests))) {
        if (!await pass(folder, [test], signal)) throw new UsageError(`${test} fails as it is`);
      }
      for (const mutant of chosen) {
        const path = join(folder, mutant.file);
        const text = await Deno.readTextFile(path);
        await Deno.writeTextFile(path, mutate(text, mutant));
        const survived = await pass(folder, mutant.tests, signal);
        await Deno.writeTextFile(path, text);
        if (survived) survivors.push(mutant);
        console.log(`${survived ? "NOT SEEN" : "seen    "}  ${mutant.file}: ${mutant.fault}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    const seen = chosen.length - survivors.length;
    console.log(`${seen} of ${chosen.length} faults are seen`);
    if (seen < WANTED_SHARE * chosen.length) Deno.exit(1);
  });
}
