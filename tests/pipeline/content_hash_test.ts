/** Inputs are told apart by what they hold: an edit of the same size, in the middle, counts. */
import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { hashFile } from "../../pipeline/content_hash.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { buildExamples, type BuildOptions } from "../../pipeline/examples/build.ts";
import { extractDump } from "../../pipeline/wiki/extract.ts";
import { tinyModel } from "./tiny_model.ts";

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Replaces one character of a file, and gives it back the time it had. */
async function edit(path: string, from: string, to: string): Promise<void> {
  const { mtime, atime } = await Deno.stat(path);
  await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace(from, to));
  await Deno.utime(path, atime!, mtime!);
}

Deno.test("the hash of a file is SHA-256 over all of it, and stops at the signal", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a`, bytes = new Uint8Array(3_000_000).map((_, i) => i * i);
    await Deno.writeFile(path, bytes);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    let read = 0;
    assertEquals(await hashFile(path, undefined, (count) => read += count), expected.toHex());
    assertEquals(read, bytes.length);
    const stopped = AbortSignal.abort(new Error("stopped"));
    await assertRejects(() => hashFile(path, stopped), Error, "stopped");
  });
});

Deno.test("an extraction of a dump that was edited in its middle is not taken for done", async () => {
  await withFolder(async (folder) => {
    const dump = `${folder}/d.xml`, out = `${folder}/out`;
    const page = (id: number, text: string): string =>
      `<page><title>題${id}</title><ns>0</ns><id>${id}</id><revision><text>${text}</text>` +
      "</revision></page>\n";
    const filler = "琥珀は樹脂の化石である。".repeat(3000);
    const pages = [page(1, filler), page(2, "松は木である。"), page(3, filler)];
    await Deno.writeTextFile(dump, `<mediawiki>\n${pages.join("")}</mediawiki>\n`);
    const extract = (): ReturnType<typeof extractDump> =>
      extractDump({
        dump,
        out,
        minLength: 1,
        dropLists: false,
        dropSections: false,
        overwrite: false,
      });
    await extract();
    assertEquals((await extract()).parts, 0);
    await edit(dump, "松は木", "杉は木");
    await assertRejects(extract, PipelineError, "different: dumpHash");
    await edit(dump, "杉は木", "松は木");
    assertEquals((await extract()).parts, 0);
  });
});

Deno.test("a build from text that was edited in its middle is not taken for done", async () => {
  await withFolder(async (folder) => {
    const input = `${folder}/a.jsonl`, model = `${folder}/wiki-ja.model`;
    await Deno.writeFile(model, tinyModel());
    const line = (id: number): string => JSON.stringify({ id, text: "あいうえお。".repeat(9) });
    await Deno.writeTextFile(input, Array.from({ length: 9 }, (_, id) => line(id)).join("\n"));
    const options: BuildOptions = {
      input,
      model,
      output: `${folder}/out`,
      maxSeqLength: 16,
      numProcesses: 1,
      compress: "none",
      evalFraction: 0,
      seed: 1,
      doLowerCase: false,
      overwrite: false,
    };
    const build = (): ReturnType<typeof buildExamples> =>
      buildExamples(options, new AbortController().signal, () => {});
    assertEquals((await build()).resumedAt, 0);
    assertEquals((await build()).resumedAt, 9);
    await edit(input, "あいう", "うあい");
    await assertRejects(build, PipelineError, "different: inputs");
  });
});
