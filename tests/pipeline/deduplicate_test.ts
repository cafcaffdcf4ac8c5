/** Equal and similar texts, and gzip files made of pieces. */
import { assert, assertEquals } from "@std/assert/mod.js";
import { crc32 } from "node:zlib";
import { Deduplicator, type Verdict } from "../../pipeline/text/deduplicate.ts";
import { combineCrc, compressSegment, SegmentedGzip } from "../../pipeline/text/gzip_segments.ts";

/** Seeded text of characters that hardly repeat. */
function textOf(seed: number, length: number): string {
  let state = seed + 1;
  return Array.from({ length }, () => {
    state = (state * 48271) % 2147483647;
    return String.fromCharCode(0x4e00 + state % 8000);
  }).join("");
}

function verdicts(texts: readonly string[], near: boolean): Verdict[] {
  const seen = new Deduplicator(near);
  return texts.map((text) => seen.add(text));
}

/** A text with a share of its characters changed at the end, so that a known share of runs stays. */
function changed(text: string, share: number, seed: number): string {
  const kept = Math.round(text.length * (1 - share));
  return text.slice(0, kept) + textOf(seed, text.length - kept);
}

Deno.test("equal texts are exact duplicates, others are new", () => {
  const texts = ["甲", "乙", "甲", "", "", textOf(1, 900), textOf(1, 900)];
  const expected = ["new", "new", "exact", "new", "exact", "new", "exact"];
  assertEquals(verdicts(texts, false), expected);
  assertEquals(verdicts(texts, true), expected);
});

Deno.test("texts with most of their runs in common are near duplicates, others are not", () => {
  // Jaccard similarities of 0.96, 0.5 and 0: (1 - s) / (1 + s) for a changed share s.
  for (const [share, least, most] of [[0.02, 98, 100], [1 / 3, 0, 2], [1, 0, 0]]) {
    let near = 0;
    for (let pair = 0; pair < 100; pair++) {
      const text = textOf(1000 + pair, 600);
      const [, verdict] = verdicts([text, changed(text, share, 5000 + pair)], true);
      if (verdict === "near") near++;
    }
    assert(near >= least && near <= most, `${near} of 100 where ${share} is changed`);
  }
});

Deno.test("white space makes no difference to nearness, and short texts are never near", () => {
  const text = textOf(3, 300);
  assertEquals(verdicts([text, [...text].join(" ")], true), ["new", "near"]);
  assertEquals(verdicts(["甲乙丙丁", "甲乙 丙丁"], true), ["new", "new"]);
});

Deno.test("thousands of texts keep apart, and removing what was found finds nothing more", () => {
  const texts = Array.from(
    { length: 9_000 },
    (_, i) => i % 10 === 9 ? changed(textOf(i - 5, 120), 0.02, i) : textOf(i, 120),
  );
  const first = verdicts(texts, true);
  const near = first.filter((verdict) => verdict === "near").length;
  // 900 were made; the estimate may be wrong now and then.
  assert(near > 850 && near < 910, `${near}`);
  const kept = texts.filter((_, i) => first[i] === "new");
  assertEquals(verdicts(kept, true).filter((verdict) => verdict !== "new"), []);
});

Deno.test("checksums of pieces make that of the whole", () => {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  for (const lengths of [[0, 0], [0, 5], [5, 0], [1, 1], [70_000, 3], [3, 70_000]]) {
    const [a, b] = lengths.map((length, i) => encode(textOf(i, length)));
    const both = Uint8Array.from([...a, ...b]);
    assertEquals(combineCrc(crc32(a), crc32(b), b.length), crc32(both));
  }
});

Deno.test("a gzip file of pieces is one member that any reader unpacks", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a.gz`, pieces = ["", "雨\n".repeat(50_000), "風\n", textOf(9, 5_000)];
  const file = await SegmentedGzip.create(path);
  for (const piece of pieces) await file.append(compressSegment(piece));
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.gz.part"]);
  await file.commit();
  const stream = new Blob([await Deno.readFile(path)]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  assertEquals(await new Response(stream).text(), pieces.join(""));
  await Deno.remove(folder, { recursive: true });
});
