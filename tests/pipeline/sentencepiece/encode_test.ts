/** Encoding and decoding against brute force and definitions. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert/mod.js";
import { charsmapOf } from "../../../pipeline/sentencepiece/charsmap.ts";
import { decodeLines } from "../../../pipeline/sentencepiece/decode_lines.ts";
import { PipelineError } from "../../../pipeline/errors.ts";
import { encodeLines } from "../../../pipeline/sentencepiece/encode_lines.ts";
import { decodeText, encodeText } from "../../../pipeline/sentencepiece/line_blocks.ts";
import { PieceType } from "../../../pipeline/sentencepiece/model_proto.ts";
import { bytePiece, SentencePieceProcessor } from "../../../pipeline/sentencepiece/processor.ts";
import { CODES, EXPECTED, LINES, VARIANTS } from "./edges.ts";
import { GOLDEN, PIECES } from "./golden.ts";
import { chance, smallModel, smallModelFile } from "./small_model.ts";

/** The best score over all ways to cut, by trying all. */
function bruteForce(text: string, scores: ReadonlyMap<string, number>, unknown: number): number {
  if (text === "") return 0;
  let best = -Infinity;
  for (let end = 1; end <= text.length; end++) {
    const score = scores.get(text.slice(0, end)) ?? (end === 1 ? unknown : -Infinity);
    if (score > -Infinity) {
      best = Math.max(best, score + bruteForce(text.slice(end), scores, unknown));
    }
  }
  return best;
}

Deno.test("unigram: the cut found is the best of all cuts", () => {
  const random = chance(3);
  const pieces = new Map<string, number>([["▁", -3]]);
  for (let i = 0; i < 40; i++) {
    const piece = Array.from({ length: 1 + random(4) }, () => "あいうえ"[random(4)]).join("");
    pieces.set(piece, Math.fround(-1 - random(1000) / 100));
  }
  pieces.delete("え"); // unknown on its own
  const processor = smallModel([...pieces]);
  const unknown = Math.fround(Math.min(...pieces.values()) - 10);
  for (let round = 0; round < 100; round++) {
    const line = Array.from({ length: 1 + random(9) }, () => "あいうえ"[random(4)]).join("");
    let score = 0;
    for (const { piece, id } of processor.encodeWithOffsets(line)) {
      score += id === 0 ? unknown * piece.length : pieces.get(piece)!;
    }
    assertAlmostEquals(score, bruteForce("▁" + line, pieces, unknown), 1e-4, line);
  }
});

Deno.test("neighbouring unknown characters are one unknown piece, and decode to ⁇", () => {
  const processor = smallModel([["▁", -1], ["あ", -2]]);
  assertEquals(processor.encodePieces("あ漢字あ"), ["▁", "あ", "漢字", "あ"]);
  assertEquals([...processor.encodeIds("あ漢字あ")], [2, 3, 0, 3]);
  assertEquals(processor.decodeIds([2, 3, 0, 3]), "あ ⁇ あ");
  assertEquals([...processor.encodeIds("")], []);
  assertEquals([...processor.encodeIds("   ")], []);
});

Deno.test("byte fallback spells unknown characters in UTF-8 and reads them back", () => {
  const bytes = Array.from(
    { length: 256 },
    (_, i) => [`<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`, 0, PieceType.BYTE] as const,
  );
  const processor = smallModel([["▁", -1], ["あ", -2], ...bytes], { byteFallback: true });
  assertEquals(processor.encodePieces("あ😀"), ["▁", "あ", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"]);
  for (const line of ["あ😀漢", "漢", "\u{10ffff}"]) {
    assertEquals(processor.decodeIds(processor.encodeIds(line)), line);
  }
});

Deno.test("user-defined symbols are never cut, control symbols are never made from text", () => {
  const processor = smallModel([
    ["▁", -1],
    ["あ", -2],
    ["い", -2],
    ["あい", -1],
    ["<sep>", 0, PieceType.USER_DEFINED],
    ["[", -3],
    ["C", -3],
    ["L", -3],
    ["S", -3],
    ["]", -3],
  ]);
  assertEquals(processor.encodePieces("あ<sep>い"), ["▁", "あ", "<sep>", "い"]);
  assertEquals(processor.encodePieces("[CLS]"), ["▁", "[", "C", "L", "S", "]"]);
  assert(processor.isControl(1));
  assertEquals(processor.decodeIds([1, 2, 3]), "あ");
});

Deno.test("ids, pieces and decoded text are those of the original's tools", () => {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => [bytePiece(byte), 0, PieceType.BYTE] as const,
  );
  const normalizer = { name: "nmt_nfkc", precompiledCharsmap: charsmapOf("nmt_nfkc") };
  const plain = smallModel(PIECES, { normalizer });
  const spelling = smallModel([...PIECES, ...bytes], { normalizer, byteFallback: true });
  for (const { line, ids, pieces, byteIds, decoded } of GOLDEN) {
    assertEquals([...plain.encodeIds(line)], ids, line);
    assertEquals(plain.encodePieces(line).join(" "), pieces, line);
    assertEquals([...spelling.encodeIds(line)], byteIds, line);
    assertEquals(plain.decodeIds(ids), decoded, line);
  }
});

Deno.test("spaces, prefixes, symbols and bytes at every edge are as the original has them", () => {
  for (const [name, { pieces, options }] of Object.entries(VARIANTS)) {
    const processor = smallModel(pieces, options);
    const { encoded, decoded } = EXPECTED[name];
    encoded.split("|").forEach((expected, i) => {
      const made = processor.encodePieces(LINES[i]).join(" ").toWellFormed();
      assertEquals(made, expected, `${name}: encoded ${JSON.stringify(LINES[i])}`);
    });
    decoded.split("|").forEach((expected, i) => {
      const codes = CODES[i].split(" ").filter((piece) => piece !== "");
      assertEquals(processor.decodePieces(codes), expected, `${name}: decoded ${CODES[i]}`);
    });
  }
});

Deno.test("a line of a character that goes is empty, or the space that stands behind it", () => {
  const normalizer = { name: "nmt_nfkc", precompiledCharsmap: charsmapOf("nmt_nfkc") };
  const prefix = smallModel([["▁", -1]], { normalizer });
  const suffix = smallModel([["▁", -1]], { normalizer, treatWhitespaceAsSuffix: true });
  assertEquals(prefix.encodePieces("\u0007"), []);
  assertEquals(suffix.encodePieces("\u0007"), ["▁"]);
  assertEquals(suffix.encodePieces(" "), []);
});

Deno.test("lines of ids to text: bytes of any kind pass, and what is no id is told by its line", async () => {
  const processor = smallModel([["▁", -1], ["あ", -2]]);
  const decode = async (bytes: Uint8Array, format: "id" | "piece"): Promise<string> => {
    const stream = ReadableStream.from([bytes.slice()]);
    let text = "";
    for await (const block of decodeLines(stream, processor, format)) text += decodeText(block);
    return text;
  };
  const utf8 = new TextEncoder();
  assertEquals(await decode(utf8.encode("2 3  3\n\n3"), "id"), "ああ\n\nあ\n");
  const odd = "\ufeffあ ▁漢 \udcff\udce3\udc81 あ";
  assertEquals(await decode(encodeText(odd), "piece"), odd.replaceAll(" ", "") + "\n");
  await assertRejects(() => decode(utf8.encode("3\nx\n"), "id"), PipelineError, 'line 2: "x"');
  await assertRejects(() => decode(utf8.encode("3\n3 4\n"), "id"), PipelineError, "no piece 4");
});

Deno.test("blocks of lines: any number of threads, any chunks, and bytes that are no UTF-8", async () => {
  const normalizer = { name: "nmt_nfkc", precompiledCharsmap: charsmapOf("nmt_nfkc") };
  const model = smallModelFile(PIECES, { normalizer });
  const lines = GOLDEN.map(({ line }) => line).join("\n");
  const text = new TextEncoder().encode(`${lines}\n`.repeat(500));
  const expected = `${GOLDEN.map(({ ids }) => ids.join(" ")).join("\n")}\n`.repeat(500);
  for (const threads of [1, 3]) {
    const chunks = Array.from(
      { length: 7 },
      (_, i) => text.slice(i * text.length / 7, (i + 1) * text.length / 7),
    );
    let out = "";
    const setup = { model, name: "m", format: "id" as const };
    const signal = new AbortController().signal;
    for await (const block of encodeLines(ReadableStream.from(chunks), setup, threads, signal)) {
      out += new TextDecoder().decode(block);
    }
    assertEquals(out, expected);
  }
  // Each stray byte stands for U+FFFD, which as a character would have become a space.
  const processor = SentencePieceProcessor.fromBytes(model);
  const stray = decodeText(Uint8Array.of(0x41, 0xe3, 0x81, 0x41, 0xff));
  assertEquals(processor.encodePieces(stray), ["▁", "A", "\ufffd\ufffd", "A", "\ufffd"]);
});

Deno.test("BPE merges the best pair first, the left one of equals", () => {
  const pieces: (readonly [string, number])[] = [
    ["ab", -1],
    ["bc", 0],
    ["abc", -2],
    ["a", -9],
    ["b", -9],
    ["c", -9],
    ["▁", -9],
  ];
  const processor = smallModel(pieces, { modelType: "bpe" });
  assertEquals(processor.encodePieces("abc"), ["▁", "abc"]); // a, bc → abc
  assertEquals(processor.encodePieces("abab"), ["▁", "ab", "ab"]);
  assertEquals(processor.encodePieces("bcbca"), ["▁", "bc", "bc", "a"]);
});
