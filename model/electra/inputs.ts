/**
 * What the pre-training objectives write for a batch: its tokens, the same with masks, and the weights of the
 * losses.
 *
 * @module
 */
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import {
  type BatchShape,
  type Draw,
  normalizerOf,
  type PreparedBatch,
} from "../training/objective.ts";
import { requireIds } from "./batch.ts";
import { discriminatorConfig, type PretrainingHparams } from "./config.ts";
import { maskBatch, type SpecialIds, type TokenBatch } from "./masking.ts";

/** One masked batch on the device. */
export interface MaskedInputs {
  /** u32 [batch, sequence]: 1 for a real token. */
  readonly attentionMask: Tensor;
  /** u32 [batch, sequence]: segments. */
  readonly tokenTypeIds: Tensor;
  /** u32 [batch, sequence]: what the generator sees. */
  readonly maskedInputIds: Tensor;
  /** u32 [batch, picks]: where it must predict. */
  readonly maskedPositions: Tensor;
  /** u32 [batch, picks]: the original tokens there. */
  readonly maskedIds: Tensor;
  /** f32 [batch, picks]: 1 for a prediction, 0 for padding. */
  readonly maskedWeights: Tensor;
  /** f32 [1]: one over the predictions of the whole batch. */
  readonly maskedNormalizer: Tensor;
}

/** What the discriminator needs beside it. */
export interface ReplacedInputs extends MaskedInputs {
  /** u32 [batch, sequence]: the original tokens. */
  readonly inputIds: Tensor;
  /** f32 [batch, sequence]: 1 for a real token, as weights of the discriminator's loss. */
  readonly tokenWeights: Tensor;
  /** f32 [1]: one over the real tokens of the whole batch. */
  readonly tokenNormalizer: Tensor;
  /** u32 [batch, picks]: uniform replacements, for `uniform_generator` alone. */
  readonly uniformIds: Tensor;
}

/** Declares the inputs of a masked language model. */
export function maskedInputs(
  tape: Tape,
  { batch, sequence }: BatchShape,
  picks: number,
): MaskedInputs {
  const tokens = [batch, sequence], masked = [batch, picks];
  return {
    attentionMask: tape.input("attention_mask", tokens, "u32"),
    tokenTypeIds: tape.input("token_type_ids", tokens, "u32"),
    maskedInputIds: tape.input("masked_input_ids", tokens, "u32"),
    maskedPositions: tape.input("masked_positions", masked, "u32"),
    maskedIds: tape.input("masked_ids", masked, "u32"),
    maskedWeights: tape.input("masked_weights", masked, "f32"),
    maskedNormalizer: tape.input("normaliser of predictions", [1], "f32"),
  };
}

/** Declares the inputs of ELECTRA. */
export function replacedInputs(tape: Tape, shape: BatchShape, picks: number): ReplacedInputs {
  const tokens = [shape.batch, shape.sequence];
  return {
    ...maskedInputs(tape, shape, picks),
    inputIds: tape.input("input_ids", tokens, "u32"),
    tokenWeights: tape.input("token weights", tokens, "f32"),
    tokenNormalizer: tape.input("normaliser of tokens", [1], "f32"),
    uniformIds: tape.input("uniform ids", [shape.batch, picks], "u32"),
  };
}

/**
 * Masks a batch, anew for every step, and says what its inputs are.
 *
 * @throws {ModelError} for ids past their tables.
 */
export function prepareMasked(
  batch: TokenBatch,
  hparams: PretrainingHparams,
  special: SpecialIds,
  { seed, step }: Draw,
): PreparedBatch {
  const { max_seq_length, mask_prob, max_predictions_per_seq, disallow_correct } = hparams;
  requireIds(batch, max_seq_length, discriminatorConfig(hparams));
  const options = {
    maskProb: mask_prob,
    maxPredictions: max_predictions_per_seq,
    disallowCorrect: disallow_correct,
  };
  const masked = maskBatch(batch, max_seq_length, special, options, seed, step);
  return {
    shape: { batch: batch.inputIds.length / max_seq_length, sequence: max_seq_length },
    inputs: {
      ...masked,
      inputIds: batch.inputIds,
      attentionMask: batch.attentionMask,
      tokenTypeIds: batch.tokenTypeIds,
      tokenWeights: Float32Array.from(batch.attentionMask),
      maskedNormalizer: normalizerOf(masked.maskedWeights),
      tokenNormalizer: normalizerOf(batch.attentionMask),
    },
  };
}

/**
 * Refuses a tokenizer of another vocabulary than the model's.
 *
 * @throws {ModelError} naming both sizes.
 */
export function requireVocabulary(
  { vocab_size }: PretrainingHparams,
  { vocabSize }: SpecialIds,
): void {
  if (vocabSize === vocab_size) return;
  throw new ModelError(
    `the tokenizer has ${vocabSize} pieces, but the model vocab_size = ${vocab_size}: give ` +
      `"vocab_size": ${vocabSize} in --hparams, or the tokenizer that the model was made for`,
  );
}
