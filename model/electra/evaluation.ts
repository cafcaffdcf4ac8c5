/**
 * The original's evaluation metrics (`run_pretraining.metric_fn`), summed over batches.
 *
 * @module
 */

import type { Evaluation, Outputs, PreparedBatch } from "../training/objective.ts";
import type { TokenBatch } from "./masking.ts";

/** Metrics over held-out examples. */
export interface PretrainingMetrics {
  /** Share of masked tokens that the generator's best guess finds. */
  masked_lm_accuracy: number;
  /** Mean −log p of the masked tokens, in nats. */
  masked_lm_loss: number;
  /** Share of sampled tokens equal to the original. */
  sampled_masked_lm_accuracy: number;
  /** Mean sigmoid cross-entropy over real tokens. */
  disc_loss: number;
  /** Area under the ROC curve of the discriminator's logits. */
  disc_auc: number;
  /** Share of real tokens judged rightly. */
  disc_accuracy: number;
  /** Share of tokens called replaced that are. */
  disc_precision: number;
  /** Share of replaced tokens that are called so. */
  disc_recall: number;
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

/** An evaluation of pre-training: what a model does not have is NaN in the metrics. */
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
  #predictions = 0;
  #loss = 0;
  #right = 0;
  #sampledRight = 0;
  #discLoss = 0;
  readonly #logits: number[] = [];
  readonly #labels: number[] = [];

  /** Adds a batch. */
  add(batch: EvaluationBatch): void {
    for (let i = 0; i < batch.maskedWeights.length; i++) {
      if (batch.maskedWeights[i] === 0) continue;
      this.#predictions++;
      this.#loss += batch.rowLoss?.[i] ?? NaN;
      if (batch.predictedIds?.[i] === batch.maskedIds[i]) this.#right++;
      if (batch.sampledIds?.[i] === batch.maskedIds[i]) this.#sampledRight++;
    }
    const { logits, labels } = batch;
    if (!logits || !labels) return;
    for (let i = 0; i < logits.length; i++) {
      if (batch.attentionMask[i] === 0) continue;
      this.#logits.push(logits[i]);
      this.#labels.push(labels[i]);
      this.#discLoss += Math.max(logits[i], 0) - logits[i] * labels[i] +
        Math.log1p(Math.exp(-Math.abs(logits[i])));
    }
  }

  /** The metrics so far; NaN where nothing was counted. */
  result(): PretrainingMetrics {
    let truePositives = 0, called = 0, replaced = 0, right = 0;
    this.#logits.forEach((logit, i) => {
      const label = this.#labels[i] > 0, call = logit > 0;
      if (label) replaced++;
      if (call) called++;
      if (label && call) truePositives++;
      if (label === call) right++;
    });
    const tokens = this.#logits.length;
    return {
      masked_lm_accuracy: this.#right / this.#predictions,
      masked_lm_loss: this.#loss / this.#predictions,
      sampled_masked_lm_accuracy: this.#sampledRight / this.#predictions,
      disc_loss: this.#discLoss / tokens,
      disc_auc: areaUnderCurve(this.#logits, this.#labels),
      disc_accuracy: right / tokens,
      disc_precision: truePositives / called,
      disc_recall: truePositives / replaced,
    };
  }
}

/**
 * The area under the ROC curve: the chance that a positive scores above a negative, ties counting half
 * (Mann–Whitney). NaN when there are no positives or no negatives.
 */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i)
    .sort((a, b) => scores[a] - scores[b]);
  let positives = 0, rankSum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && scores[order[end]] === scores[order[start]]) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) {
      if (labels[order[i]] > 0) {
        positives++;
        rankSum += rank;
      }
    }
    start = end;
  }
  const negatives = order.length - positives;
  return (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
}
