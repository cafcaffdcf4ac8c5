/** From text to what the model sees, and from what it says back to the text as written. */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { readAnswers } from "../../../pipeline/finetuning/answers.ts";
import {
  bucketLength,
  collate,
  featureLength,
  planEpoch,
} from "../../../pipeline/finetuning/batches.ts";
import type { TaggingExample } from "../../../pipeline/finetuning/example.ts";
import { Featurizer, type ReadingFeature } from "../../../pipeline/finetuning/features.ts";
import { shortenPair } from "../../../pipeline/finetuning/input.ts";
import { labelTokens, spansOf, TagLabels } from "../../../pipeline/finetuning/tags.ts";
import { Tokenizer } from "../../../pipeline/finetuning/tokens.ts";
import { windowsOver } from "../../../pipeline/finetuning/windows.ts";
import { encodeCharsmap } from "../../../pipeline/sentencepiece/charsmap.ts";
import { PieceType } from "../../../pipeline/sentencepiece/model_proto.ts";
import { buildRules } from "../../../pipeline/sentencepiece/rules.ts";
import { chance, smallModel } from "../sentencepiece/small_model.ts";

const CHARACTERS = [..."▁あいうえおキログラムガ東京都。？abcABC"];
const PROCESSOR = smallModel([
  ["[PAD]", 0, PieceType.CONTROL],
  ["[SEP]", 0, PieceType.CONTROL],
  ...CHARACTERS.map((c, i) => [c, -3 - i / 100] as const),
  ["東京", -3],
], { normalizer: { precompiledCharsmap: encodeCharsmap(buildRules("nmt_nfkc")) } });
const TOKENIZER = new Tokenizer(PROCESSOR);
const SPECIAL = {
  pad: PROCESSOR.pieceToId("[PAD]"),
  cls: PROCESSOR.pieceToId("[CLS]"),
  sep: PROCESSOR.pieceToId("[SEP]"),
};
const place = { file: "x", row: 1 };

function featurizer(maxSeqLength: number, docStride = 8, maxQueryLength = 64): Featurizer {
  return new Featurizer(TOKENIZER, SPECIAL, { maxSeqLength, docStride, maxQueryLength });
}

Deno.test("tokens of a character that normalisation makes longer all stand for it", () => {
  const text = " 　あ㌔い ｶﾞ ";
  const tokens = TOKENIZER.encode(text);
  const pieces = tokens.map(({ id }) => PROCESSOR.idToPiece(id));
  assertEquals(pieces, ["▁", "あ", "キ", "ロ", "い", "▁", "ガ"]);
  assertEquals(
    tokens.map(({ start, end }) => text.slice(start, end)),
    ["", "あ", "㌔", "㌔", "い", "", "ｶﾞ"],
  );
});

Deno.test("lower case keeps every character's place, where it would be longer too", () => {
  const lower = new Tokenizer(PROCESSOR, true);
  const text = "İAb";
  assertEquals(lower.encode(text).map(({ start, end }) => text.slice(start, end)), [
    "",
    "İ",
    "A",
    "b",
  ]);
  assertEquals(
    lower.encode("ABC").map(({ id }) => id),
    TOKENIZER.encode("abc").map(({ id }) => id),
  );
});

Deno.test("windows hold every token, and each has its core in just one", () => {
  const random = chance(3);
  for (let round = 0; round < 300; round++) {
    const length = random(60), capacity = 1 + random(20), stride = 1 + random(25);
    const windows = windowsOver(length, capacity, stride);
    let next = 0;
    for (const { start, end, core } of windows) {
      assert(end - start <= capacity && core[0] >= start && core[1] <= end);
      assertEquals(core[0], next);
      next = core[1];
      for (let token = core[0]; token < core[1]; token++) {
        const context = Math.min(token - start, end - 1 - token);
        for (const other of windows) {
          if (token < other.start || token >= other.end) continue;
          assert(context >= Math.min(token - other.start, other.end - 1 - token));
        }
      }
    }
    assertEquals(next, length);
  }
});

Deno.test("a pair loses tokens from the longer text until it fits", () => {
  const tokens = (n: number) =>
    Array.from({ length: n }, (_, id) => ({ id, start: id, end: id + 1 }));
  const lengths = (a: number, b: number, room: number): number[] => {
    const { first, second, cut } = shortenPair(tokens(a), tokens(b), room);
    return [first.length, second.length, cut];
  };
  assertEquals(lengths(3, 4, 10), [3, 4, 0]);
  assertEquals(lengths(2, 9, 6), [2, 4, 5]);
  assertEquals(lengths(6, 6, 7), [4, 3, 5]);
});

Deno.test("pairs have [CLS] and two [SEP], segments 0 and 1, and say what was cut", () => {
  const maker = featurizer(8);
  const [feature] = maker.features(
    { kind: "classification", id: "1", place, text: "あい", second: "うえお東京", label: "b" },
    4,
    ["a", "b"],
    undefined,
  );
  const id = (piece: string): number => PROCESSOR.pieceToId(piece);
  assertEquals(feature.inputs[0], {
    inputIds: [
      SPECIAL.cls,
      id("▁"),
      id("あ"),
      id("い"),
      SPECIAL.sep,
      id("▁"),
      id("う"),
      SPECIAL.sep,
    ],
    tokenTypeIds: [0, 0, 0, 0, 0, 1, 1, 1],
  });
  assertEquals([feature.example, feature.target], [4, 1]);
  assertEquals(maker.counts, { cutTexts: 1, cutTokens: 3, widenedSpans: 0, lostSpans: 0 });
});

Deno.test("a label that training does not have is refused by row", () => {
  const example = { kind: "classification", id: "1", place, text: "あ", label: "c" } as const;
  assertThrows(
    () => featurizer(8).features(example, 0, ["a", "b"], undefined),
    PipelineError,
    `x, row 1: the label "c" does not occur in training, which has "a", "b"`,
  );
});

Deno.test("spans become tags and come back, widened to tokens where they end within one", () => {
  const labels = new TagLabels(["地名", "量"]);
  const text = "東京都 ㌔。";
  const tokens = TOKENIZER.encode(text);
  const spans = [{ start: 0, end: 3, label: "地名" }, { start: 4, end: 5, label: "量" }];
  const exact = labelTokens(tokens, spans, labels, place);
  assertEquals([exact.widened, exact.lost], [0, 0]);
  assertEquals(spansOf(tokens, exact.tags, labels), spans);
  const within = labelTokens(tokens, [{ start: 1, end: 3, label: "地名" }], labels, place);
  assertEquals([within.widened, within.lost], [1, 0]);
  assertEquals(spansOf(tokens, within.tags, labels), [{ start: 0, end: 3, label: "地名" }]);
  const both = [{ start: 0, end: 1, label: "地名" }, { start: 1, end: 2, label: "量" }];
  assertEquals(labelTokens(tokens, both, labels, place).lost, 1);
  assertThrows(
    () => labelTokens(tokens, [{ start: 0, end: 2, label: "人名" }], labels, place),
    PipelineError,
    `the label "人名" does not occur in training`,
  );
});

Deno.test("neighbouring spans of one label stay two, and a stray I starts one", () => {
  const labels = new TagLabels(["地名"]);
  const tokens = TOKENIZER.encode("あいうえ");
  const [begin, inside] = [1, 2];
  assertEquals(
    spansOf(tokens, [-100, begin, begin, inside, 0], labels).map(({ start, end }) => [start, end]),
    [[0, 1], [1, 3]],
  );
  assertEquals(
    spansOf(tokens, [-100, 0, inside, inside, 0], labels).map(({ start, end }) => [start, end]),
    [[1, 3]],
  );
});

Deno.test("a long text is tagged in windows that learn each token once", () => {
  const text = "あいうえお".repeat(9);
  const example: TaggingExample = {
    kind: "tagging",
    id: "1",
    place,
    text,
    spans: [{ start: 7, end: 12, label: "x" }, { start: 30, end: 31, label: "x" }],
  };
  const labels = new TagLabels(["x"]);
  const features = featurizer(16, 6).features(example, 0, [], labels);
  assert(features.length > 3);
  const joined = new Array<number>(features[0].kind === "tagging" ? features[0].tokens.length : 0)
    .fill(-1);
  for (const feature of features) {
    assert(feature.kind === "tagging");
    const { offset, window, inputIds } = feature.inputs[0];
    assertEquals(feature.target.length, inputIds.length);
    feature.target.forEach((tag, i) => {
      const token = i - offset + window.start;
      if (i < offset || i === inputIds.length - 1) assertEquals(tag, -100);
      else if (token >= window.core[0] && token < window.core[1]) joined[token] = tag;
      else assertEquals(tag, -100);
    });
  }
  const tokens = TOKENIZER.encode(text);
  assertEquals(spansOf(tokens, joined, labels), example.spans);
});

function reading(maxSeqLength: number, answers?: { text: string; start: number }[]): {
  features: ReadingFeature[];
  context: string;
} {
  const context = "あいうえお東京都うえおabcあい。";
  const example = { kind: "reading", id: "1", place, question: "い？", context, answers } as const;
  const features = featurizer(maxSeqLength, 5).features(example, 0, [], undefined);
  return { features: features as ReadingFeature[], context };
}

Deno.test("the answer's tokens are the target in windows that hold it, [CLS] in others", () => {
  const { features, context } = reading(16, [{ text: "東京都", start: 5 }]);
  assert(features.length > 1);
  let held = 0;
  for (const { inputs: [{ window, offset }], tokens, target: [first, last] } of features) {
    if (first === 0) {
      assertEquals(last, 0);
      continue;
    }
    held++;
    const [from, to] = [first, last].map((place) => tokens[place - offset + window.start]);
    assertEquals(context.slice(from.start, to.end), "東京都");
  }
  assert(held >= 1 && held < features.length);
  assertEquals(reading(64, []).features[0].impossible, true);
  assertEquals(reading(64).features[0].impossible, false);
});

Deno.test("answers are read from logits in the words of the context, the best first, over windows", () => {
  const { features, context } = reading(16);
  const logits = features.map(({ inputs: [{ inputIds, window, offset }], tokens }) => {
    const start = new Float32Array(inputIds.length).fill(-5), end = start.slice();
    tokens.forEach((token, i) => {
      if (i < window.start || i >= window.end) return;
      const text = context.slice(token.start, token.end);
      if (text === "東京") start[i - window.start + offset] = 4;
      if (text === "都") end[i - window.start + offset] = 3;
      // An end before every start, and farther from it than an answer may be long.
      if (text === "あ") end[i - window.start + offset] = 9;
    });
    [start[0], end[0]] = [0.5, 1];
    return { start, end };
  });
  const { best, noAnswerScore } = readAnswers(context, features, logits, {
    nBestSize: 3,
    maxAnswerLength: 5,
  });
  assertEquals(best[0], { start: 5, end: 8, text: "東京都", score: 7 });
  assertEquals([best.length, noAnswerScore], [3, 1.5]);
  assertEquals(new Set(best.map(({ start, end }) => `${start} ${end}`)).size, 3);
});

Deno.test("an epoch deals each feature once, differs by epoch, and repeats for its seed", () => {
  const random = chance(5);
  const lengths = Array.from({ length: 3001 }, () => 5 + random(120));
  const plan = (seed: number, epoch: number): number[][] =>
    planEpoch(lengths, { batchSize: 32, padId: 0, shuffle: { seed, epoch } });
  const first = plan(1, 0);
  assertEquals(first.flat().sort((a, b) => a - b), lengths.map((_, i) => i));
  assertEquals(plan(1, 0), first);
  assert(JSON.stringify(plan(1, 1)) !== JSON.stringify(first));
  assert(JSON.stringify(plan(2, 0)) !== JSON.stringify(first));
});

Deno.test("batches by length avoid nine tenths of the padding of the longest", () => {
  const random = chance(7);
  // Lengths of sentences, of pairs and of windows: narrow, skewed, and nearly all full.
  const shapes: Readonly<Record<string, () => number>> = {
    narrow: () => 20 + random(45),
    skewed: () => 8 + Math.floor(120 * (random(1000) / 1000) ** 4),
    wide: () => 10 + random(500),
  };
  for (const [name, draw] of Object.entries(shapes)) {
    const lengths = Array.from({ length: 4000 }, draw), longest = Math.max(...lengths);
    let padding = 0, most = 0;
    for (
      const batch of planEpoch(lengths, { batchSize: 32, padId: 0, shuffle: { seed: 1, epoch: 0 } })
    ) {
      const padded = Math.min(longest, bucketLength(Math.max(...batch.map((i) => lengths[i]))));
      for (const i of batch) {
        padding += padded - lengths[i];
        most += longest - lengths[i];
      }
    }
    assertLess(padding, 0.1 * most, name);
  }
});

Deno.test("a batch pads each sequence at its end, answers of a question in a row", () => {
  const maker = featurizer(16);
  const features = [["あ", "いう"], ["うえお", "え"]].flatMap((choices, i) =>
    maker.features(
      { kind: "multiple_choice", id: "1", place, question: "あ", choices, label: 1 },
      i,
      [],
      undefined,
    )
  );
  const batch = collate(features, SPECIAL.pad, 16);
  assertEquals([batch.batch, batch.sequence], [4, bucketLength(featureLength(features[1]))]);
  for (let row = 0; row < 4; row++) {
    const input = features[row >> 1].inputs[row & 1];
    const from = row * batch.sequence;
    const of = (array: Uint32Array): number[] => [...array.subarray(from, from + batch.sequence)];
    const rest = batch.sequence - input.inputIds.length;
    assertEquals(of(batch.inputIds), [...input.inputIds, ...new Array(rest).fill(SPECIAL.pad)]);
    assertEquals(of(batch.tokenTypeIds), [...input.tokenTypeIds, ...new Array(rest).fill(0)]);
    assertEquals(of(batch.attentionMask), [
      ...input.inputIds.map(() => 1),
      ...new Array(rest).fill(0),
    ]);
  }
});

Deno.test("an empty text is a sequence like any other", () => {
  const maker = featurizer(8);
  const [feature] = maker.features(
    { kind: "regression", id: "1", place, text: "", label: 1 },
    0,
    [],
    undefined,
  );
  assertEquals(feature.inputs[0].inputIds, [SPECIAL.cls, SPECIAL.sep]);
  const [tagged] = maker.features(
    { kind: "tagging", id: "1", place, text: "　" },
    0,
    [],
    new TagLabels(["x"]),
  );
  assertEquals(tagged.target, [-100, -100]);
});
