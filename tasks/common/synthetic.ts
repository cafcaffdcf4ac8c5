/** Steps of a chosen size over random tokens, for tasks that measure. */

import type { Gpu } from "../../kernels/device.ts";
import { randomWord } from "../../kernels/random/random.ts";
import { type PretrainingHparams, resolveHparams } from "../../model/electra/config.ts";
import type { SpecialIds, TokenBatch } from "../../model/electra/masking.ts";
import { createPretraining, type Pretraining } from "../../model/electra/pretraining.ts";
import { type TuneMode, tuneStep } from "./tuning.ts";

/** The paper's sizes, and one below them. */
export const SIZES = ["tiny", "small", "base", "large"] as const;

/** Names of the sizes. */
export type Size = (typeof SIZES)[number];

/** Two layers of width 128. */
const TINY = { hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2 };

/** What is measured. */
export interface StepSize {
  /** Size of the model. */
  readonly modelSize: Size;
  /** Examples in a batch. */
  readonly batch: number;
  /** Tokens in an example. */
  readonly maxSeqLength: number;
  /** Pieces in the vocabulary. */
  readonly vocabSize: number;
}

/** Hyperparameters of a size, under those that a user gives. */
export function hparamsOf(
  { modelSize, batch, maxSeqLength, vocabSize }: StepSize,
  given: Readonly<Record<string, unknown>> = {},
): PretrainingHparams {
  const tiny = modelSize === "tiny";
  return resolveHparams({
    model_size: tiny ? "small" : modelSize,
    train_batch_size: batch,
    max_seq_length: maxSeqLength,
    vocab_size: vocabSize,
    ...given,
    ...(tiny
      ? { model_hparam_overrides: { ...TINY, ...(given.model_hparam_overrides as object ?? {}) } }
      : {}),
  }).hparams;
}

/** Special pieces at the places where SentencePiece models of this project have them. */
export function specialIds({ vocab_size }: PretrainingHparams): SpecialIds {
  return { cls: 2, sep: 3, mask: 4, vocabSize: vocab_size };
}

/** Full rows of random tokens: no padding, so that all work is done. */
export function randomBatch(
  { train_batch_size, max_seq_length, vocab_size }: PretrainingHparams,
  seed: number,
): TokenBatch {
  const count = train_batch_size * max_seq_length;
  const inputIds = new Int32Array(count);
  const tokenTypeIds = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const place = i % max_seq_length, half = max_seq_length >> 1;
    inputIds[i] = place === 0
      ? 2
      : place === half || place === max_seq_length - 1
      ? 3
      : 5 + randomWord(seed, 1, 0, i) % (vocab_size - 5);
    tokenTypeIds[i] = Number(place > half);
  }
  return { inputIds, attentionMask: new Int32Array(count).fill(1), tokenTypeIds };
}

/** How a warm trainer is made. */
export interface WarmOptions {
  /** Whether to time the variants of matrix products first, as `pretrain` does. */
  readonly tune: TuneMode;
  /** Ends the tuning. */
  readonly signal: AbortSignal;
  /** Storage of activations; f32 by default. */
  readonly precision?: "f32" | "f16";
  /** Called while pipelines compile. */
  readonly onCompile?: (ready: number, total: number) => void;
}

/**
 * A trainer of random weights, tuned as `pretrain` tunes, whose step has run once, so that all is compiled
 * and its inputs are set.
 */
export async function warmTrainer(
  gpu: Gpu,
  hparams: PretrainingHparams,
  { tune, signal, precision = "f32", onCompile }: WarmOptions,
): Promise<Pretraining> {
  const trainer = await createPretraining(gpu, {
    hparams,
    special: specialIds(hparams),
    seed: 42,
    precision,
    chooseMatmul: await tuneStep(gpu, hparams, precision, tune, signal),
    onCompile,
  });
  const { metrics } = await trainer.train(randomBatch(hparams, 1));
  await metrics;
  return trainer;
}
