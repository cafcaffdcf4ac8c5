import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";

const TASK = fromFileUrl(new URL("command_test_task.ts", import.meta.url));

function spawn(args: string[]): Deno.ChildProcess {
  return new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", TASK, ...args],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await spawn(args).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("options and words reach the body, defaults filled in", async () => {
  const { code, out } = await run("--num-processes", "3", "a", "b");
  assertEquals(code, 0);
  assertEquals(JSON.parse(out), {
    options: { dataDir: "data", numProcesses: 3 },
    words: ["a", "b"],
  });
});

Deno.test("--help shows usage, flags with defaults and an example", async () => {
  const { code, out } = await run("--help");
  assertEquals(code, 0);
  assertStringIncludes(out, "Usage: deno task sample [options] [words...]");
  assertStringIncludes(out, '(default: "data")');
  assertStringIncludes(out, "deno task sample --data-dir data fail");
});

Deno.test("a flag that does not exist is bad usage, and the nearest one is named", async () => {
  for (const [given, nearest] of [["--data-dirs=x", "--data-dir"], ["--processes", "--num-pro"]]) {
    const { code, out, err } = await run(given);
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err, `unknown option '${given.split("=")[0]}'`);
    assertStringIncludes(err, `the nearest valid one is '${nearest}`);
    assert(!err.includes("    at "), err);
  }
  const { code, err } = await run("--data-dir");
  assertEquals(code, 2);
  assertStringIncludes(err, "option '--data-dir <dir>' argument missing");
});

Deno.test("faults that a person can mend are one line without a stack", async () => {
  const cases: [string[], number, string][] = [
    [["fail"], 1, "error: text.jsonl: line 3 is broken; mend it\n"],
    [["usage"], 2, "error: that cannot be\n"],
    [["read", "/no/such/file"], 1, "/no/such/file"],
  ];
  for (const [args, code, message] of cases) {
    const result = await run(...args);
    assertEquals(result.code, code);
    assertStringIncludes(result.err, message);
    assertEquals(result.err.trimEnd().split("\n").length, 1, result.err);
  }
});

Deno.test("a fault of our own says so and shows where it happened", async () => {
  const { code, err } = await run("bug");
  assertEquals(code, 1);
  assertStringIncludes(err, "a fault of Kohaku itself");
  assertStringIncludes(err, "our own fault");
  assertStringIncludes(err, "command_test_task.ts");
});

/** Waits until a process says that it is waiting. */
async function untilWaiting(child: Deno.ChildProcess): Promise<void> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assertStringIncludes(new TextDecoder().decode(value), "waiting");
  await reader.cancel();
}

Deno.test("the first Ctrl-C lets a task save what it has, and it exits with 130", async () => {
  for (const interrupt of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const child = spawn(["wait"]);
    await untilWaiting(child);
    child.kill(interrupt);
    const [status, err] = await Promise.all([
      child.status,
      new Response(child.stderr).text(),
    ]);
    assertEquals(status.code, 130);
    assertStringIncludes(err, "stopped; what was done is saved");
  }
});

Deno.test("the second Ctrl-C ends a task at once, a doubled first one does not", async () => {
  const child = spawn(["hang"]);
  await untilWaiting(child);
  child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 50));
  child.kill("SIGINT");
  const early = await Promise.race([
    child.status.then(() => "ended"),
    new Promise((resolve) => setTimeout(() => resolve("still there"), 400)),
  ]);
  assertEquals(early, "still there");
  child.kill("SIGINT");
  const [status] = await Promise.all([child.status, child.stderr.cancel()]);
  assertEquals(status.code, 130);
});

Deno.test("an empty path, which comes of a variable that is not set, is bad usage", async () => {
  const { code, out, err } = await run("--data-dir", "");
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "--data-dir is empty: give a dir");
});

Deno.test("errors of workers say under --verbose where they arose", async () => {
  const quiet = await run("worker");
  assertEquals(quiet.code, 1);
  assertEquals(quiet.err, "error: this file cannot be read\n");
  const verbose = await run("worker", "--verbose");
  assertStringIncludes(verbose.err, "command_test_worker.ts");
});

Deno.test("paths are relative to the folder from which a task was called", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kohaku 所-" });
  await run("--called-from", folder, "count", "made");
  assertEquals(await Deno.readTextFile(`${folder}/made`), "done");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("work goes on where nobody reads what is printed: a dead reader, a full disk", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-print-" });
  for (const redirection of [">/dev/full 2>/dev/full", "2>&1 | true", "2>&1 >/dev/full | true"]) {
    const { stdout } = await new Deno.Command("sh", {
      args: [
        "-c",
        `{ deno run --no-prompt --allow-read --allow-write "$1" count "$2"; echo $? >"$2.code"; } ` +
        redirection,
        "sh",
        TASK,
        `${folder}/made`,
      ],
    }).output();
    void stdout;
    for (let tries = 0; tries < 100; tries++) {
      if (await Deno.stat(`${folder}/made.code`).then(({ size }) => size > 0, () => false)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals(await Deno.readTextFile(`${folder}/made.code`), "0\n", redirection);
    assertEquals(await Deno.readTextFile(`${folder}/made`), "done");
    await Deno.remove(`${folder}/made`);
    await Deno.remove(`${folder}/made.code`);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a task whose parent was killed stops and saves, as at Ctrl-C", async () => {
  // The shell stands for `deno task`, which waits for the task that it has started.
  const shell = new Deno.Command("sh", {
    args: [
      "-c",
      'deno run --no-prompt --allow-read "$1" --called-from . wait & wait',
      "sh",
      TASK,
    ],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  await untilWaiting(shell);
  shell.kill("SIGKILL");
  const err = await new Response(shell.stderr).text();
  await shell.status;
  assertStringIncludes(err, "the process that started this one is gone");
  assertStringIncludes(err, "stopped; what was done is saved");
});
