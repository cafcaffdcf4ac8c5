import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";
import { gzipSync } from "fflate";
import { AtomicFile, writeFileAtomic } from "../../../pipeline/atomic_file.ts";
import { tinyModel } from "../tiny_model.ts";

const TASK = fromFileUrl(new URL("kill_test_task.ts", import.meta.url));

/** Runs a build in a process of its own and kills it after `lines` lines of progress, if given. */
async function build(
  folder: string,
  output: string,
  compress: string,
  lines = Infinity,
): Promise<{ killed: boolean; lines: string[] }> {
  const child = new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", TASK, folder, output, compress],
    stdout: "piped",
  }).spawn();
  const seen: string[] = [];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    seen.push(...text.split("\n").filter((line) => line !== ""));
    if (seen.length >= lines) child.kill("SIGKILL");
  }
  const { success } = await child.status;
  assert(success || lines < Infinity, "a build that nobody disturbs must end well");
  return { killed: !success, lines: seen };
}

/** Name and content of all files in a folder. */
async function contentOf(folder: string): Promise<[string, Uint8Array][]> {
  const content: [string, Uint8Array][] = [];
  for await (const { name } of Deno.readDir(folder)) {
    content.push([name, await Deno.readFile(`${folder}/${name}`)]);
  }
  return content.sort(([a], [b]) => a < b ? -1 : 1);
}

Deno.test("a build killed at several points ends with the bytes of an undisturbed one", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-kill-" });
  try {
    await Deno.mkdir(`${folder}/text`);
    const lines = Array.from({ length: 2500 }, (_, id) => {
      const sentences = Array.from({ length: id % 9 }, (_, i) => "あいうえお".repeat(1 + i) + "。");
      return JSON.stringify({ id: String(id), title: "", text: sentences.join("") }) + "\n";
    });
    const bytes = new TextEncoder().encode(lines.join(""));
    await Deno.writeFile(`${folder}/text/0.jsonl.gz`, gzipSync(bytes));
    await Deno.writeFile(`${folder}/tiny.model`, tinyModel());
    for (const compress of ["none", "gzip"]) {
      const whole = await build(folder, `${folder}/whole-${compress}`, compress);
      assertGreater(whole.lines.length, 10);
      const output = `${folder}/killed-${compress}`;
      let kills = 0;
      for (const after of [1, 4, 7, 3]) {
        const { killed } = await build(folder, output, compress, after);
        if (!killed) break;
        kills++;
        await assertRejects(() => Deno.stat(output), Deno.errors.NotFound);
      }
      assertGreater(kills, 1);
      await build(folder, output, compress);
      assertEquals(await contentOf(output), await contentOf(`${folder}/whole-${compress}`));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a full disk is one clear line, and nothing appears under the final name", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-full-" });
  try {
    const task = fromFileUrl(new URL("full_disk_test_task.ts", import.meta.url));
    const { stdout } = await new Deno.Command("deno", {
      args: ["run", "--allow-all", task, folder],
    }).output();
    const [atomic, shards] = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(
      atomic,
      `PipelineError: ${folder}/x: No space left on device (os error 28); ` +
        `make room or choose another disk, then rerun`,
    );
    assertStringIncludes(shards, "No space left on device");
    assertStringIncludes(shards, `${folder}/shard`);
    const left: string[] = [];
    for await (const { name } of Deno.readDir(folder)) left.push(name);
    assertEquals(left, ["shard"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file under construction is invisible until it is committed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-atomic-" });
  try {
    await writeFileAtomic(`${folder}/x`, "old");
    const file = await AtomicFile.create(`${folder}/x`);
    await file.write(new TextEncoder().encode("ne"));
    assertEquals(await Deno.readTextFile(`${folder}/x`), "old");
    await file.write(new TextEncoder().encode("w"));
    await file.commit();
    await file.discard();
    assertEquals(await Deno.readTextFile(`${folder}/x`), "new");
    const other = await AtomicFile.create(`${folder}/y`);
    await other.discard();
    assertEquals((await contentOf(folder)).map(([name]) => name), ["x"]);
    await assertRejects(
      () => writeFileAtomic(`${folder}/missing/x`, "content"),
      Deno.errors.NotFound,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
