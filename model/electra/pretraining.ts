/**
 * Pre-training by its hyperparameters: which objective, how it is trained, what a step of it costs.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import type { ParameterStore } from "../parameters/store.ts";
import type { BatchShape, Objective } from "../training/objective.ts";
import {
  type DeviceTraits,
  type RecordedStep,
  recordStep,
  type StepOptions,
  traitsOf,
} from "../training/recording.ts";
import { adamOptimizer, type Optimizer, withAverage } from "../training/optimizer.ts";
import { learningRate } from "../training/schedule.ts";
import { planTraining, type StepPlan } from "../training/step_plan.ts";
import { Training, type TrainingOptions } from "../training/training.ts";
import type { PretrainingHparams } from "./config.ts";
import type { Electra } from "./electra.ts";
import type { PretrainingMetrics } from "./evaluation.ts";
import { MaskedLanguageModel } from "./masked_lm.ts";
import type { SpecialIds, TokenBatch } from "./masking.ts";
import { ElectraObjective } from "./objective.ts";

/** An objective of pre-training. */
export interface PretrainingObjective extends Objective<TokenBatch, PretrainingMetrics> {
  /** Hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** The model. */
  readonly model: Electra;
}

/** A training of ELECTRA or of a masked language model. */
export type Pretraining = Training<PretrainingObjective>;

/** What a pre-training is made from. */
export interface PretrainingOptions
  extends
    Pick<TrainingOptions, "seed" | "precision" | "lossScaleGrowth" | "onCompile" | "chooseMatmul"> {
  /** Complete hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Ids of the special pieces. */
  readonly special: SpecialIds;
}

/**
 * Begins a pre-training: declares the model, gives it initial weights and compiles its training step.
 *
 * @throws {ModelError} when the model does not fit the hyperparameters, the tokenizer or the adapter.
 */
export async function createPretraining(
  gpu: Gpu,
  { hparams, special, ...options }: PretrainingOptions,
): Promise<Pretraining> {
  return await Training.create(
    gpu,
    (store) => pretrainingObjective(store, hparams, special),
    { ...options, ...trainingOptions(hparams), shape: trainingShape(hparams) },
  );
}

/** The objective that the hyperparameters ask for. */
export function pretrainingObjective(
  store: ParameterStore,
  hparams: PretrainingHparams,
  special: SpecialIds,
): PretrainingObjective {
  return hparams.electra_objective
    ? new ElectraObjective(store, hparams, special)
    : new MaskedLanguageModel(store, hparams, special);
}

/** How the hyperparameters train. */
export function trainingOptions(
  hparams: PretrainingHparams,
): Pick<TrainingOptions, "learningRate" | "weightDecay" | "accumulationSteps" | "optimizer"> {
  return {
    optimizer: optimizerOf(hparams),
    accumulationSteps: hparams.gradient_accumulation_steps,
    learningRate: (updates) => learningRate(hparams, updates),
    weightDecay: hparams.weight_decay_rate,
  };
}

/** How parameters follow their gradients. */
function optimizerOf({ ema_decay }: PretrainingHparams): Optimizer {
  return ema_decay > 0 ? withAverage(adamOptimizer(), ema_decay) : adamOptimizer();
}

/** The shape of a whole training batch. */
export function trainingShape(
  { train_batch_size, max_seq_length }: PretrainingHparams,
): BatchShape {
  return { batch: train_batch_size, sequence: max_seq_length };
}

/** The objective for recordings that no data goes through, so that its special ids may be any. */
function declarationOf(
  hparams: PretrainingHparams,
): (store: ParameterStore) => PretrainingObjective {
  const special = { cls: 2, sep: 3, mask: 4, vocabSize: hparams.vocab_size };
  return (store) => pretrainingObjective(store, hparams, special);
}

/** Records a step of pre-training, for those who list what it does. */
export function recordPretraining(
  hparams: PretrainingHparams,
  traits: DeviceTraits,
  options: StepOptions = {},
): RecordedStep<PretrainingObjective> {
  const { batch, sequence } = trainingShape(hparams);
  const accumulationSteps = hparams.gradient_accumulation_steps;
  const part = { batch: batch / accumulationSteps, sequence };
  const accumulate = accumulationSteps > 1;
  const optimizer = optimizerOf(hparams);
  return recordStep(declarationOf(hparams), part, traits, { accumulate, optimizer, ...options });
}

/**
 * Plans a step of pre-training.
 *
 * @throws {ModelError} when the hyperparameters make no model.
 */
export function planPretraining(
  hparams: PretrainingHparams,
  traits: DeviceTraits,
  storage: "f32" | "f16" = "f32",
): StepPlan {
  const accumulationSteps = hparams.gradient_accumulation_steps;
  const options = { storage, groupOf, accumulationSteps, optimizer: optimizerOf(hparams) };
  return planTraining(declarationOf(hparams), trainingShape(hparams), traits, options);
}

/** Parts of the model by the names of their parameters. */
const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/\.word_embeddings\./, "word embeddings"],
  [/electra\.embeddings/, "other embeddings"],
  [/^generator\.electra\./, "generator layers"],
  [/^discriminator\.electra\./, "discriminator layers"],
  [/^generator\./, "generator head"],
  [/^discriminator\./, "discriminator head"],
];

function groupOf(name: string): string {
  return GROUPS.find(([pattern]) => pattern.test(name))![1];
}

/**
 * The matrix products of a training step, forward and backward, so that they can be tuned before it is
 * compiled.
 */
export function matmulsOfStep(
  gpu: Gpu,
  hparams: PretrainingHparams,
  storage: "f32" | "f16",
): MatmulSpec[] {
  const specs: MatmulSpec[] = [];
  recordPretraining(hparams, traitsOf(gpu, (spec) => void specs.push(spec)), { storage });
  return specs;
}
