/**
 * From a head's logits to predictions about examples, in the words and places of their texts.
 *
 * @module
 */
import { type AnswerCandidate, type AnswerOptions, readAnswers } from "./answers.ts";
import type { FeatureBatch } from "./batches.ts";
import type { FinetuningExample, ReadingExample, Span } from "./example.ts";
import type { Feature, ReadingFeature, TaggingFeature } from "./features.ts";
import { spansOf, type TagLabels } from "./tags.ts";

/** The logits of one feature, in the order of its head. */
export interface FeatureLogits {
  /** The feature. */
  readonly feature: Feature;
  /** A number for each class, or for each place and class. */
  readonly logits: Float32Array;
}

/** A class and how likely each is. */
export interface ClassPrediction {
  readonly kind: "classification" | "multiple_choice";
  /** The likeliest class, or answer. */
  readonly label: number;
  /** For each class, adding up to 1. */
  readonly probabilities: Float64Array;
}

/** A value. */
export interface ValuePrediction {
  readonly kind: "regression";
  readonly value: number;
}

/** Spans of a text. */
export interface SpanPrediction {
  readonly kind: "tagging";
  readonly spans: readonly Span[];
}

/** Answers to a question. */
export interface AnswerPrediction {
  readonly kind: "reading";
  /** The answer that is given, "" for none. */
  readonly answer: string;
  /** The best spans, best first. */
  readonly best: readonly AnswerCandidate[];
  /** How much likelier no answer is than the best span, as a difference of logits. */
  readonly noAnswerMargin: number;
}

/** What a model says of an example. */
export type Prediction = ClassPrediction | ValuePrediction | SpanPrediction | AnswerPrediction;

/** How predictions are made. */
export interface PredictionOptions extends AnswerOptions {
  /** Labels of spans, for tagging. */
  readonly tags?: TagLabels;
  /** Whether questions may have no answer. */
  readonly unanswerable: boolean;
  /** The margin above which none is given. */
  readonly noAnswerThreshold: number;
}

/** Cuts the logits of a batch into those of its features. */
export function logitsByFeature(batch: FeatureBatch, logits: Float32Array): FeatureLogits[] {
  const width = logits.length / batch.batch;
  let row = 0;
  return batch.features.map((feature) => {
    const from = row * width;
    row += feature.inputs.length;
    return { feature, logits: logits.subarray(from, row * width) };
  });
}

/** Probabilities of logits. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const greatest = Math.max(...Array.from(logits));
  const powers = Float64Array.from(logits, (x) => Math.exp(x - greatest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** What the model says of each example, in the order of the examples; every feature must be there. */
export function predictionsOf(
  examples: readonly FinetuningExample[],
  given: readonly FeatureLogits[],
  options: PredictionOptions,
): Prediction[] {
  const windows = new Map<number, FeatureLogits[]>();
  for (const one of given) {
    const others = windows.get(one.feature.example);
    if (others) others.push(one);
    else windows.set(one.feature.example, [one]);
  }
  return examples.map((example, index) => predictionOf(example, windows.get(index)!, options));
}

function predictionOf(
  example: FinetuningExample,
  windows: readonly FeatureLogits[],
  options: PredictionOptions,
): Prediction {
  const [{ logits }] = windows;
  switch (example.kind) {
    case "regression":
      return { kind: "regression", value: logits[0] };
    case "classification":
    case "multiple_choice": {
      const probabilities = softmax(logits);
      const label = probabilities.indexOf(Math.max(...probabilities));
      return { kind: example.kind, label, probabilities };
    }
    case "tagging":
      return { kind: "tagging", spans: taggedSpans(windows, options.tags!) };
    case "reading":
      return readPrediction(example, windows, options);
  }
}

/** The likeliest tag of each token, taken from the window that sees most around it. */
function taggedSpans(windows: readonly FeatureLogits[], labels: TagLabels): Span[] {
  const { tokens } = windows[0].feature as TaggingFeature;
  const count = labels.names.length;
  const tags = new Int32Array(tokens.length);
  for (const { feature, logits } of windows) {
    const { inputs: [{ window, offset }] } = feature as TaggingFeature;
    for (let token = window.core[0]; token < window.core[1]; token++) {
      const at = (token - window.start + offset) * count;
      const own = logits.subarray(at, at + count);
      tags[token] = own.indexOf(Math.max(...own));
    }
  }
  return spansOf(tokens, tags, labels);
}

function readPrediction(
  { context }: ReadingExample,
  windows: readonly FeatureLogits[],
  { unanswerable, noAnswerThreshold, ...options }: PredictionOptions,
): AnswerPrediction {
  const sides = windows.map(({ logits }) => ({
    start: logits.filter((_, i) => i % 2 === 0),
    end: logits.filter((_, i) => i % 2 === 1),
  }));
  const features = windows.map(({ feature }) => feature as ReadingFeature);
  const { best, noAnswerScore } = readAnswers(context, features, sides, options);
  const noAnswerMargin = best.length > 0 ? noAnswerScore - best[0].score : Infinity;
  const none = best.length === 0 || (unanswerable && noAnswerMargin > noAnswerThreshold);
  return { kind: "reading", answer: none ? "" : best[0].text, best, noAnswerMargin };
}
