/** A fine-tuned model on the examples of a split: predictions, and their scores. */

import type { FinetuningHparams } from "../../model/finetuning/hparams.ts";
import type { FinetuningObjective } from "../../model/finetuning/objective.ts";
import type { Evaluator } from "../../model/training/inference.ts";
import type { MetricName } from "../../pipeline/finetuning/description.ts";
import {
  type FeatureLogits,
  logitsByFeature,
  type Prediction,
  predictionsOf,
} from "../../pipeline/finetuning/predictions.ts";
import { evaluationBatches, type FeaturedSplit, type FinetuningTask } from "./data.ts";
import { type ScoredSplit, scorePredictions } from "./scores.ts";

/** What runs a fine-tuned model: a training, or a saved model that is evaluated. */
export type Runner = Pick<Evaluator<FinetuningObjective>, "evaluateBatch">;

/** Called as examples are done. */
export type OnProgress = (features: number) => void;

/** What the model says of each example. */
export async function predictSplit(
  runner: Runner,
  task: FinetuningTask,
  { examples, features }: Pick<FeaturedSplit, "examples" | "features">,
  hparams: FinetuningHparams,
  padId: number,
  onProgress?: OnProgress,
): Promise<{ predictions: Prediction[]; loss: number }> {
  const logits: FeatureLogits[] = [];
  let done = 0, loss = 0, labelled = 0, number = 0;
  const { eval_batch_size, max_seq_length } = hparams;
  for (
    const batch of evaluationBatches(task.name, features, eval_batch_size, padId, max_seq_length)
  ) {
    const { prepared, outputs } = await runner.evaluateBatch(batch, ++number);
    logits.push(...logitsByFeature(batch, outputs.logits as Float32Array));
    const weight = (prepared.inputs.weights as Float32Array).reduce((sum, one) => sum + one, 0);
    loss += outputs.loss[0] * weight;
    labelled += weight;
    done += batch.features.length;
    onProgress?.(done);
  }
  const predictions = predictionsOf(examples, logits, {
    nBestSize: hparams.n_best_size,
    maxAnswerLength: hparams.max_answer_length,
    tags: task.tags,
    unanswerable: task.unanswerable,
    noAnswerThreshold: hparams.qa_na_threshold,
  });
  return { predictions, loss: loss / labelled };
}

/** Scores a model on a split. */
export async function evaluateSplit(
  runner: Runner,
  task: FinetuningTask,
  split: FeaturedSplit,
  hparams: FinetuningHparams,
  padId: number,
  onProgress?: OnProgress,
): Promise<ScoredSplit & { readonly loss: number; readonly predictions: readonly Prediction[] }> {
  const predicted = await predictSplit(runner, task, split, hparams, padId, onProgress);
  const { predictions } = predicted;
  const { examples } = split;
  const metric = decidingMetric(task, hparams);
  const scored = scorePredictions(examples, predictions, task.description, task.labels, metric);
  return { ...scored, ...predicted };
}

/** The metric that says which model is best. */
export function decidingMetric(
  { description }: FinetuningTask,
  { metric_for_best_model }: FinetuningHparams,
): MetricName {
  return (metric_for_best_model || description.metric) as MetricName;
}
