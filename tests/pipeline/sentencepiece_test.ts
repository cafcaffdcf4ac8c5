/** SentencePiece against brute force, definitions, and damage. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import {
  buildRules,
  decodeCharsmap,
  encodeCharsmap,
} from "../../pipeline/sentencepiece/charsmap.ts";
import { buildDoubleArray, doubleArrayEntries } from "../../pipeline/sentencepiece/double_array.ts";
import { digamma, maximize, prune } from "../../pipeline/sentencepiece/em.ts";
import { Lattice } from "../../pipeline/sentencepiece/lattice.ts";
import {
  encodeModel,
  type NormalizerSpec,
  type Piece,
  PieceType,
} from "../../pipeline/sentencepiece/model_proto.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/processor.ts";
import { isValidPiece, type PieceTable } from "../../pipeline/sentencepiece/seeds.ts";
import {
  longestCommonPrefixes,
  suffixArray,
  visitRepeats,
} from "../../pipeline/sentencepiece/suffix_array.ts";
import {
  printFloat,
  TRAINER_DEFAULTS,
  trainUnigram,
} from "../../pipeline/sentencepiece/trainer.ts";
import { tinyModel } from "./tiny_model.ts";

/** A repeatable sequence of whole numbers below n. */
function chance(seed: number): (n: number) => number {
  let state = seed;
  return (n) => (state = (state * 48271) % 2147483647) % n;
}

const NORMALIZER: NormalizerSpec = {
  name: "identity",
  precompiledCharsmap: new Uint8Array(),
  addDummyPrefix: true,
  removeExtraWhitespaces: true,
  escapeWhitespaces: true,
};

function model(
  pieces: readonly (readonly [string, number, PieceType?])[],
  options: { byteFallback?: boolean; normalizer?: Partial<NormalizerSpec> } = {},
): SentencePieceProcessor {
  const all: Piece[] = [
    { piece: "<unk>", score: 0, type: PieceType.UNKNOWN },
    { piece: "[CLS]", score: 0, type: PieceType.CONTROL },
    ...pieces.map(([piece, score, type]) => ({
      piece,
      score: Math.fround(score),
      type: type ?? PieceType.NORMAL,
    })),
  ];
  const trainer = {
    ...TRAINER_DEFAULTS,
    modelPrefix: "m",
    vocabSize: all.length,
    byteFallback: options.byteFallback ?? false,
  };
  return SentencePieceProcessor.fromBytes(
    encodeModel(all, trainer, { ...NORMALIZER, ...options.normalizer }),
  );
}

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
  const processor = model([...pieces]);
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
  const processor = model([["▁", -1], ["あ", -2]]);
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
  const processor = model([["▁", -1], ["あ", -2], ...bytes], { byteFallback: true });
  assertEquals(processor.encodePieces("あ😀"), ["▁", "あ", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"]);
  for (const line of ["あ😀漢", "漢", "\u{10ffff}"]) {
    assertEquals(processor.decodeIds(processor.encodeIds(line)), line);
  }
});

Deno.test("user-defined symbols are never cut, control symbols are never made from text", () => {
  const processor = model([
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

Deno.test("places of pieces lie in the line as it was before normalisation", () => {
  const processor = model([["▁", -1], ["ア", -2], ["ガ", -2], ["A", -2]], {
    normalizer: { precompiledCharsmap: encodeCharsmap(buildRules("nmt_nfkc")) },
  });
  const line = "  ｱｶﾞ　 Ａ";
  const pieces = processor.encodeWithOffsets(line);
  assertEquals(pieces.map(({ piece }) => piece), ["▁", "ア", "ガ", "▁", "A"]);
  assertEquals(pieces.map(({ start, end }) => line.slice(start, end)), ["", "ｱ", "ｶﾞ", "　 ", "Ａ"]);
  assertEquals(processor.decodeIds(processor.encodeIds(line)), "アガ A");
});

Deno.test("normalisation drops, joins and keeps white space as the model says", () => {
  const pieces = [["▁", -1], ["あ", -2]] as const;
  const decode = (normalizer: Partial<NormalizerSpec>): string[] =>
    model(pieces, { normalizer }).encodePieces("  あ  あ ");
  assertEquals(decode({}), ["▁", "あ", "▁", "あ"]);
  assertEquals(decode({ addDummyPrefix: false }), ["あ", "▁", "あ"]);
  assertEquals(decode({ removeExtraWhitespaces: false }), [
    ..."▁▁▁あ▁▁あ▁",
  ]);
});

Deno.test("NFKC rules equal the runtime's NFKC on every character, and compose marks", () => {
  const rules = buildRules("nfkc");
  for (let code = 1; code < 0x30000; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    assertEquals(rules.get(character) ?? character, character.normalize("NFKC"));
  }
  assertEquals(rules.get("か\u3099"), "が");
  assertEquals(rules.get("ﾊﾟ"), "パ");
  assertEquals(buildRules("nmt_nfkc").get("\u200b"), " ");
  assertEquals(buildRules("nmt_nfkc").get("\u0007"), "");
  assertEquals(buildRules("identity").size, 0);
});

Deno.test("normalisation tables come back as they were written, and damage is told", () => {
  const rules = new Map([["a", "b"], ["aa", ""], ["ａ", "長い文"], ["か\u3099", "が"], [
    "\u{1d400}",
    "A",
  ]]);
  const bytes = encodeCharsmap(rules);
  assertEquals(new Map([...decodeCharsmap(bytes, "m")].sort()), new Map([...rules].sort()));
  assertThrows(() => decodeCharsmap(bytes.subarray(0, 8), "m.model"), PipelineError, "m.model");
  assertThrows(() => decodeCharsmap(Uint8Array.of(1, 0, 0), "m.model"), PipelineError, "damaged");
});

Deno.test("double arrays hold many random keys", () => {
  const random = chance(11);
  const keys = new Map<string, number>();
  for (let i = 0; i < 3000; i++) {
    const key = Array.from({ length: 1 + random(6) }, () => 1 + random(255));
    keys.set(key.join(), i);
  }
  const entries = [...keys].map(([key, value]) =>
    [Uint8Array.from(key.split(",").map(Number)), value] as const
  );
  const found = [...doubleArrayEntries(buildDoubleArray(entries))];
  assertEquals(new Map(found.map(([key, value]) => [key.join(), value])), keys);
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
  // Model type 2, in a trainer_spec put before the pieces.
  const bytes = encodeModel(
    [
      { piece: "<unk>", score: 0, type: PieceType.UNKNOWN },
      ...pieces.map(([piece, score]) => ({ piece, score, type: PieceType.NORMAL })),
    ],
    { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 8 },
    NORMALIZER,
  );
  const processor = SentencePieceProcessor.fromBytes(
    Uint8Array.from([...bytes, 2 << 3 | 2, 2, 3 << 3, 2]),
  );
  assertEquals(processor.encodePieces("abc"), ["▁", "abc"]); // a, bc → abc
  assertEquals(processor.encodePieces("abab"), ["▁", "ab", "ab"]);
  assertEquals(processor.encodePieces("bcbca"), ["▁", "bc", "bc", "a"]);
});

Deno.test("a model cut at any byte is an explained error that names the file", () => {
  const bytes = tinyModel();
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(
      () => SentencePieceProcessor.fromBytes(bytes.subarray(0, length), "cut.model"),
      PipelineError,
      "cut.model",
    );
  }
});

Deno.test("suffix arrays, common prefixes and repeats equal the naive ones", () => {
  const random = chance(5);
  for (let round = 0; round < 60; round++) {
    const alphabet = 1 + random(4);
    const text = Int32Array.from({ length: 1 + random(60) }, () => random(alphabet));
    const suffixes = Array.from(text, (_, i) => i);
    const compare = (a: number, b: number): number => {
      for (let i = 0;; i++) {
        if (a + i >= text.length || b + i >= text.length) return b - a;
        if (text[a + i] !== text[b + i]) return text[a + i] - text[b + i];
      }
    };
    suffixes.sort(compare);
    const sa = suffixArray(text, alphabet);
    assertEquals([...sa], suffixes);
    const lcp = longestCommonPrefixes(text, sa);
    const repeats = new Map<string, number>();
    visitRepeats(sa, lcp, (place, length, occurrences) => {
      repeats.set([...text.subarray(place, place + length)].join(), occurrences);
    });
    // Every repeat is counted rightly, and every right-maximal repeat of two or more is there.
    const naive = new Map<string, number>();
    for (let i = 0; i < text.length; i++) {
      for (let j = i + 1; j <= text.length; j++) {
        const key = [...text.subarray(i, j)].join();
        naive.set(key, (naive.get(key) ?? 0) + 1);
      }
    }
    for (const [key, count] of repeats) assertEquals(count, naive.get(key), key);
    for (const [key, count] of naive) {
      if (count < 2) continue;
      const grows = [...Array(alphabet).keys()].some((c) => naive.get(`${key},${c}`) === count);
      if (!grows) assertEquals(repeats.get(key), count, key);
    }
  }
});

Deno.test("digamma has its known values", () => {
  assertAlmostEquals(digamma(1), -0.5772156649015329, 1e-8);
  assertAlmostEquals(digamma(0.5), -1.9635100260214235, 1e-7);
  assertAlmostEquals(digamma(10), 2.251752589066721, 1e-9);
});

Deno.test("expected counts and likelihood equal the sum over all cuts", () => {
  const pieces = {
    texts: ["a", "b", "ab", "ba", "aba"],
    scores: Float64Array.of(-1, -1.5, -2, -2.5, -3),
  };
  const word = "ababa";
  const expected = new Float64Array(5);
  let total = 0;
  const cuts = (at: number, path: number[], score: number): void => {
    if (at === word.length) {
      total += Math.exp(score);
      for (const id of path) expected[id] += Math.exp(score);
      return;
    }
    pieces.texts.forEach((text, id) => {
      if (word.startsWith(text, at)) {
        cuts(at + text.length, [...path, id], score + pieces.scores[id]);
      }
    });
  };
  cuts(0, [], 0);
  const counted = new Float64Array(5);
  const likelihood = new Lattice(pieces).addExpected(word, 3, counted);
  assertAlmostEquals(likelihood, 3 * Math.log(total), 1e-12);
  counted.forEach((count, id) => assertAlmostEquals(count, 3 * expected[id] / total, 1e-12));
});

Deno.test("EM never lowers the likelihood much, and pruning keeps what cannot be spelt otherwise", () => {
  const random = chance(17);
  const words = Array.from(
    { length: 200 },
    () => [Array.from({ length: 2 + random(6) }, () => "abcd"[random(4)]).join(""), 1 + random(5)],
  ) as [string, number][];
  const texts = [..."abcd", "ab", "cd", "abc", "bcd", "da", "aa"];
  let pieces: PieceTable = {
    texts,
    scores: new Float64Array(texts.length).fill(-Math.log(texts.length)),
  };
  const likelihood = (table: PieceTable): number => {
    const lattice = new Lattice(table), counts = new Float64Array(table.texts.length);
    return words.reduce((sum, [word, count]) => sum + lattice.addExpected(word, count, counts), 0);
  };
  const before = likelihood(pieces);
  pieces = maximize(pieces, words);
  assert(likelihood(pieces) > before);
  const pruned = prune(pieces, words, 5, 0.5);
  assert(pruned.texts.length < pieces.texts.length);
  for (const letter of "abcd") assert(pruned.texts.includes(letter));
});

Deno.test("pieces keep to one script, a leading ▁ and the longest length", () => {
  const rules = { maxSentencepieceLength: 4, splitDigits: true };
  const valid = (text: string): boolean => isValidPiece([...text], rules);
  for (const text of ["日本", "▁日本", "ひらカタ", "カー", "abc", "▁"]) assert(valid(text), text);
  for (const text of ["日a", "日▁", "12", "日本日本日", "", "a\tb"]) assert(!valid(text), text);
});

Deno.test("training: whole alphabet, control symbols, sizes as asked, same bytes twice", async () => {
  const random = chance(23);
  const words = ["琥珀", "言語", "学習", "の", "を", "する", "モデル", "電子", "である", "。"];
  const lines = Array.from(
    { length: 400 },
    () => Array.from({ length: 3 + random(8) }, () => words[random(words.length)]).join(""),
  );
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 40, characterCoverage: 1 };
  const trained = await trainUnigram(lines, options);
  const processor = SentencePieceProcessor.fromBytes(trained.model);
  assertEquals(processor.vocabSize, 40);
  assertEquals(trained.vocab.trimEnd().split("\n").length, 40);
  assertEquals(trained.vocabText.split("\n").slice(0, 7), [
    "<unk>",
    "<s>",
    "</s>",
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
  ]);
  for (const line of lines.slice(0, 50)) {
    const ids = processor.encodeIds(line);
    assert(!ids.includes(0), "no character of the alphabet is unknown");
    assertEquals(processor.decodeIds(ids), line);
  }
  assert(processor.encodePieces("琥珀のモデル").includes("琥珀"));
  assertEquals((await trainUnigram(lines, options)).model, trained.model);
});

Deno.test("training refuses no text, and a vocabulary too small or too large, with the number to use", async () => {
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 12, characterCoverage: 1 };
  await assertRejects(() => trainUnigram([], options), PipelineError, "no sentence");
  await assertRejects(
    () => trainUnigram(["いろはにほへと"], options),
    PipelineError,
    "--vocab-size to 15",
  );
  await assertRejects(
    () => trainUnigram(["いろは", "いろは"], { ...options, vocabSize: 500 }),
    PipelineError,
    "lower --vocab-size",
  );
});

Deno.test("floats print as C++ streams print them", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [-3.5, "-3.5"],
    [-9.876543, "-9.87654"],
    [-12.3456789, "-12.3457"],
    [123456, "123456"],
    [1234567, "1.23457e+06"],
    [0.0001, "0.0001"],
    [0.00001234, "1.234e-05"],
    [-2.99999999, "-3"],
  ];
  for (const [value, text] of cases) assertEquals(printFloat(value), text);
});
