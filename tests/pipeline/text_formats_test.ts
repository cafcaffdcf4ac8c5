import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert/mod.js";
import { zstdCompressSync } from "node:zlib";
import { gzipSync } from "fflate";
import { parquetWriteBuffer } from "hyparquet-writer";
import { buildExamples, type BuildOptions } from "../../pipeline/examples/build.ts";
import { readBatches } from "../../pipeline/examples/loader.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { type Document, readDocuments, type TextOptions } from "../../pipeline/text/documents.ts";
import { readLines } from "../../pipeline/text/lines.ts";
import { parseSource, parseSources, readSources } from "../../pipeline/text/sources.ts";
import { chance } from "./sentencepiece/small_model.ts";
import { tinyModel } from "./tiny_model.ts";

const utf8 = new TextEncoder();

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

/** Runs `body` in a folder of files. */
async function withFiles(
  files: Readonly<Record<string, Uint8Array | string>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeFile(
        `${folder}/${name}`,
        typeof content === "string" ? utf8.encode(content) : content,
      );
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const texts = async (path: string, options?: TextOptions): Promise<string[]> =>
  (await collect(readDocuments(path, undefined, options))).map(({ text }) => text);

/** Two frames of Zstandard, as block-wise compressors write them, of Node's own encoder. */
function zstd(text: string): Uint8Array {
  const bytes = utf8.encode(text), half = bytes.length >> 1;
  return Uint8Array.from([
    ...zstdCompressSync(bytes.subarray(0, half)),
    ...zstdCompressSync(bytes.subarray(half)),
  ]);
}

function parquet(
  columns: Readonly<Record<string, readonly (string | null)[]>>,
  codec: "SNAPPY" | "UNCOMPRESSED" | "GZIP" | "ZSTD",
): Uint8Array<ArrayBuffer> {
  const compressors = {
    GZIP: (input: Uint8Array) => gzipSync(input),
    ZSTD: (input: Uint8Array) => new Uint8Array(zstdCompressSync(input)),
  };
  return new Uint8Array(parquetWriteBuffer({
    columnData: Object.entries(columns).map(([name, data]) => ({
      name,
      data: [...data],
      type: "STRING",
    })),
    codec,
    compressors,
    rowGroupSize: 700,
  }));
}

Deno.test("plain text: blank lines end documents, or only files do; packed text reads the same", async () => {
  const text = "　雨の日。\n風の日。\n\n \n雪。\n\n\n霧\n";
  const files = { "a.txt": text, "b.txt.gz": gzipSync(utf8.encode(text)), "c.txt.zst": zstd(text) };
  await withFiles(files, async (folder) => {
    for (const name of Object.keys(files)) {
      const documents = await collect(readDocuments(`${folder}/${name}`));
      assertEquals(documents.map(({ text }) => text), ["　雨の日。\n風の日。", "雪。", "霧"], name);
      assertEquals(documents.map(({ id }) => id), [`${name}:1`, `${name}:5`, `${name}:8`]);
      assertEquals(await texts(`${folder}/${name}`, { separator: "file" }), [
        "　雨の日。\n風の日。\n\n \n雪。\n\n\n霧",
      ]);
    }
    assertEquals((await texts(folder)).length, 9);
    assertEquals(await collect(readLines(`${folder}/a.txt`)), [
      "　雨の日。",
      "風の日。",
      "雪。",
      "霧",
    ]);
  });
  await withFiles({ "empty.txt": "", "blank.txt": "\n\n" }, async (folder) => {
    assertEquals(await texts(folder), []);
  });
});

Deno.test("JSON lines: the text may bear another key; one that is missing is told with a guess", async () => {
  const lines = '{"body":"雨","id":7}\n\n{"body":"風","title":"題"}\n';
  const files = { "a.jsonl": lines, "a.ndjson.zst": zstd(lines) };
  await withFiles(files, async (folder) => {
    for (const name of Object.keys(files)) {
      assertEquals(
        await collect(readDocuments(`${folder}/${name}`, undefined, { textField: "body" })),
        [
          { id: "7", title: "", text: "雨" },
          { id: `${name}:3`, title: "題", text: "風" },
        ],
      );
    }
    await assertRejects(
      () => texts(`${folder}/a.jsonl`),
      PipelineError,
      "a.jsonl, line 1: not a document (text is missing; --text-field names another, such as body)",
    );
  });
});

Deno.test("Parquet: rows come in order from every row group, whatever the codec", async () => {
  const rows = Array.from({ length: 2500 }, (_, i) => i % 100 === 99 ? null : `本文${i}\n二行目`);
  const ids = rows.map((_, i) => `x${i}`);
  for (const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"] as const) {
    await withFiles({ "a.parquet": parquet({ id: ids, body: rows }, codec) }, async (folder) => {
      let bytes = 0;
      const read = await collect(readDocuments(folder, (n) => bytes += n, { textField: "body" }));
      const wanted = rows.flatMap((text, i): Document[] =>
        text === null ? [] : [{ id: ids[i], title: "", text }]
      );
      assertEquals(read, wanted, codec);
      assert(bytes > 0);
      await assertRejects(() => texts(folder), PipelineError, "has no column text but id, body");
    });
  }
});

Deno.test("damage in packed text and in Parquet is told with the file, without a crash", async () => {
  const draw = chance(5);
  const text = Array.from({ length: 300 }, (_, i) => `第${i}文。${draw(1000)}\n`).join("");
  const good = {
    "a.txt.gz": gzipSync(utf8.encode(text)),
    "a.txt.zst": zstd(text),
    "a.parquet": parquet({ text: text.split("\n") }, "SNAPPY"),
    "z.parquet": parquet({ text: text.split("\n") }, "ZSTD"),
  };
  for (const [name, bytes] of Object.entries(good)) {
    let refused = 0;
    for (let attempt = 0; attempt < 90; attempt++) {
      // hyparquet trusts the lengths within pages, so a turned bit there may cost a long time.
      const cut = attempt % 3 === 0 || name.endsWith(".parquet");
      const broken = cut ? bytes.slice(0, draw(bytes.length)) : bytes.slice();
      if (!cut) broken[draw(broken.length)] ^= 1 << draw(8);
      await withFiles({ [name]: broken }, async (folder) => {
        try {
          await texts(`${folder}/${name}`);
        } catch (error) {
          assert(error instanceof PipelineError, `${name} ${attempt}: ${error}`);
          assert(error.message.startsWith(`${folder}/${name}`), error.message);
          refused++;
        }
      });
    }
    assert(refused > 25, `${name}: ${refused} refused`);
  }
});

Deno.test("sources are written as NAME=PATH:WEIGHT", () => {
  assertEquals(parseSource("data/text"), { path: "data/text", weight: 1 });
  assertEquals(parseSource("wiki=data/text:2"), { name: "wiki", path: "data/text", weight: 2 });
  assertEquals(parseSource("本=b.txt:0.5"), { name: "本", path: "b.txt", weight: 0.5 });
  assertEquals(parseSource("a/x=y.txt"), { path: "a/x=y.txt", weight: 1 });
  assertThrows(() => parseSource("a:0"), PipelineError, "has the weight 0");
  assertThrows(() => parseSource("wiki="), PipelineError, "names no path");
  assertEquals(parseSources(["a/text", "b=c.txt"]).map(({ name }) => name), ["text", "b"]);
  assertThrows(
    () => parseSources(["a/text", "b/text"]),
    PipelineError,
    "two inputs are called text",
  );
});

Deno.test("a weight is how often documents count: whole copies, and a fair share of one more", async () => {
  const lines = Array.from({ length: 2000 }, (_, i) => JSON.stringify({ id: i, text: `文${i}` }))
    .join("\n");
  await withFiles({ "a.jsonl": lines }, async (folder) => {
    for (const weight of [0.25, 1, 2.5]) {
      const documents = await collect(readSources([{ name: "a", path: folder, weight }], {}));
      assert(Math.abs(documents.length - 2000 * weight) < 100, `${weight}: ${documents.length}`);
      assert(documents.every(({ id }) => id.startsWith("a/")));
      const copies = Map.groupBy(documents, ({ id }) => id);
      for (const same of copies.values()) {
        assertEquals(same.map(({ copy }) => copy ?? 0), [...same.keys()]);
      }
    }
  });
});

Deno.test("a build of several sources counts each, repeats none that is held out, and goes on when stopped", async () => {
  const draw = chance(9);
  const letters = [..."あいうえおかきくけこさしすせそ日本語文。"];
  const line = (): string =>
    Array.from({ length: 5 + draw(60) }, () => letters[draw(letters.length)]).join("");
  const wiki = Array.from({ length: 400 }, (_, i) => JSON.stringify({ id: i, text: line() })).join(
    "\n",
  );
  const books = Array.from({ length: 300 }, line).join("\n\n");
  const files = { "wiki.jsonl.zst": zstd(wiki), "books.txt": books, "m.model": tinyModel() };
  await withFiles(files, async (folder) => {
    const options = (output: string, numProcesses: number): BuildOptions => ({
      input: parseSources([`wiki=${folder}/wiki.jsonl.zst:2`, `books=${folder}/books.txt:0.5`]),
      model: `${folder}/m.model`,
      output: `${folder}/${output}`,
      maxSeqLength: 32,
      numProcesses,
      numOutFiles: 3,
      compress: "none",
      evalFraction: 0.2,
      seed: 3,
      doLowerCase: false,
      overwrite: false,
      gatherBytes: 1,
    });
    const never = new AbortController().signal;
    const { manifest } = await buildExamples(options("one", 1), never, () => {});
    const [first, second] = manifest.sources!;
    assertEquals([first.name, first.documents], ["wiki", 800]);
    assert(Math.abs(second.documents - 150) < 40, String(second.documents));
    const { train, eval: held } = manifest;
    assertEquals(first.examples + second.examples, train.examples + held.examples);
    assertEquals(first.tokens + second.tokens, train.tokens + held.tokens);
    assertEquals(first.textBytes + second.textBytes, manifest.textBytes);
    assertEquals(manifest.recipe.sources, [
      { name: "wiki", weight: 2, files: 1 },
      { name: "books", weight: 0.5, files: 1 },
    ]);
    // Held out once, trained on twice: no text is in both.
    const seen = async (prefix: string): Promise<Set<string>> => {
      const found = new Set<string>();
      const source = {
        files: `${folder}/one/${prefix}*`,
        batchSize: 1,
        maxSeqLength: 32,
        vocabSize: 200,
      };
      for await (const { inputIds } of readBatches(source)) {
        // The beginnings of examples are beginnings of documents or of what follows; long ones tell.
        if (inputIds[20] !== 0) found.add(inputIds.subarray(1, 20).join());
      }
      return found;
    };
    const [trained, heldOut] = [await seen("pretrain_data"), await seen("eval_data")];
    assert(trained.size > 100 && heldOut.size > 20);
    assertEquals([...heldOut].filter((start) => trained.has(start)), []);

    // Stopped at every chance, with two workers, the files are the same.
    for (let stops = 0;; stops++) {
      const controller = new AbortController();
      const seenDocuments = new Set<number>();
      try {
        await buildExamples(options("two", 2), controller.signal, (progress) => {
          if (progress.phase !== "encode") return;
          seenDocuments.add(progress.documents);
          if (seenDocuments.size === 1 && stops < 3) controller.abort(new Error("stopped"));
        });
        break;
      } catch (error) {
        assertEquals((error as Error).message, "stopped");
      }
    }
    for (const { name, sha256 } of [...train.files, ...held.files]) {
      const bytes = await Deno.readFile(`${folder}/two/${name}`);
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      assertEquals(hash.toHex(), sha256, name);
    }
  });
});
