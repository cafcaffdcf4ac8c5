/**
 * `deno task test`: runs the checks of `deno task check` and all tests, or only the tests whose path holds
 * one of the given words. Each check counts as a test, so formatting, lint rules, types and documentation
 * can fail a run as any test can. It ends with the line `N passed, N failed`, and `, N skipped` where tests lack something of the adapter.
 * Exit code 0 only if every other test passed.
 */

import { runChecks } from "./common/checks.ts";
import { runTask, task, UsageError } from "./common/command.ts";
import { listFiles } from "./common/files.ts";
import { DAWN_LOCK, WEBGPU_VARIABLE, webgpuOption, type WebGpuProvider } from "./common/webgpu.ts";

/** What the tests may do; no test needs more, but for Dawn's native code. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname",
  "--allow-run=deno,sh",
];

/** Tests that need Chromium, which `deno task test:browser` runs. */
const BROWSER_TESTS = "tests/browser/";

/** Tests that need Dawn. */
const DAWN_TESTS = "tests/dawn/";

/** The one among them that needs no driver: it runs with the others, in a process that may load Dawn. */
const TINT_TEST = `${DAWN_TESTS}tint_test.ts`;

/** Tests with the libraries that read what is exported: large, so in a lock file of their own. */
const CLIENT_TESTS = "tests/clients/";

/** Lock file of those tests. */
const CLIENTS_LOCK = `${CLIENT_TESTS}clients.lock`;

/** Enough of the output's end to hold the line of counts that `deno test` closes with. */
const TAIL_CHARACTERS = 4096;

/** What came of some tests. */
interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Tests that lack something of the adapter, as their names say. */
  readonly skipped: number;
}

/** The counts in the last lines of what `deno test` printed; undefined where no test ran. */
function readCounts(tail: string): Counts | undefined {
  // deno-lint-ignore no-control-regex
  const plain = tail.replace(/\x1b\[[0-9;]*m/g, "");
  const summary = [
    ...plain.matchAll(
      /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*?\| (\d+) ignored)?/gm,
    ),
  ].at(-1);
  if (summary === undefined) return undefined;
  const [passed, failed, skipped] = summary.slice(1).map((count) => Number(count ?? 0));
  return { passed, failed, skipped };
}

/** Tests that run in one process. */
interface TestRun {
  /** Which implementation computes. */
  readonly webgpu: WebGpuProvider;
  /** The lock file of native code that the tests load; without one they may load none. */
  readonly lock?: string;
  /** Test files. */
  readonly files: readonly string[];
}

/** Runs `deno test` on files, streaming its output, and counts what came of it. */
async function runTests(
  { files, webgpu, lock }: TestRun,
  filter: string | undefined,
  signal: AbortSignal,
): Promise<Counts> {
  const args = ["test", ...PERMISSIONS];
  if (lock !== undefined) args.push("--allow-ffi", `--lock=${lock}`);
  if (filter !== undefined) args.push(`--filter=${filter}`);
  const child = new Deno.Command("deno", {
    args: [...args, ...files],
    stdin: "null",
    stdout: "piped",
    signal,
    env: {
      [WEBGPU_VARIABLE]: webgpu,
      ...(Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : {}),
    },
  }).spawn();
  const decoder = new TextDecoder();
  let tail = "";
  for await (const bytes of child.stdout) {
    let written = 0;
    while (written < bytes.length) written += await Deno.stdout.write(bytes.subarray(written));
    tail = (tail + decoder.decode(bytes, { stream: true })).slice(-TAIL_CHARACTERS);
  }
  const { success, signal: killedBy } = await child.status;
  // No line of counts: nothing could run, be it for a type error. That is a failure too.
  const counts = readCounts(tail) ?? { passed: 0, failed: 1, skipped: 0 };
  // Mesa's software driver, cleaning up in several threads, now and then corrupts the heap of a process
  // that is at its end (seen with 22.3). All tests have run and been counted by then.
  if (counts.failed === 0 && killedBy === "SIGABRT") {
    console.error("the graphics driver aborted the process at its end, after all tests had passed");
    return counts;
  }
  return { ...counts, failed: success ? counts.failed : Math.max(1, counts.failed) };
}

const command = task(
  "test",
  "Runs the checks of `deno task check` and all tests; given words or a filter, only the tests they choose.",
  "deno task test kernels/matmul tokenizer",
)
  .option("--filter <text>", "only tests whose name holds this text, or matches /this/")
  .addOption(webgpuOption)
  .argument("[words...]", "only test files whose path holds one of these words");

await runTask(command, async (options, signal, [words]) => {
  const wanted = (await listFiles("tests", "_test.ts")).filter((file) =>
    !file.startsWith(BROWSER_TESTS) &&
    (words.length === 0 || words.some((word) => file.includes(word)))
  );
  const isClient = (file: string): boolean => file.startsWith(CLIENT_TESTS);
  const isPlain = (file: string): boolean => !file.startsWith(DAWN_TESTS) && !isClient(file);
  const runs: TestRun[] = options.webgpu === "dawn"
    ? [{ webgpu: "dawn", lock: DAWN_LOCK, files: wanted.filter((file) => !isClient(file)) }]
    : [
      { webgpu: "deno", files: wanted.filter(isPlain) },
      { webgpu: "dawn", lock: DAWN_LOCK, files: wanted.filter((file) => file === TINT_TEST) },
      { webgpu: "deno", lock: CLIENTS_LOCK, files: wanted.filter(isClient) },
    ];
  if (runs.every(({ files }) => files.length === 0)) {
    throw new UsageError(`no test file under tests/ has ${words.join(" or ")} in its path`);
  }
  let passed = 0, failed = 0, skipped = 0;
  if (words.length === 0 && options.filter === undefined && options.webgpu === "deno") {
    const checks = await runChecks(signal);
    passed = checks.passed.length;
    failed = checks.failed.length;
  }
  for (const run of runs) {
    if (run.files.length === 0) continue;
    const counts = await runTests(run, options.filter, signal);
    passed += counts.passed;
    failed += counts.failed;
    skipped += counts.skipped;
  }
  signal.throwIfAborted();
  console.log(`${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : ""));
  if (failed > 0 || passed + skipped === 0) Deno.exit(1);
});
