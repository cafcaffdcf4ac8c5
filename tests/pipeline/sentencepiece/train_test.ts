/** Training: sums over all cuts, pruning, the shape of pieces, whole runs. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { digamma, Expectation } from "../../../pipeline/sentencepiece/em.ts";
import { Lattice } from "../../../pipeline/sentencepiece/lattice.ts";
import { SentencePieceProcessor } from "../../../pipeline/sentencepiece/processor.ts";
import { MersenneTwister, Reservoir } from "../../../pipeline/sentencepiece/reservoir.ts";
import { makeSeeds, type PieceTable } from "../../../pipeline/sentencepiece/seeds.ts";
import { type PieceRules, PieceShapes } from "../../../pipeline/sentencepiece/shapes.ts";
import { buildTrie } from "../../../pipeline/sentencepiece/trie.ts";
import { TRAINER_DEFAULTS, trainSentencePiece } from "../../../pipeline/sentencepiece/trainer.ts";
import { chance } from "./small_model.ts";
import { TEXT, VOCABULARIES } from "./trained_golden.ts";

Deno.test("digamma has its known values", () => {
  assertAlmostEquals(digamma(1), -0.5772156649015329, 1e-8);
  assertAlmostEquals(digamma(0.5), -1.9635100260214235, 1e-7);
  assertAlmostEquals(digamma(10), 2.251752589066721, 1e-9);
});

/** Texts as the trainer has them: codes of letters from 1 on, a zero behind each; keys sorted. */
function codesOf(texts: readonly string[]): { codes: number[]; places: number[] } {
  const codes: number[] = [], places: number[] = [];
  for (const text of texts) {
    places.push(codes.length);
    for (const letter of text) codes.push(letter.charCodeAt(0) - 96);
    codes.push(0);
  }
  return { codes, places };
}

/** A lattice over `word`, which stands at the returned place of its text. */
function latticeOf(
  texts: readonly string[],
  scores: Float64Array,
  word: string,
): { lattice: Lattice; place: number } {
  const { codes, places } = codesOf([...texts, word]);
  const lengths = texts.map((text) => text.length);
  const trie = buildTrie({ codes, places: places.slice(0, -1), lengths, greatest: 26 });
  return { lattice: new Lattice(codes, { trie, scores }), place: places[texts.length] };
}

/** Expected counts and the sum over all cuts, by trying all. */
function allCuts(
  texts: readonly string[],
  scores: Float64Array,
  word: string,
): { expected: Float64Array; total: number } {
  const expected = new Float64Array(texts.length);
  let total = 0;
  const cuts = (at: number, path: number[], score: number): void => {
    if (at === word.length) {
      total += Math.exp(score);
      for (const id of path) expected[id] += Math.exp(score);
      return;
    }
    texts.forEach((text, id) => {
      if (word.startsWith(text, at)) cuts(at + text.length, [...path, id], score + scores[id]);
    });
  };
  cuts(0, [], 0);
  return { expected: expected.map((count) => count / total), total };
}

Deno.test("expected counts and likelihood equal the sum over all cuts", () => {
  const texts = ["a", "ab", "aba", "b", "ba"];
  const scores = Float64Array.of(-1, -2, -3, -1.5, -2.5);
  const { expected, total } = allCuts(texts, scores, "ababa");
  const { lattice, place } = latticeOf(texts, scores, "ababa");
  const counted = new Float64Array(5);
  const likelihood = lattice.addExpected(place, place + 5, 3, counted);
  assertAlmostEquals(likelihood, 3 * Math.log(total), 1e-12);
  counted.forEach((count, id) => assertAlmostEquals(count, 3 * expected[id], 1e-6));
});

Deno.test("a word too improbable for floating point is summed all the same", () => {
  // 2,000 letters of probability e⁻²⁰ and e⁻²¹: the whole has e⁻⁴⁰⁰⁰⁰.
  const texts = ["a", "aa", "aaaaa"], scores = Float64Array.of(-20, -45, -96);
  const { lattice, place } = latticeOf(texts, scores, "a".repeat(2000));
  const counted = new Float64Array(3);
  const likelihood = lattice.addExpected(place, place + 2000, 1, counted);
  // The same sum as a recurrence over logarithms.
  const logs = [0];
  for (let end = 1; end <= 2000; end++) {
    const ways = texts.map((text, id) =>
      text.length <= end ? logs[end - text.length] + scores[id] : -Infinity
    );
    const most = Math.max(...ways);
    logs.push(most + Math.log(ways.reduce((sum, way) => sum + Math.exp(way - most), 0)));
  }
  assertAlmostEquals(likelihood / logs[2000], 1, 1e-12);
  assertAlmostEquals(counted[0] + 2 * counted[1] + 5 * counted[2], 2000, 1e-2);
});

Deno.test("the best path is that of greatest score, also without the whole", () => {
  const texts = ["a", "ab", "aba", "b", "ba"];
  const scores = Float64Array.of(-1, -2, -2.2, -1.5, -2.25);
  const { lattice, place } = latticeOf(texts, scores, "aba");
  const path: number[] = [];
  lattice.best(place, place + 3, true, path);
  assertEquals(path, [2]);
  assertAlmostEquals(lattice.best(place, place + 3, false, path), -3, 1e-6);
  assertEquals(path.map((id) => texts[id]), ["a", "ab"]);
});

Deno.test("EM raises the likelihood; pruning keeps characters; threads do not change a bit", async () => {
  const random = chance(17);
  const words = Array.from(
    { length: 200 },
    () => Array.from({ length: 2 + random(6) }, () => "abcd"[random(4)]).join(""),
  );
  const { codes, places } = codesOf(words);
  const text = new Int32Array(new SharedArrayBuffer(4 * codes.length));
  text.set(codes);
  const ranges = new Int32Array(new SharedArrayBuffer(12 * words.length));
  words.forEach((word, i) => ranges.set([places[i], places[i] + word.length, 1 + i % 5], 3 * i));
  const corpus = {
    text,
    words: ranges,
    unknown: 5,
    alphabet: new Map([..."abcd"].map((letter) => [letter, 1])),
    sentences: words.length,
    tooLong: 0,
    selfTest: [],
  };
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", maxSentencepieceLength: 2 };
  const seeds = makeSeeds(corpus, options, 60);
  const likelihood = (table: PieceTable): number => {
    const trie = buildTrie({ codes: text, ...table, greatest: 5 });
    const lattice = new Lattice(text, { trie, scores: table.scores });
    const counts = new Float64Array(table.places.length);
    return words.reduce(
      (sum, word, i) =>
        sum + lattice.addExpected(places[i], places[i] + word.length, 1 + i % 5, counts),
      0,
    );
  };
  const results: PieceTable[] = [];
  for (const threads of [1, 3]) {
    const expectation = new Expectation(corpus, threads);
    try {
      const once = await expectation.maximize(seeds);
      const twice = await expectation.maximize(once);
      assert(likelihood(once) > likelihood(seeds));
      assert(likelihood(twice) > likelihood(once));
      const pruned = await expectation.prune(twice, 5, 0.5);
      assert(pruned.places.length < twice.places.length);
      const single = [...pruned.places].filter((_, id) => pruned.lengths[id] === 1);
      assertEquals(single.map((place) => text[place]), [1, 2, 3, 4]);
      results.push(twice, pruned);
    } finally {
      expectation.stop();
    }
  }
  assertEquals(results[0], results[2]);
  assertEquals(results[1], results[3]);
});

Deno.test("pieces keep to one script, a leading ▁ and the longest length", () => {
  const alphabet = [..."日本ひらカター▁abc12"];
  const valid = (text: string, more: Partial<PieceRules> = {}): boolean => {
    const shapes = new PieceShapes(alphabet, {
      ...TRAINER_DEFAULTS,
      maxSentencepieceLength: 4,
      splitDigits: true,
      ...more,
    });
    const codes = Array.from(text, (letter) => alphabet.indexOf(letter) + 1 || alphabet.length + 1);
    return shapes.isValid(codes, 0, codes.length);
  };
  for (const text of ["日本", "▁日本", "ひらカタ", "カー", "abc", "▁"]) assert(valid(text), text);
  for (const text of ["日a", "日▁", "12", "日本日本日", "", "a\tb", "▁▁"]) {
    assert(!valid(text), text);
  }
  assert(valid("日a", { splitByUnicodeScript: false }));
  assert(valid("a12", { splitDigits: false, splitByNumber: false }));
  assert(!valid("a12", { splitDigits: false }));
  assert(valid("▁▁", { allowWhitespaceOnlyPieces: true }));
  assert(valid("a▁b", { splitByWhitespace: false }) && !valid("ab▁", { splitByWhitespace: false }));
  assert(valid("ab▁", { treatWhitespaceAsSuffix: true }));
});

Deno.test("the sample of sentences is that of the Mersenne Twister", () => {
  // The value that the C++ standard names for a generator of default seed.
  const random = new MersenneTwister(5489);
  for (let i = 1; i < 10_000; i++) random.next();
  assertEquals(random.next(), 4123659995);
  const sample = new Reservoir<number>(10, 12345678);
  for (let i = 0; i < 10_000; i++) sample.offer(i);
  assertEquals(new Set(sample.items).size, 10);
  assert(sample.items.some((item) => item > 5000) && sample.items.some((item) => item < 5000));
});

Deno.test("training: whole alphabet, control symbols, sizes as asked, same bytes twice", async () => {
  const random = chance(23);
  const words = ["琥珀", "言語", "学習", "の", "を", "する", "モデル", "電子", "である", "。"];
  const lines = Array.from(
    { length: 400 },
    () => Array.from({ length: 3 + random(8) }, () => words[random(words.length)]).join(""),
  );
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 40, characterCoverage: 1 };
  assertEquals(options.selfTestSampleSize, 10);
  const trained = await trainSentencePiece(lines, options);
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
  const again = await trainSentencePiece(lines, { ...options, numProcesses: 3 });
  assertEquals(again.model, trained.model);
});

Deno.test("models of every kind have the pieces and scores that the original's trainer finds", async () => {
  for (const [kind, expected] of Object.entries(VOCABULARIES)) {
    const pieces = expected.split("|");
    const { vocab } = await trainSentencePiece(TEXT, {
      ...TRAINER_DEFAULTS,
      modelPrefix: "m",
      modelType: kind as keyof typeof VOCABULARIES,
      vocabSize: pieces.length + 3,
      controlSymbols: [],
    });
    const made = vocab.trimEnd().split("\n").slice(3).map((line) => line.replace("\t", " "));
    const texts = (lines: string[]): string[] => lines.map((line) => line.split(" ")[0]);
    if (kind === "unigram") {
      // Scores are sums in another precision.
      assertEquals(texts(made).sort(), texts(pieces).sort());
      const scores = new Map(made.map((line) => line.split(" ") as [string, string]));
      for (const line of pieces) {
        const [piece, score] = line.split(" ");
        assertAlmostEquals(Number(scores.get(piece)), Number(score), 2e-3, piece);
      }
    } else assertEquals(made, pieces, kind);
  }
});

Deno.test("all words, or characters, are pieces where that is asked for", async () => {
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 1, useAllVocab: true };
  for (const [modelType, count] of [["word", 3], ["char", 6]] as const) {
    const { pieces, model } = await trainSentencePiece(["いろ は", "いろ に"], {
      ...options,
      modelType,
    });
    assertEquals(pieces, 7 + count - (modelType === "char" ? 1 : 0));
    const processor = SentencePieceProcessor.fromBytes(model);
    assert(!processor.encodeIds("いろ は に").includes(0));
  }
});

Deno.test("NUL in the text is in no piece, and counts for no share of the characters", async () => {
  const lines = ["琥\0珀\0の\0", "\0\0\0", "琥珀の"];
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 40, hardVocabLimit: false };
  const { vocabText, model } = await trainSentencePiece(lines, {
    ...options,
    characterCoverage: 0.7,
  });
  const pieces = vocabText.trimEnd().split("\n").slice(7);
  assert(!vocabText.includes("\0"));
  // ▁ stands three times, each of the others twice: three of them cover 0.7.
  assertEquals(pieces.filter((piece) => [...piece].length === 1).length, 3);
  const processor = SentencePieceProcessor.fromBytes(model);
  assertEquals(processor.encodePieces("の\0の"), ["▁", "の", "\0", "の"]);
});

Deno.test("training refuses no text, and a vocabulary too small or too large, with the number to use", async () => {
  const options = { ...TRAINER_DEFAULTS, modelPrefix: "m", vocabSize: 12, characterCoverage: 1 };
  await assertRejects(() => trainSentencePiece([], options), PipelineError, "no sentence");
  await assertRejects(
    () => trainSentencePiece(["いろはにほへと"], options),
    PipelineError,
    "--vocab-size to 15",
  );
  await assertRejects(
    () => trainSentencePiece(["いろは", "いろは"], { ...options, vocabSize: 500 }),
    PipelineError,
    "lower --vocab-size",
  );
});
