/**
 * What sits on the encoders in pre-training: the generator's vocabulary head and the discriminator's
 * real-or-replaced head.
 *
 * @module
 */
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { gatherRows } from "../ops/embedding.ts";
import { layerNorm, type LayerNormWeights } from "../ops/layernorm.ts";
import { type DenseWeights, linear, linearGelu } from "../ops/linear.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import type { WeightFactory } from "../transformer/weights.ts";

/** The generator's head; its output matrix is the word-embedding table. */
export interface GeneratorHead {
  /** hidden → embedding width. */
  readonly dense: DenseWeights;
  /** After GELU. */
  readonly layerNorm: LayerNormWeights;
  /** [vocabulary] */
  readonly outputBias: Tensor;
}

/** The discriminator's head. */
export interface DiscriminatorHead {
  /** hidden → hidden. */
  readonly dense: DenseWeights;
  /** hidden → 1. */
  readonly prediction: DenseWeights;
}

/** Declares the generator's head. */
export function declareGeneratorHead(
  factory: WeightFactory,
  config: EncoderConfig,
): GeneratorHead {
  const { embeddingSize, hiddenSize, vocabSize } = config;
  return {
    dense: factory.dense("generator_predictions.dense", embeddingSize, hiddenSize),
    layerNorm: factory.layerNorm("generator_predictions.LayerNorm", embeddingSize),
    outputBias: factory.bias("generator_lm_head.bias", vocabSize),
  };
}

/** Declares the discriminator's head. */
export function declareDiscriminatorHead(
  factory: WeightFactory,
  config: EncoderConfig,
): DiscriminatorHead {
  const { hiddenSize } = config;
  return {
    dense: factory.dense("discriminator_predictions.dense", hiddenSize, hiddenSize),
    prediction: factory.dense("discriminator_predictions.dense_prediction", 1, hiddenSize, true),
  };
}

/**
 * The generator's view of the masked positions, ready to be compared with the word table.
 *
 * @param hiddenStates [batch·sequence, hidden]
 * @param maskedPositions u32 [batch, picks]
 * @returns [batch·picks, embedding]
 */
export function generatorPredictions(
  tape: Tape,
  config: EncoderConfig,
  head: GeneratorHead,
  hiddenStates: Tensor,
  maskedPositions: Tensor,
): Tensor {
  const picked = gatherRows(tape, hiddenStates, maskedPositions);
  const transformed = linearGelu(tape, picked, head.dense);
  return layerNorm(tape, transformed, head.layerNorm, config.layerNormEpsilon);
}

/** One logit a token, above 0 where it looks replaced: f32 [batch·sequence, 1]. */
export function discriminatorLogits(
  tape: Tape,
  head: DiscriminatorHead,
  hiddenStates: Tensor,
  padding?: Tensor,
): Tensor {
  const transformed = linearGelu(tape, hiddenStates, head.dense, padding);
  return linear(tape, transformed, head.prediction, { outputStorage: "f32", padding });
}
