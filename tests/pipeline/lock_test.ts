import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import { type Lock, lock, type LockUse } from "../../pipeline/lock.ts";

const WRITE: LockUse = { task: "build", mode: "write" };
const READ: LockUse = { task: "pretrain", mode: "read" };

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-lock-" });
  try {
    await body(folder);
    assertEquals(lockFiles(folder), [], "lock files are left");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function lockFiles(folder: string): string[] {
  const locks = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name === ".kohaku-locks");
  return locks.flatMap((locks) => [locks, ...Deno.readDirSync(`${folder}/${locks}`)])
    .map((entry) => typeof entry === "string" ? entry : `.kohaku-locks/${entry.name}`);
}

/** Starts a process that locks a path, and waits until it has done so. */
async function holder(path: string, use: LockUse, ...more: string[]): Promise<Deno.ChildProcess> {
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-write",
      "--allow-sys=hostname",
      fromFileUrl(new URL("lock_test_process.ts", import.meta.url)),
      path,
      JSON.stringify(use),
      ...more,
    ],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return child;
}

Deno.test("a writer suffers nobody else, readers suffer each other, and shards of one work do", () =>
  inFolder(async (folder) => {
    const share = (index: number, count: number, of = "a"): LockUse => ({
      ...WRITE,
      share: { index, count, of },
    });
    const cases: [LockUse, LockUse, boolean][] = [
      [WRITE, WRITE, false],
      [WRITE, READ, false],
      [READ, WRITE, false],
      [READ, READ, true],
      [share(1, 2), share(2, 2), true],
      [share(1, 2), share(1, 2), false],
      [share(1, 2), share(2, 3), false],
      [share(1, 2), share(2, 2, "b"), false],
      [share(1, 2), WRITE, false],
      [share(1, 2), READ, false],
    ];
    for (const [first, second, together] of cases) {
      using _first = await lock(`${folder}/text`, first);
      // Another file is nobody's business.
      using _other = await lock(`${folder}/text.model`, WRITE);
      if (together) (await lock(`${folder}/text`, second)).release();
      else await assertRejects(() => lock(`${folder}/text`, second), PipelineError, "deno task");
    }
  }));

Deno.test("the refusal says who is at work, where and since when, and names one file under all its names", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/text`);
    await Deno.symlink(`${folder}/text`, `${folder}/link`);
    using writing = await lock(`${folder}/link`, WRITE);
    const { message } = await assertRejects(() => lock(`${folder}/text`, READ), PipelineError);
    assertStringIncludes(message, "`deno task build` is writing there");
    assertStringIncludes(message, `process ${Deno.pid} on ${Deno.hostname()}, since 2`);
    writing.share();
    (await lock(`${folder}/text`, READ)).release();
    await assertRejects(() => lock(`${folder}/text`, WRITE), PipelineError, "is reading there");
  }));

Deno.test("of many that begin at the same moment just one goes on, and none waits for ever", () =>
  inFolder(async (folder) => {
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 6 }, () => lock(`${folder}/text`, WRITE)),
      );
      const held = outcomes.filter((one) => one.status === "fulfilled");
      assert(held.length <= 1, `${held.length} writers at once`);
      for (const one of outcomes) if (one.status === "fulfilled") one.value.release();
    }
  }));

Deno.test("a lock outlives neither a kill nor an exit in the middle of work", () =>
  inFolder(async (folder) => {
    const path = `${folder}/text`;
    const child = await holder(path, WRITE);
    await assertRejects(() => lock(path, WRITE), PipelineError, `process ${child.pid} on`);
    child.kill("SIGKILL");
    await child.status;
    assertEquals(lockFiles(folder).length, 2, "a kill leaves the file in its folder");
    (await lock(path, WRITE)).release();
    assertEquals(lockFiles(folder), [], "which the next one removes");
    assertEquals((await (await holder(path, WRITE, "exit")).status).code, 0);
    assertEquals(lockFiles(folder), [], "Deno.exit gives the lock back");
  }));

Deno.test("a holder on another machine is dead when it has not renewed its file for a while", () =>
  inFolder(async (folder) => {
    const path = `${folder}/text`, file = `${folder}/.kohaku-locks/text-lock-elsewhere`;
    await Deno.mkdir(`${folder}/.kohaku-locks`);
    const place = async (minutesAgo: number): Promise<void> => {
      const elsewhere = { ...WRITE, settled: true, pid: 1, host: "another-machine", since: "now" };
      await Deno.writeTextFile(file, JSON.stringify(elsewhere));
      const time = Date.now() / 1000 - 60 * minutesAgo;
      await Deno.utime(file, time, time);
    };
    await place(3);
    const { message } = await assertRejects(() => lock(path, WRITE), PipelineError);
    assertStringIncludes(message, "text-lock-elsewhere if that machine is gone");
    await place(6);
    (await lock(path, WRITE)).release();
    await Deno.mkdir(`${folder}/.kohaku-locks`);
    // What is no lock file of ours is taken for one that lives, for as long.
    await Deno.writeTextFile(file, "{");
    await assertRejects(() => lock(path, WRITE), PipelineError);
    await Deno.remove(`${folder}/.kohaku-locks`, { recursive: true });
  }));

Deno.test("a holder whose file is taken away is told", () =>
  inFolder(async (folder) => {
    const { setInterval } = globalThis;
    let renew: (() => void) | undefined;
    Object.assign(globalThis, {
      setInterval: (call: () => void) => {
        renew = call;
        return setInterval(() => {}, 1_000_000);
      },
    });
    let held: Lock;
    try {
      held = await lock(`${folder}/text`, WRITE);
    } finally {
      Object.assign(globalThis, { setInterval });
    }
    renew!();
    assert(!held.lost.aborted);
    await Deno.remove(`${folder}/${lockFiles(folder)[1]}`);
    renew!();
    assert(held.lost.aborted);
    assertStringIncludes(held.lost.reason.message, "was removed");
    held.release();
  }));
