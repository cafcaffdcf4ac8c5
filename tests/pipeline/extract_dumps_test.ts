/** Dumps as they come: histories, old exports, other content, several documents, other packers, other files. */
import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { gzipSync } from "fflate";
import { PipelineError } from "../../pipeline/errors.ts";
import { readDocuments } from "../../pipeline/text/documents.ts";
import { extractDump, type ExtractOptions } from "../../pipeline/wiki/extract.ts";
import type { ExtractManifest } from "../../pipeline/wiki/manifest.ts";

const HEAD = '<mediawiki xml:lang="ja">\n<siteinfo><namespaces><namespace key="0" />' +
  '<namespace key="102">石話</namespace></namespaces></siteinfo>\n';
const TAIL = "</mediawiki>\n";

interface Revision {
  readonly id: number;
  readonly time?: string;
  readonly model?: string;
  /** Undefined where it was deleted. */
  readonly text?: string;
}

function revision({ id, time, model, text }: Revision): string {
  return `<revision><id>${id}</id>${time ? `<timestamp>${time}</timestamp>` : ""}` +
    `${model ? `<model>${model}</model>` : ""}` +
    `${text === undefined ? '<text deleted="deleted" />' : `<text>${text}</text>`}</revision>`;
}

function page(title: string, revisions: readonly Revision[], ns: number | null = 0): string {
  return `<page><title>${title}</title>${ns === null ? "" : `<ns>${ns}</ns>`}<id>1</id>` +
    `${revisions.map(revision).join("")}</page>\n`;
}

function article(text: string): string {
  return page("題", [{ id: 1, text }]);
}

/** A document of the page 雨。, in one bzip2 stream. */
const STREAM =
  "QlpoOTFBWSZTWXuuTcYAAAlZ+QAQAADgBSav3cBQAAAIAEAAQAwgIABqGinqfqgNAYjQxBKp+o1AGho0aACURQVK" +
  "iUrLlQOhm7iNrElgYAgMN+VV4iLw8kXmspmRMsMRFNUxOYTkojzgZknkSAjufdZ1r6PxdyRThQkHuuTcYA==";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function extract(
  folder: string,
  content: string | Uint8Array,
  more: Partial<ExtractOptions> = {},
): Promise<{ texts: string[]; manifest: ExtractManifest }> {
  const dump = `${folder}/dump`, out = `${folder}/text`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(dump, bytes);
  const { manifest } = await extractDump({
    dump,
    out,
    minLength: 0,
    dropLists: false,
    dropSections: false,
    overwrite: true,
    ...more,
  });
  const texts: string[] = [];
  for await (const { text } of readDocuments(out)) texts.push(text);
  return { texts, manifest: manifest! };
}

Deno.test("of a history the latest revision counts, in whatever order they come", () =>
  inFolder(async (folder) => {
    const old = { id: 10, time: "2020-01-01T00:00:00Z", text: "古い。" };
    const latest = { id: 9, time: "2022-01-01T00:00:00Z", text: "新しい。" };
    const deleted = { id: 12, time: "2023-01-01T00:00:00Z" };
    for (const revisions of [[old, latest, deleted], [deleted, latest, old]]) {
      const { texts } = await extract(folder, HEAD + page("題", revisions) + TAIL);
      assertEquals(texts, ["新しい。"]);
    }
    const untimed = [{ id: 3, text: "三。" }, { id: 2, text: "二。" }];
    assertEquals((await extract(folder, HEAD + page("題", untimed) + TAIL)).texts, ["三。"]);
    const blanked = [old, { ...latest, text: "" }];
    const { texts, manifest } = await extract(
      folder,
      HEAD + page("題", blanked) + article("石。") + TAIL,
      { minLength: 1 },
    );
    assertEquals([texts, manifest.counts.dropped.short], [["石。"], 1]);
  }));

Deno.test("exports without <ns> tell namespaces by the prefixes of titles", () =>
  inFolder(async (folder) => {
    const titles = [
      "石",
      "ノート:石",
      "利用者‐会話:石",
      "Wikipedia‐ノート:石",
      "wikipedia:石",
      "Template:石",
      "Template talk:石",
      "カテゴリ:石",
      "石話:石",
      "TRINITY:石の話",
    ];
    const pages = titles.map((title) => {
      return page(title, [{ id: 1, text: `${title}。` }], null);
    });
    const { texts, manifest } = await extract(folder, HEAD + pages.join("") + TAIL);
    assertEquals(texts, ["石。", "TRINITY:石の話。"]);
    assertEquals(manifest.counts.dropped.namespace, 8);
  }));

Deno.test("content that is no wikitext is left out and counted", () =>
  inFolder(async (folder) => {
    const json = page("題", [{ id: 1, model: "json", text: "{}" }]);
    const wikitext = page("題", [{ id: 1, model: "wikitext", text: "石。" }]);
    const { texts, manifest } = await extract(folder, HEAD + json + wikitext + TAIL);
    assertEquals(texts, ["石。"]);
    assertEquals(manifest.counts.dropped["other content"], 1);
  }));

Deno.test("several documents in a file are all read, whatever packs them", () =>
  inFolder(async (folder) => {
    const declared = '<?xml version="1.0" encoding="utf-8"?>\n';
    const documents = ["一。", "二。", "三。"].map((text) =>
      declared + HEAD + article(text) + TAIL
    );
    const texts = ["一。", "二。", "三。"];
    assertEquals((await extract(folder, documents.join(""))).texts, texts);
    const packed = documents.map((text) => gzipSync(new TextEncoder().encode(text)));
    const joined = new Uint8Array(packed.flatMap((bytes) => [...bytes]));
    assertEquals((await extract(folder, joined)).texts, texts);
  }));

Deno.test("a document cut short before another is told as that", () =>
  inFolder(async (folder) => {
    // Cut within a tag, within an element, and before the end of the document.
    for (const end of [-21, -8, -1]) {
      const cut = (HEAD + article("石。")).slice(0, end);
      const error = await assertRejects(
        () => extract(folder, cut + HEAD + article("木。") + TAIL),
        PipelineError,
        "another document begins",
      );
      assert(error.message.includes("download the one before it again"), error.message);
    }
  }));

Deno.test("zero bytes behind a bzip2 or gzip stream are passed, as bzip2 and gzip do", () =>
  inFolder(async (folder) => {
    const zeros = new Uint8Array(1000);
    const stream = Uint8Array.from(atob(STREAM), (character) => character.charCodeAt(0));
    const { texts } = await extract(folder, new Uint8Array([...stream, ...zeros]));
    assertEquals(texts, ["雨。"]);
    const twice = new Uint8Array([...stream, ...zeros, ...stream]);
    assertEquals((await extract(folder, twice)).texts, ["雨。", "雨。"]);
    const gzip = gzipSync(new TextEncoder().encode(HEAD + article("雪。") + TAIL));
    assertEquals((await extract(folder, new Uint8Array([...gzip, ...zeros]))).texts, ["雪。"]);
  }));

const PACKED: readonly (readonly [string, readonly number[]])[] = [
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd, 0]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ["7z", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0]],
];

for (const [kind, bytes] of PACKED) {
  Deno.test(`a dump packed with ${kind} is decoded by a tool, which is asked for`, () =>
    inFolder(async (folder) => {
      await assertRejects(
        () => extract(folder, new Uint8Array(bytes)),
        PipelineError,
        `add --decompressor ${kind}`,
      );
      await Deno.writeTextFile(`${folder}/xml`, HEAD + article("石。") + TAIL);
      // What stands for the tool gets standard input, or the archive's path behind its arguments.
      await Deno.writeTextFile(`${folder}/tool.sh`, `[ -n "$2" ] || cat > /dev/null; cat "$1"`);
      const decompressor = `sh ${folder}/tool.sh ${folder}/xml`;
      assertEquals((await extract(folder, new Uint8Array(bytes), { decompressor })).texts, [
        "石。",
      ]);
    }));
}

const OTHERS: readonly (readonly [string, string, string])[] = [
  ["a web page", "<!DOCTYPE html><html></html>", "is a web page"],
  ["an index", "579:12:石\n579:13:木\n", "by --index"],
  ["an SQL dump", "-- MySQL dump 10.19\nCREATE TABLE page", "is an SQL dump"],
  ["JSON", '{"index":{"_type":"page"}}', "is JSON"],
  ["checksums", `${"0123456789abcdef".repeat(2)}  dump.xml.bz2\n`, "list of checksums"],
  ["a piece of a dump", article("石。"), "join it to those before it"],
];

for (const [name, content, message] of OTHERS) {
  Deno.test(`${name} is told as what it is, packed or not`, () =>
    inFolder(async (folder) => {
      const packed = gzipSync(new TextEncoder().encode(content));
      for (const file of [content, packed]) {
        await assertRejects(() => extract(folder, file), PipelineError, message);
      }
    }));
}
