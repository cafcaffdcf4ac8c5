/** Text that is not UTF-8 is never read as if it were, whichever way it comes in. */
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert/mod.js";
import { gzipSync } from "fflate";
import { PipelineError } from "../../pipeline/errors.ts";
import { readDocuments } from "../../pipeline/text/documents.ts";
import { encodingName, TextReader } from "../../pipeline/text/encoding.ts";
import { readLines } from "../../pipeline/text/lines.ts";
import { extractDump } from "../../pipeline/wiki/extract.ts";

const TEXT = "琥珀は樹脂の化石である。\nテスト、カタカナとひらがな。\n";

/** TEXT in each encoding, as Python's codecs write it. */
const ENCODED: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "shift_jis": Uint8Array.fromHex(
    "e0e6e0df82cd8ef78e8982cc89bb90ce82c582a082e981420a" +
      "8365835883678141834a835e834a836982c682d082e782aa82c881420a",
  ),
  "euc-jp": Uint8Array.fromHex(
    "e0e8e0e1a4cfbcf9bbe9a4ceb2bdc0d0a4c7a4a2a4eba1a30a" +
      "a5c6a5b9a5c8a1a2a5aba5bfa5aba5caa4c8a4d2a4e9a4aca4caa1a30a",
  ),
  "utf-16le": utf16(TEXT, true),
  "utf-16be": utf16(TEXT, false),
};

/** UTF-16 of a text. */
function utf16(text: string, little: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * text.length), view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), little);
  return bytes;
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function decode(bytes: Uint8Array, encoding = "utf-8", chunk = 1 << 16): string {
  const reader = TextReader.ofFile("data/a.txt", encoding);
  let text = "";
  for (let at = 0; at < bytes.length; at += chunk) {
    text += reader.decode(bytes.subarray(at, at + chunk));
  }
  return text + reader.end();
}

Deno.test("UTF-8 is read in chunks of any size, its mark left out", () => {
  const bytes = new TextEncoder().encode(`\ufeff${TEXT}𠮷`);
  for (const chunk of [1, 2, 3, 7, 1000]) {
    assertEquals(decode(bytes, undefined, chunk), `${TEXT}𠮷`);
  }
});

Deno.test("text in another encoding is told with byte, encoding and the command to convert it", () => {
  const iconv = { "shift_jis": "CP932", "euc-jp": "EUC-JP", "utf-16le": "UTF-16LE" };
  for (const [encoding, name] of Object.entries(iconv)) {
    const { message } = assertThrows(() => decode(ENCODED[encoding]), PipelineError);
    assertStringIncludes(message, "data/a.txt: ");
    assertStringIncludes(message, `looks like ${encoding}`);
    assertStringIncludes(message, "at byte 0");
    assertStringIncludes(message, `iconv -f ${name} -t UTF-8 data/a.txt > NEW`);
    assertStringIncludes(message, `--encoding ${encoding}`);
  }
  // All bytes of ISO-2022-JP are ASCII.
  const jis = new TextEncoder().encode("\x1b$B$O\x1b(B\n");
  assertThrows(() => decode(jis), PipelineError, "looks like iso-2022-jp");
  // With a mark, and of ASCII alone.
  const marked = Uint8Array.from([0xfe, 0xff, ...utf16("琥珀", false)]);
  assertThrows(() => decode(marked), PipelineError, "looks like utf-16be");
  assertThrows(() => decode(utf16("amber\n", true)), PipelineError, "looks like utf-16le");
});

Deno.test("text in another encoding is read where its encoding is named", () => {
  for (const [encoding, bytes] of Object.entries(ENCODED)) {
    for (const chunk of [1, 2, 5, 1000]) assertEquals(decode(bytes, encoding, chunk), TEXT);
    assertThrows(() => decode(bytes.subarray(0, 1), encoding), PipelineError, "at byte 1");
  }
  assertEquals(encodingName("SJIS"), "shift_jis");
  assertThrows(() => encodingName("klingon"), PipelineError, "klingon is not known");
});

Deno.test("a damaged byte is found at its place, whatever the chunks", () => {
  const good = new TextEncoder().encode(TEXT.repeat(9));
  for (const [place, byte] of [[100, 0xff], [100, 0x41], [101, 0xff], [99, 0x20], [0, 0x80]]) {
    // The character starts at the last byte before that does not go on with another.
    let expected = place;
    while ((good[expected] & 0xc0) === 0x80) expected--;
    const bytes = good.slice();
    bytes[place] = byte;
    for (const chunk of [1, 2, 3, 64, 10_000]) {
      const error = assertThrows(() => decode(bytes, undefined, chunk), PipelineError);
      assertStringIncludes(error.message, `at byte ${expected};`, `chunks of ${chunk}`);
    }
    assertThrows(() => decode(bytes), PipelineError, "a damaged byte?");
  }
  const end = good.length - 1;
  assertThrows(() => decode(good.subarray(0, end - 1)), PipelineError, `at byte ${end - 1}`);
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(items);
}

Deno.test("lines and documents are decoded strictly, packed or not", async () => {
  await withFolder(async (folder) => {
    const sjis = ENCODED["shift_jis"];
    await Deno.writeFile(`${folder}/a.txt`, sjis);
    await Deno.writeFile(`${folder}/a.txt.gz`, gzipSync(sjis));
    for (const name of ["a.txt", "a.txt.gz"]) {
      const path = `${folder}/${name}`;
      await assertRejects(() => collect(readLines(path)), PipelineError, "looks like shift_jis");
      assertEquals(
        await collect(readLines(path, { encoding: "shift_jis" })),
        TEXT.trim().split("\n"),
      );
    }
    const head = new TextEncoder().encode('{"text":"'), tail = new TextEncoder().encode('"}\n');
    const json = Uint8Array.from([...head, ...sjis.filter((byte) => byte !== 10), ...tail]);
    await Deno.writeFile(`${folder}/b.jsonl`, json);
    const path = `${folder}/b.jsonl`;
    const error = await assertRejects(() => collect(readDocuments(path)), PipelineError);
    assertStringIncludes(error.message, "looks like shift_jis");
    // There is no flag to name where nobody could have given it.
    assertEquals(error.message.includes("--encoding"), false);
    const [{ text }] = await collect(readDocuments(path, undefined, { encoding: "shift_jis" }));
    assertEquals(text, TEXT.replaceAll("\n", ""));
    await Deno.writeFile(
      `${folder}/c.txt.gz`,
      gzipSync(new TextEncoder().encode(TEXT)).subarray(0, 30),
    );
    await assertRejects(() => collect(readLines(`${folder}/c.txt.gz`)), PipelineError, "damaged");
  });
});

Deno.test("a dump is decoded strictly, and one that declares another encoding is refused", async () => {
  await withFolder(async (folder) => {
    const xml = (declared: string, text: Uint8Array): Uint8Array => {
      const [head, tail] = [
        `<?xml version="1.0" encoding="${declared}"?>\n<mediawiki><page><title>a</title><ns>0</ns>` +
        "<id>1</id><revision><text>",
        "</text></revision></page></mediawiki>",
      ].map((part) => new TextEncoder().encode(part));
      return Uint8Array.from([...head, ...text, ...tail]);
    };
    const extract = (dump: Uint8Array, encoding?: string): Promise<unknown> => {
      Deno.writeFileSync(`${folder}/d.xml`, dump);
      const options = { dropLists: false, dropSections: false, overwrite: true, minLength: 1 };
      return extractDump({ ...options, dump: `${folder}/d.xml`, out: `${folder}/out`, encoding });
    };
    const utf8 = new TextEncoder().encode(TEXT), sjis = ENCODED["shift_jis"];
    for (const declared of ["UTF-8", "utf8"]) await extract(xml(declared, utf8));
    const extracted = async (): Promise<string> =>
      (await collect(readDocuments(`${folder}/out`)))[0].text;
    const expected = await extracted();
    for (
      const [dump, reason] of [
        [xml("UTF-8", sjis), "looks like shift_jis"],
        [xml("Shift_JIS", sjis), "shift_jis"],
        // Even where all is ASCII: what is not here may be elsewhere.
        [xml("EUC-JP", new TextEncoder().encode("amber")), "declares the encoding euc-jp"],
        [utf16(`<mediawiki>${TEXT}`, true), "looks like utf-16le"],
      ] as const
    ) {
      const error = await assertRejects(() => extract(dump), PipelineError, reason);
      assertStringIncludes(error.message, `${folder}/d.xml: `);
      assertStringIncludes(error.message, "--encoding");
    }
    await extract(xml("Shift_JIS", sjis), "shift_jis");
    assertEquals(await extracted(), expected);
    await extract(utf16(new TextDecoder().decode(xml("UTF-16", utf8)), true), "utf-16le");
    assertEquals(await extracted(), expected);
  });
});
