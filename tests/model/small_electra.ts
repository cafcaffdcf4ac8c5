/** A small ELECTRA and batches for it. */
import { type PretrainingHparams, resolveHparams } from "../../model/electra/config.ts";
import type { SpecialIds, TokenBatch } from "../../model/electra/masking.ts";
import {
  createPretraining,
  type Pretraining,
  type PretrainingOptions,
} from "../../model/electra/pretraining.ts";
import {
  type CheckpointFiles,
  decodeCheckpoint,
  encodeCheckpoint,
} from "../../model/files/checkpoint.ts";
import { testGpu } from "../kernels/harness.ts";
import { randomWord } from "../../kernels/random/random.ts";

export const SPECIAL: SpecialIds = { cls: 2, sep: 3, mask: 4, vocabSize: 211 };

/** Hyperparameters of odd shapes: nothing falls into tiles. */
export function smallHparams(more: Readonly<Record<string, unknown>> = {}): PretrainingHparams {
  return resolveHparams({
    model_hparam_overrides: {
      hidden_size: 40,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      max_position_embeddings: 32,
      ...(more.model_hparam_overrides as object ?? {}),
    },
    embedding_size: 24,
    vocab_size: SPECIAL.vocabSize,
    max_seq_length: 19,
    train_batch_size: 3,
    eval_batch_size: 2,
    num_warmup_steps: 2,
    num_train_steps: 1000,
    learning_rate: 1e-3,
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "model_hparam_overrides")),
  }).hparams;
}

/** A training of a small ELECTRA. */
export async function makePretraining(
  more: Readonly<Record<string, unknown>> = {},
  options: Partial<PretrainingOptions> = {},
): Promise<Pretraining> {
  const hparams = smallHparams(more);
  return await createPretraining(await testGpu(), {
    hparams,
    special: SPECIAL,
    seed: 7,
    ...options,
  });
}

/** A training's state as the files of a checkpoint. */
export async function checkpointOf(training: Pretraining): Promise<CheckpointFiles> {
  const { position, ...tensors } = await training.state();
  const state = { ...position, hparams: training.objective.hparams };
  return encodeCheckpoint({ ...tensors, state });
}

/** Lets a training go on from the files of a checkpoint. */
export function restoreFrom(training: Pretraining, files: CheckpointFiles, source: string): void {
  const { state: position, ...tensors } = decodeCheckpoint(files, source);
  training.restore({ ...tensors, position }, source);
}

/** A batch in which the second half of each row repeats the first, so that there is something to learn. */
export function batchOf(rows: number, sequence: number, number: number): TokenBatch {
  const inputIds = new Int32Array(rows * sequence);
  const attentionMask = new Int32Array(rows * sequence);
  const tokenTypeIds = new Int32Array(rows * sequence);
  for (let row = 0; row < rows; row++) {
    const length = sequence - (row % 2) * 3, half = Math.floor(length / 2);
    for (let s = 0; s < length; s++) {
      const at = row * sequence + s;
      attentionMask[at] = 1;
      tokenTypeIds[at] = Number(s > half);
      inputIds[at] = s === 0
        ? SPECIAL.cls
        : s === length - 1 || s === half
        ? SPECIAL.sep
        : 5 + randomWord(1, 2, number, row * sequence + (s < half ? s : s - half)) % 12;
    }
  }
  return { inputIds, attentionMask, tokenTypeIds };
}
