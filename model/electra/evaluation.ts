/**
 * The original's evaluation metrics (`run_pretraining.metric_fn`), summed over batches.
 *
 * @module
 */

import type { Evaluation, Outputs, PreparedBatch } from "../training/objective.ts";
import type { TokenBatch } from "./masking.ts";

import { areaUnderCurve } from "../metrics/auc.ts";

/**
 * Metrics over held-out examples: null where there is nothing to measure (a model without a discriminator,
 * no token called replaced), NaN where a number that went in is NaN.
 */
export interface PretrainingMetrics {
  /** Share of masked tokens that the generator's best guess finds. */
  masked_lm_accuracy: number | null;
  /** Mean −log p of the masked tokens, in nats. */
  masked_lm_loss: number | null;
  /** Share of sampled tokens equal to the original. */
  sampled_masked_lm_accuracy: number | null;
  /** Mean sigmoid cross-entropy over real tokens. */
  disc_loss: number | null;
  /** Area under the ROC curve of the discriminator's logits. */
  disc_auc: number | null;
  /** Share of real tokens judged rightly. */
  disc_accuracy: number | null;
  /** Share of tokens called replaced that are. */
  disc_precision: number | null;
  /** Share of replaced tokens that are called so. */
  disc_recall: number | null;
}

/** Results of one evaluation batch, each array as the device made it. */
export interface EvaluationBatch {
  /** −log p of each prediction. */
  readonly rowLoss?: Float32Array;
  /** Best guesses. */
  readonly predictedIds?: Uint32Array;
  /** Samples. */
  readonly sampledIds?: Uint32Array;
  /** Originals. */
  readonly maskedIds: Uint32Array;
  /** 1 for a prediction, 0 for padding. */
  readonly maskedWeights: Float32Array;
  /** Discriminator logits. */
  readonly logits?: Float32Array;
  /** 1 where replaced. */
  readonly labels?: Float32Array;
  /** 1 for a real token. */
  readonly attentionMask: ArrayLike<number>;
}

/** An evaluation of pre-training: what a model does not have is null in the metrics. */
export class PretrainingEvaluation implements Evaluation<TokenBatch, PretrainingMetrics> {
  readonly #sum = new MetricsSum();

  /** Adds a batch. */
  add(
    { attentionMask }: TokenBatch,
    { inputs: { maskedIds, maskedWeights } }: PreparedBatch,
    outputs: Outputs,
  ): void {
    const { rowLoss, predictedIds, sampledIds, logits, labels } = outputs;
    this.#sum.add({
      maskedIds: maskedIds as Uint32Array,
      maskedWeights: maskedWeights as Float32Array,
      attentionMask,
      rowLoss: rowLoss as Float32Array | undefined,
      predictedIds: predictedIds as Uint32Array | undefined,
      sampledIds: sampledIds as Uint32Array | undefined,
      logits: logits as Float32Array | undefined,
      labels: labels as Float32Array | undefined,
    });
  }

  /** The metrics so far. */
  result(): PretrainingMetrics {
    return this.#sum.result();
  }
}

/** Sums batches into metrics. */
export class MetricsSum {
  readonly #guesses = new Mean();
  readonly #samples = new Mean();
  readonly #loss = new Mean();
  readonly #logits: number[] = [];
  readonly #labels: number[] = [];

  /** Adds a batch. */
  add(batch: EvaluationBatch): void {
    const { rowLoss, predictedIds, sampledIds, maskedIds, maskedWeights } = batch;
    for (let i = 0; i < maskedWeights.length; i++) {
      if (maskedWeights[i] === 0) continue;
      if (rowLoss) this.#loss.add(rowLoss[i]);
      // Where the logits are NaN, so is the loss, and no guess or sample means anything.
      const unknown = rowLoss !== undefined && Number.isNaN(rowLoss[i]);
      if (predictedIds) this.#guesses.add(unknown ? NaN : Number(predictedIds[i] === maskedIds[i]));
      if (sampledIds) this.#samples.add(unknown ? NaN : Number(sampledIds[i] === maskedIds[i]));
    }
    const { logits, labels } = batch;
    if (!logits || !labels) return;
    for (let i = 0; i < logits.length; i++) {
      if (batch.attentionMask[i] === 0) continue;
      this.#logits.push(logits[i]);
      this.#labels.push(labels[i]);
    }
  }

  /** The metrics so far. */
  result(): PretrainingMetrics {
    const loss = new Mean(), right = new Mean(), precision = new Mean(), recall = new Mean();
    this.#logits.forEach((logit, i) => {
      const replaced = this.#labels[i] > 0;
      const called = Number.isNaN(logit) ? NaN : Number(logit > 0);
      loss.add(softplus(replaced ? -logit : logit));
      right.add(replaced ? called : 1 - called);
      if (called !== 0) precision.add(replaced ? called : 0 * called);
      if (replaced) recall.add(called);
    });
    const replaced = this.#labels.filter((label) => label > 0).length;
    const bothClasses = replaced > 0 && replaced < this.#labels.length;
    return {
      masked_lm_accuracy: this.#guesses.value,
      masked_lm_loss: this.#loss.value,
      sampled_masked_lm_accuracy: this.#samples.value,
      disc_loss: loss.value,
      disc_auc: bothClasses ? areaUnderCurve(this.#logits, this.#labels) : null,
      disc_accuracy: right.value,
      disc_precision: precision.value,
      disc_recall: recall.value,
    };
  }
}

/** A mean of what is added; null of nothing. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  get value(): number | null {
    return this.#count > 0 ? this.#sum / this.#count : null;
  }
}

/** log(1 + exp(x)): −log of a sigmoid at −x, for infinite x too. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
