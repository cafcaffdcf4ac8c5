/** Documents, lines and sentences. */
import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import { type Document, readDocuments } from "../../pipeline/text/documents.ts";
import { TextReader } from "../../pipeline/text/encoding.ts";
import { readLines, splitLines } from "../../pipeline/text/lines.ts";
import { splitSentences } from "../../pipeline/text/sentences.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

for (
  const [name, text, sentences] of [
    ["marks end sentences", "雨。風！雪？霧", ["雨。", "風！", "雪？", "霧"]],
    ["marks in a row stay together", "本当！？うん。。", ["本当！？", "うん。。"]],
    ["closing brackets stay with their mark", "（笑う。）次。", ["（笑う。）", "次。"]],
    ["a quotation goes on by a particle", "「行け！」と言った。次。", [
      "「行け！」と言った。",
      "次。",
    ]],
    ["a quotation of its own ends", "「行け。」彼は言った。", ["「行け。」", "彼は言った。"]],
    ["marks inside a quotation do not cut", "彼は「来た。見た。」という。", [
      "彼は「来た。見た。」という。",
    ]],
    ["nested quotations", "「『嘘。』と聞いた。」終。", ["「『嘘。』と聞いた。」", "終。"]],
    ["an open bracket swallows nothing", "「閉じない。次。", ["「閉じない。", "次。"]],
    ["a stray closing bracket is no harm", "だめ」だ。次。", ["だめ」だ。", "次。"]],
    ["crossed brackets are no harm", "「（あ」。い）。う。", ["「（あ」。", "い）。", "う。"]],
    ["ASCII marks inside names do not cut", "Yahoo! JAPANだ。何!次", [
      "Yahoo! JAPANだ。",
      "何!",
      "次",
    ]],
    ["lines end sentences", "見出し\n本文。\n\n　\n末尾」\nと続く", [
      "見出し",
      "本文。",
      "末尾」",
      "と続く",
    ]],
    ["nothing gives nothing", "", []],
  ] as const
) {
  Deno.test(`sentences: ${name}`, () => assertEquals(splitSentences(text), [...sentences]));
}

Deno.test("sentences: what is cut joins to what was there, on hostile lines too", () => {
  let state = 7;
  const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  const alphabet = "あい「」『』（）。！!?a、)";
  for (let round = 0; round < 300; round++) {
    const line = Array.from({ length: random(40) }, () => alphabet[random(alphabet.length)]);
    assertEquals(splitSentences(line.join("")).join(""), line.join(""));
  }
});

Deno.test("sentences: a quotation longer than any is cut, so no line is swallowed", () => {
  const line = "「" + "長い話。".repeat(200) + "」";
  assertEquals(splitSentences(line).length, 200);
});

Deno.test("documents are read in the order of files and lines, packed or not", async () => {
  const folder = await Deno.makeTempDir();
  const documents: Document[] = [
    { id: "1", title: '雨\t"引用"', text: "一行目\n二行目" },
    { id: "2", title: "", text: "絵文字😀と\u2028区切り" },
    { id: "x3", title: "長い", text: "あ".repeat(500_000) },
  ];
  const [first, ...rest] = documents.map((document) => JSON.stringify(document) + "\n");
  await Deno.writeFile(`${folder}/wiki-00001.jsonl.gz`, await gzip(rest.join("")));
  await Deno.writeTextFile(`${folder}/wiki-00000.jsonl`, first);
  await Deno.writeTextFile(`${folder}/manifest.json`, "{}");
  assertEquals(await collect(readDocuments(folder)), documents);
  assertEquals(await collect(readDocuments(`${folder}/wiki-00001.jsonl.gz`)), documents.slice(1));
  await Deno.remove(folder, { recursive: true });
});

for (
  const [name, file, content, message] of [
    ["no JSON", "a.jsonl", '{"id":"1","text":"ok"}\nnot json\n', "line 2: not a document"],
    ["no text", "a.jsonl", '{"id":"1"}\n', "line 1: not a document"],
    ["a cut gzip", "a.jsonl.gz", "cut", "damaged after line"],
  ] as const
) {
  Deno.test(`documents: ${name} is told with its file and line`, async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/${file}`;
    const whole = await gzip('{"id":"1","text":"ok"}\n'.repeat(1000));
    await Deno.writeFile(
      path,
      content === "cut" ? whole.subarray(0, -20) : new TextEncoder().encode(content),
    );
    const error = await assertRejects(() => collect(readDocuments(path)), PipelineError, message);
    assertEquals(error.message.startsWith(path), true);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("documents: a missing path and an empty folder are told, with what to run", async () => {
  const folder = await Deno.makeTempDir();
  await assertRejects(
    () => collect(readDocuments(`${folder}/none`)),
    PipelineError,
    "task extract",
  );
  await assertRejects(() => collect(readDocuments(folder)), PipelineError, "holds no .jsonl");
  await Deno.remove(folder);
});

Deno.test("lines: of text, of documents, and of a stream cut in the middle of a character", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a.txt`, "雨\n\n風");
  await Deno.writeTextFile(
    `${folder}/b.jsonl`,
    '{"id":"1","text":"雪\\n霧"}\n{"id":"2","text":"虹"}',
  );
  assertEquals(await collect(readLines(`${folder}/a.txt`)), ["雨", "風"]);
  assertEquals(await collect(readLines(`${folder}/b.jsonl`)), ["雪", "霧", "虹"]);
  await assertRejects(() => collect(readLines(`${folder}/c.txt`)), PipelineError, "does not exist");
  const bytes = new TextEncoder().encode("雨a\n風");
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assertEquals(await collect(splitLines(ReadableStream.from(pieces), TextReader.ofFile("x"))), [
    "雨a",
    "風",
  ]);
  await Deno.remove(folder, { recursive: true });
});
