/**
 * Scores of predicted spans: a span is right where start, end and label all are.
 *
 * @module
 */
import { type PrecisionRecall, precisionRecall } from "./classification.ts";

/** A labelled run of a text. */
export interface LabelledSpan {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/** Scores over all texts. */
export interface SpanScores {
  /** From counts over all labels: the figure that is published. */
  readonly micro: PrecisionRecall;
  /** The plain mean of the labels' F1. */
  readonly macroF1: number;
  /** For each label that occurs, by name. */
  readonly perLabel: ReadonlyMap<string, PrecisionRecall>;
}

/** Scores of the spans of some texts, text by text. */
export function spanScores(
  right: readonly (readonly LabelledSpan[])[],
  predicted: readonly (readonly LabelledSpan[])[],
): SpanScores {
  const counts = new Map<string, { right: number; predicted: number; present: number }>();
  const of = (label: string): { right: number; predicted: number; present: number } => {
    let count = counts.get(label);
    if (!count) counts.set(label, count = { right: 0, predicted: 0, present: 0 });
    return count;
  };
  const key = ({ start, end, label }: LabelledSpan): string => `${start} ${end} ${label}`;
  right.forEach((spans, i) => {
    const there = new Set(spans.map(key));
    for (const { label } of spans) of(label).present++;
    for (const span of predicted[i]) {
      of(span.label).predicted++;
      if (there.delete(key(span))) of(span.label).right++;
    }
  });
  const all = { right: 0, predicted: 0, present: 0 };
  const perLabel = new Map<string, PrecisionRecall>();
  for (const [label, count] of [...counts].sort(([a], [b]) => a < b ? -1 : 1)) {
    perLabel.set(label, precisionRecall(count.right, count.predicted, count.present));
    all.right += count.right;
    all.predicted += count.predicted;
    all.present += count.present;
  }
  const f1s = [...perLabel.values()].map(({ f1 }) => f1);
  return {
    micro: precisionRecall(all.right, all.predicted, all.present),
    macroF1: f1s.length > 0 ? f1s.reduce((sum, f1) => sum + f1, 0) / f1s.length : NaN,
    perLabel,
  };
}
