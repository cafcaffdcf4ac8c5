/**
 * Scores of predicted classes.
 *
 * @module
 */

/** Precision, recall and their harmonic mean. */
export interface PrecisionRecall {
  /** Of what was predicted, the share that is right; 0 where nothing was. */
  readonly precision: number;
  /** Of what is there, the share that was found; 0 where nothing is. */
  readonly recall: number;
  /** 2·P·R / (P + R); 0 where both are 0. */
  readonly f1: number;
  /** How many there are. */
  readonly support: number;
}

/** Scores over one set of examples. */
export interface ClassificationScores {
  /** Share of right predictions. */
  readonly accuracy: number;
  /** Over all classes that occur, as a label or a prediction; the plain mean of their F1. */
  readonly macroF1: number;
  /** From counts over all classes; with one label an example, the accuracy. */
  readonly microF1: number;
  /** Matthews' correlation for any number of classes (Gorodkin 2004), −1 to 1; 0 where one class is all. */
  readonly matthews: number;
  /** For each class, in order. */
  readonly perClass: readonly PrecisionRecall[];
  /** [label][prediction]: how many. */
  readonly confusion: readonly (readonly number[])[];
}

/** From counts of right, wrongly predicted and missed. */
export function precisionRecall(
  right: number,
  predicted: number,
  present: number,
): PrecisionRecall {
  const precision = predicted > 0 ? right / predicted : 0;
  const recall = present > 0 ? right / present : 0;
  const f1 = predicted + present > 0 ? 2 * right / (predicted + present) : 0;
  return { precision, recall, f1, support: present };
}

/**
 * Scores of predictions.
 *
 * @param labels the right classes, 0 to `classes` − 1.
 * @param predictions as many.
 */
export function classificationScores(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): ClassificationScores {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) confusion[labels[i]][predictions[i]]++;
  const n = labels.length;
  const present = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const predicted = confusion.map((_, c) => confusion.reduce((sum, row) => sum + row[c], 0));
  const right = confusion.map((row, c) => row[c]);
  const correct = right.reduce((sum, count) => sum + count, 0);
  const perClass = right.map((count, c) => precisionRecall(count, predicted[c], present[c]));
  const occurring = perClass.filter((_, c) => present[c] + predicted[c] > 0);
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, x, i) => sum + x * b[i], 0);
  const spread = Math.sqrt((n * n - dot(predicted, predicted)) * (n * n - dot(present, present)));
  return {
    accuracy: n > 0 ? correct / n : NaN,
    microF1: n > 0 ? correct / n : NaN,
    macroF1: occurring.length > 0
      ? occurring.reduce((sum, { f1 }) => sum + f1, 0) / occurring.length
      : NaN,
    matthews: spread > 0 ? (correct * n - dot(predicted, present)) / spread : 0,
    perClass,
    confusion,
  };
}
