/** A dump in, documents out: kinds of files, damage, and nothing half done. */
import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { gzipSync } from "fflate";
import { PipelineError } from "../../pipeline/errors.ts";
import { type Document, readDocuments } from "../../pipeline/text/documents.ts";
import { extractDump, type ExtractOptions } from "../../pipeline/wiki/extract.ts";
import { readExtractManifest } from "../../pipeline/wiki/manifest.ts";

interface PageText {
  readonly title: string;
  readonly text: string;
  readonly ns?: number;
}

function pageXml({ title, text, ns = 0 }: PageText, id: number): string {
  return `  <page>\n    <title>${title}</title>\n    <ns>${ns}</ns>\n    <id>${id}</id>\n` +
    `    <revision>\n      <id>${
      id + 900
    }</id>\n      <text bytes="1" xml:space="preserve">${text}` +
    `</text>\n    </revision>\n  </page>\n`;
}

const HEAD =
  '<mediawiki xml:lang="ja">\n  <siteinfo>\n    <sitename>試</sitename>\n  </siteinfo>\n';

function dumpXml(pages: readonly PageText[]): string {
  return HEAD + pages.map((page, i) => pageXml(page, i + 1)).join("") + "</mediawiki>\n";
}

const PAGES: readonly PageText[] = [
  { title: "琥珀", text: "'''琥珀'''は&lt;ref&gt;本&lt;/ref&gt;化石である。A&amp;amp;B" },
  { title: "利用者", text: "雑談", ns: 2 },
  { title: "松", text: "松は木である。" },
];

/** The dump of PAGES, packed: head, two pages, one page and end, a stream each; and all in one stream. */
const STREAMS: readonly string[] = [
  "QlpoOTFBWSZTWR8dYC4AAArZkUAQUACAFye/jMABIABAIABAlQnpGIaaD1MTQo0NAAAA6ANZkxpOUpHL76Oj" +
  "Rabud0pKaKyoPZ6tsywbRjVTy8DMS4+41ARfsY/F3JFOFCQHx1gLgA==",
  "QlpoOTFBWSZTWUq6954AAC3d+VAQUYDwPzAAP6fdYHLM5QyC7IgAC+AwAPtDGBoCYCZBgmAmTEYRgBD0Gp6o" +
  "NTQD1B6gABoaYmIaNGgAFVNQpjUyMCYQaNDRhAAAaGSdKVpIhJJQkQcqorrbChdxPn6zWLRgGAhFwNVQVklG" +
  "UK0gosXiUm0FjBAqBoXwQkEMAjYxLCZMyIZUyEy5RQiE6fqv3Eox2GRlGdlYXQQzrK2mSgsqSuymMqlcqmZB" +
  "UaFZoKVKyVm2nULyLl1QnbpfIUmduLi6maVKkhVLykvoNLuatcS5I7ZtX7xxrPiPTZsn9x2WCOgNc/ob1Loh" +
  "PwgCA/whBuLuSKcKEglXXvPA",
  "QlpoOTFBWSZTWeP9DwYAABbZ+VAQUADoNz6n3WBwCAAGAMCAAQkAIACSDVPU0PSAaAADTQAGJIR6mnkIGh6T" +
  "CBkDiYEBEETEBC6h8d6qJi+hQXKoOph3+NWpkyvjWzWqTJnODR7F9sgMJbrgqYYFDWJDmJw8Ti9DHEGcYS2h" +
  "SkImFAIxpAFmYJ0KMUkF+gMLfL5pvoux356xP3Q/F3JFOFCQ4/0PBg==",
  "QlpoOTFBWSZTWe2+c6oAAAFZgAAQAACABSYqAIAgACIGhpoIBppoAksUl1rvF3JFOFCQ7b5zqg==",
];
/** A page whose title is closed by another name. */
const BROKEN_STREAM =
  "QlpoOTFBWSZTWakZh7MAAATZgEAQQACABSKkREAgADEAAAaaR6gZqSoMYghAsrlEWKGHYIR7bMy/i7kinChI" +
  "VIzD2YA=";
const ONE_STREAM =
  "QlpoOTFBWSZTWRK7NqcAAIjd+VAQUYD4PzAAP7/d4HLM5Q6D7IgBC+AwATgERU9E0BoxBkyZMTBAZGQAMGiZ" +
  "ocwBGCYgGATBNGQ0MAmCMTCKRKepptMqeamp7RqI0Gn6kyeI0gBoA0MkxTMAECAUCsAeh499yPC6L2QaOI/H" +
  "512WhejfCmpoLGLoiCIfMFuBDbfxSiV2KUXOlj6+Pd1Z/314nkcknGwxE2HY83I2s2TzOuTrZsMmeqXLKkpI" +
  "gKCcEZfF0XoYyeHHUZnBkDUbX1NLa7IZMnaZw4WGSEDiLGoazaZzWOA9JiKhyjAVDdaeANtA1lhVk6gmXjWY" +
  "ye80uwoGoraHea2NOpoZuMc4w8A0UEZWx0FxJpDc0u+MMx0vAOYvCQ7n3Had0DgQe0l2/3lI7g+8dnf3hP7F" +
  "eEBznSiLthTSAwqCsk/rOE24YigIFwrITAWQVgu5IpwoSAldm1OA";

function unpack(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const DOCUMENTS: readonly Document[] = [
  { id: "1", title: "琥珀", text: "琥珀は化石である。A&B" },
  { id: "3", title: "松", text: "松は木である。" },
];

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const DEFAULTS = { minLength: 0, dropLists: false, dropSections: false, overwrite: false };

async function extract(
  folder: string,
  content: Uint8Array | string,
  more: Partial<ExtractOptions> = {},
): Promise<Document[]> {
  const dump = `${folder}/dump`;
  await Deno.writeFile(
    dump,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  const out = `${folder}/text`;
  await extractDump({ dump, out, ...DEFAULTS, ...more });
  return await documentsOf(out);
}

async function documentsOf(folder: string): Promise<Document[]> {
  const documents: Document[] = [];
  for await (const document of readDocuments(folder)) documents.push(document);
  return documents;
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("plain XML becomes documents", () =>
  inFolder(async (folder) => {
    assertEquals(await extract(folder, dumpXml(PAGES)), DOCUMENTS);
  }));

Deno.test("gzipped XML becomes the same documents", () =>
  inFolder(async (folder) => {
    const plain = new TextEncoder().encode(dumpXml(PAGES));
    assertEquals(await extract(folder, gzipSync(plain)), DOCUMENTS);
    const members = join([gzipSync(plain.subarray(0, 300)), gzipSync(plain.subarray(300))]);
    assertEquals(await extract(folder, members, { overwrite: true }), DOCUMENTS, "two members");
  }));

Deno.test("bzip2 becomes the same documents, from one stream and from many", () =>
  inFolder(async (folder) => {
    assertEquals(await extract(folder, unpack(ONE_STREAM)), DOCUMENTS);
    const streams = join(STREAMS.map(unpack));
    assertEquals(await extract(folder, streams, { overwrite: true }), DOCUMENTS);
  }));

Deno.test("bzip2 cut or damaged anywhere is an explained error", () =>
  inFolder(async (folder) => {
    const streams = join(STREAMS.map(unpack));
    const damaged = Uint8Array.from(streams);
    damaged[Math.floor(streams.length / 2)] ^= 0x10;
    const starts = [100, 200, streams.length - 20, streams.length - 1];
    for (const bytes of [damaged, ...starts.map((end) => streams.subarray(0, end))]) {
      const error = await assertRejects(
        () => extract(folder, bytes, { overwrite: true }),
        PipelineError,
      );
      assert(/cut short|damaged/.test(error.message), error.message);
      assertEquals(namesIn(folder), ["dump"]);
    }
  }));

Deno.test("minimum length and lists leave pages out; counts say why", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/dump`,
      dumpXml([...PAGES, { title: "石の一覧", text: "長い長い一覧である。" }]),
    );
    const { manifest } = await extractDump({
      ...DEFAULTS,
      dump: `${folder}/dump`,
      out: `${folder}/text`,
      minLength: 8,
      dropLists: true,
    });
    const { pages, documents, dropped } = manifest!.counts;
    assertEquals([pages, documents], [4, 1]);
    assertEquals(dropped, {
      namespace: 1,
      "other content": 0,
      redirect: 0,
      disambiguation: 0,
      list: 1,
      short: 1,
      "too complex": 0,
    });
    assertEquals(await readExtractManifest(`${folder}/text`), manifest!);
  }));

const FAULTS: readonly (readonly [string, string | Uint8Array, string])[] = [
  ["empty", "", "is empty"],
  ["not a dump", "こんにちは", "neither XML nor bzip2 nor gzip"],
  ["of another kind of XML", "<html></html>", "holds no page"],
  ["cut inside a page", dumpXml(PAGES).slice(0, -60), "is cut short"],
  ["cut after its last page", dumpXml(PAGES).replace("</mediawiki>", ""), "is cut short"],
  ["broken", dumpXml(PAGES).replace("</title>", "</titel>"), "broken XML at byte"],
  ["cut gzip", gzipSync(new TextEncoder().encode(dumpXml(PAGES))).subarray(0, 150), "cut short"],
  [
    "bzip2 that is damaged",
    new TextEncoder().encode("BZh91AY&SYdamaged and nothing else"),
    "damaged",
  ],
  ["without an article", dumpXml([PAGES[1]]), "none of the 1 pages"],
  ["cut after a stream", join(STREAMS.slice(0, 3).map(unpack)), "is cut short"],
  [
    "broken in one of many streams",
    join([...STREAMS.slice(0, 2), BROKEN_STREAM, STREAMS[3]].map(unpack)),
    "of the bzip2 stream at byte 373",
  ],
];

for (const [name, content, message] of FAULTS) {
  Deno.test(`a dump that is ${name} is an explained error and leaves no document`, () =>
    inFolder(async (folder) => {
      const error = await assertRejects(() => extract(folder, content), PipelineError);
      assert(error.message.includes(message), error.message);
      assert(error.message.includes("/dump"), error.message);
      assertEquals(namesIn(folder), ["dump"]);
    }));
}

Deno.test("the byte of broken XML is the one where it breaks", () =>
  inFolder(async (folder) => {
    const xml = dumpXml(PAGES).replace("松は木である。</text>", "松は木である。</txet>");
    const error = await assertRejects(() => extract(folder, xml), PipelineError);
    const at = Number(/at byte (\d+)/.exec(error.message)?.[1]);
    const expected = new TextEncoder().encode(xml.slice(0, xml.indexOf("</txet>"))).length;
    assert(Math.abs(at - expected) <= 8, `${at} for ${expected}`);
  }));

Deno.test("documents are replaced only when asked", () =>
  inFolder(async (folder) => {
    await extract(folder, dumpXml(PAGES));
    // The same again is done already.
    assertEquals(await extract(folder, dumpXml(PAGES)), DOCUMENTS);
    const other = (): Promise<unknown> => extract(folder, dumpXml([PAGES[2]]));
    await assertRejects(other, PipelineError, "--overwrite");
    await assertRejects(
      () => extract(folder, dumpXml(PAGES), { minLength: 1 }),
      PipelineError,
      "(different: minLength)",
    );
    // Text that another edition of the program made is not taken for this one's.
    const path = `${folder}/text/manifest.json`;
    const manifest = JSON.parse(await Deno.readTextFile(path));
    manifest.recipe.rules--;
    await Deno.writeTextFile(path, JSON.stringify(manifest));
    await assertRejects(
      () => extract(folder, dumpXml(PAGES)),
      PipelineError,
      "(different: rules)",
    );
    const [only] = await extract(folder, dumpXml([PAGES[2]]), { overwrite: true });
    assertEquals(only.title, "松");
    await Deno.writeTextFile(`${folder}/text/mine.txt`, "");
    await assertRejects(
      () => extract(folder, dumpXml(PAGES), { overwrite: true }),
      PipelineError,
      "holds mine.txt",
    );
  }));

Deno.test("a dump that is missing or a folder is told", () =>
  inFolder(async (folder) => {
    const options = { ...DEFAULTS, out: `${folder}/text` };
    await assertRejects(
      () => extractDump({ ...options, dump: `${folder}/none` }),
      PipelineError,
      "does not exist",
    );
    await assertRejects(
      () => extractDump({ ...options, dump: folder }),
      PipelineError,
      "is a folder",
    );
  }));
