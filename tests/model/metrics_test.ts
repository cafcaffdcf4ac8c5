/**
 * Scores, held to figures that scikit-learn 1.2 and scipy 1.10 computed of the same numbers, and to JGLUE's
 * definition of exact match and F1.
 */
import { assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import { areaUnderCurve } from "../../model/metrics/auc.ts";
import { classificationScores } from "../../model/metrics/classification.ts";
import { pearson, ranks, spearman } from "../../model/metrics/correlation.ts";
import { characterF1, exactMatch, normalizeAnswer } from "../../model/metrics/reading.ts";
import { spanScores } from "../../model/metrics/spans.ts";
import { bootstrapInterval, summarize } from "../../model/metrics/trials.ts";

const digits = (text: string): number[] => [...text].map(Number);

Deno.test("accuracy, F1, Matthews and the confusion matrix are scikit-learn's on 40 examples", () => {
  const labels = digits("2130002010033010300103010123102101200013");
  const predictions = digits("3330012010003013320100210233102101130013");
  const scores = classificationScores(labels, predictions, 4);
  assertAlmostEquals(scores.accuracy, 0.7, 1e-12);
  assertAlmostEquals(scores.microF1, 0.7, 1e-12);
  assertAlmostEquals(scores.macroF1, 0.6440285204991087, 1e-12);
  assertAlmostEquals(scores.matthews, 0.5818373312433698, 1e-12);
  assertEquals(scores.confusion, [[13, 1, 2, 2], [0, 8, 1, 1], [0, 1, 2, 2], [2, 0, 0, 5]]);
  const expected = [
    [0.86666667, 0.72222222, 0.78787879, 18],
    [0.8, 0.8, 0.8, 10],
    [0.4, 0.4, 0.4, 5],
    [0.5, 0.71428571, 0.58823529, 7],
  ];
  scores.perClass.forEach(({ precision, recall, f1, support }, i) => {
    assertAlmostEquals(precision, expected[i][0], 1e-8);
    assertAlmostEquals(recall, expected[i][1], 1e-8);
    assertAlmostEquals(f1, expected[i][2], 1e-8);
    assertEquals(support, expected[i][3]);
  });
});

Deno.test("classes that do not occur count for nothing, and no examples give NaN", () => {
  const scores = classificationScores([0, 0], [0, 0], 3);
  assertEquals([scores.accuracy, scores.macroF1, scores.matthews], [1, 1, 0]);
  const none = classificationScores([], [], 2);
  assertEquals([none.accuracy, none.macroF1], [NaN, NaN]);
});

const A = [
  1.4,
  0.7,
  2.2,
  2.8,
  3.5,
  4.9,
  3.4,
  1.9,
  1.2,
  0.4,
  0.8,
  3.3,
  0.1,
  4.2,
  0.9,
  1.4,
  0.7,
  2.7,
  3,
];
const B = [0.6, 1.3, 1.2, 2.9, 4.6, 5, 3, 2.1, 0.8, 0.1, 0, 2.8, 1.4, 3.8, 1.5, 1.7, 0, 3.7, 4.3];
A.push(1.6, 0.6, 4.3, 4.8, 3.3, 3.7, 2.3, 4.4, 4.8, 3.4, 2.8);
B.push(1.2, 0.1, 4.4, 2, 3.5, 2.8, 2.4, 5, 5, 3.3, 1.7);

Deno.test("Pearson's and Spearman's correlation with ties are scipy's on 30 pairs", () => {
  assertAlmostEquals(pearson(A, B), 0.8542136718862599, 1e-12);
  assertAlmostEquals(spearman(A, B), 0.8528134181163769, 1e-12);
});

Deno.test("correlation is NaN for a constant, for one pair and where a value is NaN", () => {
  for (const correlation of [pearson, spearman]) {
    assertEquals(correlation([1, 1, 1], [1, 2, 3]), NaN);
    assertEquals(correlation([1], [2]), NaN);
    assertEquals(correlation([1, NaN, 3], [1, 2, 3]), NaN);
  }
  assertEquals([...ranks([5, 1, 5, 3])], [3.5, 1, 3.5, 2]);
});

Deno.test("the area under the curve is scikit-learn's with ties, and ends on NaN", () => {
  const scores = digits("752047983618594255668822482570").map((tenths) => tenths / 10);
  scores[3] = 1;
  scores[29] = 1;
  const labels = digits("011110110101110010100100100011");
  assertAlmostEquals(areaUnderCurve(scores, labels), 0.7366071428571428, 1e-12);
  assertEquals(areaUnderCurve([NaN, NaN, 1], [0, 1, 1]), NaN);
  assertEquals(areaUnderCurve([1, 2], [1, 1]), NaN);
});

Deno.test("a span counts where start, end and label agree, each once", () => {
  const span = (start: number, end: number, label: string) => ({ start, end, label });
  const right = [[span(0, 2, "人名"), span(4, 6, "地名")], [span(1, 3, "地名")], []];
  const predicted = [[span(0, 2, "人名"), span(0, 2, "人名"), span(4, 7, "地名")], [
    span(1, 3, "人名"),
  ], [
    span(0, 1, "地名"),
  ]];
  const { micro, macroF1, perLabel } = spanScores(right, predicted);
  assertAlmostEquals(micro.precision, 1 / 5, 1e-12);
  assertAlmostEquals(micro.recall, 1 / 3, 1e-12);
  assertAlmostEquals(micro.f1, 2 / 8, 1e-12);
  assertAlmostEquals(perLabel.get("人名")!.f1, 2 / 4, 1e-12);
  assertEquals(perLabel.get("地名")!.f1, 0);
  assertAlmostEquals(macroF1, 1 / 4, 1e-12);
});

Deno.test("answers are compared as JGLUE does: lower case, no full stop at the end, white space folded", () => {
  assertEquals(normalizeAnswer("  ABC\u3000 d。。"), "abc d");
  assertEquals(normalizeAnswer("東京。 "), "東京。");
  assertEquals(exactMatch(["東京", "東京都"], "東京都。"), 1);
  assertEquals(exactMatch(["東京"], "京都"), 0);
  assertEquals(exactMatch([], ""), 1);
  assertEquals(exactMatch([], "東京"), 0);
});

Deno.test("character F1 counts characters as a bag, the best accepted answer's", () => {
  assertAlmostEquals(characterF1(["小笠原諸島"], "小笠原諸島を除く日本"), 2 * 5 / 15, 1e-12);
  assertAlmostEquals(characterF1(["ああい", "うう"], "あい"), 2 * 2 / 5, 1e-12);
  assertAlmostEquals(characterF1(["𠮷野家"], "𠮷野"), 2 * 2 / 5, 1e-12);
  assertEquals(characterF1(["。"], ""), 1);
  assertEquals(characterF1(["あ"], ""), 0);
});

Deno.test("trials have a mean and a deviation with n − 1", () => {
  assertEquals(summarize([0.5]).deviation, 0);
  const { mean, deviation } = summarize([1, 2, 4]);
  assertAlmostEquals(mean, 7 / 3, 1e-12);
  assertAlmostEquals(deviation, Math.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2), 1e-12);
});

Deno.test("the bootstrap's interval of an accuracy is about that of the normal approximation", () => {
  let state = 9;
  const uniform = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const right = Array.from({ length: 400 }, (_, i) => i % 4 === 0 ? 0 : 1);
  const mean = (examples: Int32Array): number =>
    examples.reduce((sum, i) => sum + right[i], 0) / examples.length;
  const [low, high] = bootstrapInterval(400, mean, uniform);
  const half = 1.96 * Math.sqrt(0.75 * 0.25 / 400);
  assertAlmostEquals(low, 0.75 - half, 0.01);
  assertAlmostEquals(high, 0.75 + half, 0.01);
});
