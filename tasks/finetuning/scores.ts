/** Scores of predictions about labelled examples. */

import { areaUnderCurve } from "../../model/metrics/auc.ts";
import { classificationScores, type PrecisionRecall } from "../../model/metrics/classification.ts";
import { pearson, spearman } from "../../model/metrics/correlation.ts";
import { characterF1, exactMatch } from "../../model/metrics/reading.ts";
import { spanScores } from "../../model/metrics/spans.ts";
import { bootstrapInterval } from "../../model/metrics/trials.ts";
import { Random } from "../../pipeline/examples/random.ts";
import type { MetricName, TaskDescription } from "../../pipeline/finetuning/description.ts";
import type {
  FinetuningExample,
  ReadingExample,
  TaggingExample,
} from "../../pipeline/finetuning/example.ts";
import type {
  AnswerPrediction,
  ClassPrediction,
  Prediction,
  SpanPrediction,
  ValuePrediction,
} from "../../pipeline/finetuning/predictions.ts";

/** Scores by their names, those that choose the best model among them. */
export type Scores = Readonly<Record<string, number>>;

/** Scores of one model on one split. */
export interface ScoredSplit {
  /** Examples that have a label. */
  readonly examples: number;
  /** Every score. */
  readonly scores: Scores;
  /** 95% interval of the metric that decides, by the bootstrap over examples. */
  readonly interval: readonly [number, number];
  /** For each class or label. */
  readonly classes: Readonly<Record<string, PrecisionRecall>>;
  /** [label][prediction], in the order of the classes; for classification alone. */
  readonly confusion?: readonly (readonly number[])[];
}

/** An example that has a label, and what was predicted. */
interface Pair<E, P> {
  readonly example: E;
  readonly prediction: P;
}

/**
 * Scores predictions; examples without a label count for nothing.
 *
 * @param labels the classes in order, for classification.
 * @param metric whose interval is asked for.
 */
export function scorePredictions(
  examples: readonly FinetuningExample[],
  predictions: readonly Prediction[],
  { kind }: TaskDescription,
  labels: readonly string[],
  metric: MetricName,
): ScoredSplit {
  const pairs = examples.flatMap((example, i) =>
    isLabelled(example) ? [{ example, prediction: predictions[i] }] : []
  );
  const { classes = {}, confusion, ...rest } = scorersByKind[kind](pairs, labels);
  const random = new Random(1, "bootstrap of scores");
  const interval = bootstrapInterval(
    pairs.length,
    (drawn) => scorersByKind[kind](Array.from(drawn, (i) => pairs[i]), labels).scores[metric],
    () => random.uniform(),
    drawsFor(pairs.length),
  );
  return { examples: pairs.length, scores: rest.scores, interval, classes, confusion };
}

/** Draws of the bootstrap: a thousand, fewer where examples are so many that the interval is narrow anyway. */
function drawsFor(examples: number): number {
  return Math.max(200, Math.min(1000, Math.floor(2e6 / Math.max(1, examples))));
}

function isLabelled(example: FinetuningExample): boolean {
  if (example.kind === "tagging") return example.spans !== undefined;
  return (example.kind === "reading" ? example.answers : example.label) !== undefined;
}

interface Scored {
  readonly scores: Scores;
  readonly classes?: Readonly<Record<string, PrecisionRecall>>;
  readonly confusion?: readonly (readonly number[])[];
}

type Pairs = readonly Pair<FinetuningExample, Prediction>[];

const scorersByKind: Readonly<
  Record<TaskDescription["kind"], (pairs: Pairs, labels: readonly string[]) => Scored>
> = {
  classification(pairs, labels): Scored {
    const right = pairs.map(({ example }) => labels.indexOf((example as { label: string }).label));
    const predicted = pairs.map(({ prediction }) => (prediction as ClassPrediction).label);
    const scored = classificationScores(right, predicted, labels.length);
    const { accuracy, macroF1, microF1, matthews, perClass, confusion } = scored;
    const two: Scores = labels.length === 2
      ? {
        auc: areaUnderCurve(
          pairs.map(({ prediction }) => (prediction as ClassPrediction).probabilities[1]),
          right,
        ),
      }
      : {};
    return {
      scores: { accuracy, macro_f1: macroF1, micro_f1: microF1, matthews, ...two },
      classes: Object.fromEntries(labels.map((label, i) => [label, perClass[i]])),
      confusion,
    };
  },
  regression(pairs): Scored {
    const right = pairs.map(({ example }) => (example as { label: number }).label);
    const predicted = pairs.map(({ prediction }) => (prediction as ValuePrediction).value);
    const squares = predicted.reduce((sum, value, i) => sum + (value - right[i]) ** 2, 0);
    return {
      scores: {
        pearson: pearson(right, predicted),
        spearman: spearman(right, predicted),
        mean_squared_error: squares / pairs.length,
      },
    };
  },
  tagging(pairs): Scored {
    const { micro, macroF1, perLabel } = spanScores(
      pairs.map(({ example }) => (example as TaggingExample).spans!),
      pairs.map(({ prediction }) => (prediction as SpanPrediction).spans),
    );
    return {
      scores: {
        span_f1: micro.f1,
        span_precision: micro.precision,
        span_recall: micro.recall,
        macro_f1: macroF1,
      },
      classes: Object.fromEntries(perLabel),
    };
  },
  reading(pairs): Scored {
    let exact = 0, f1 = 0;
    for (const { example, prediction } of pairs) {
      const accepted = (example as ReadingExample).answers!.map(({ text }) => text);
      const { answer } = prediction as AnswerPrediction;
      exact += exactMatch(accepted, answer);
      f1 += characterF1(accepted, answer);
    }
    return { scores: { exact_match: exact / pairs.length, f1: f1 / pairs.length } };
  },
  multiple_choice(pairs): Scored {
    const right =
      pairs.filter(({ example, prediction }) =>
        (example as { label: number }).label === (prediction as ClassPrediction).label
      ).length;
    return { scores: { accuracy: right / pairs.length } };
  },
};
