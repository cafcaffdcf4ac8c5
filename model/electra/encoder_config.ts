/**
 * The shapes of the discriminator and the generator, from the hyperparameters.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { roundHalfToEven } from "../rounding.ts";
import { hasOwnGenerator, type PretrainingHparams, SIZES } from "./config.ts";

/** The shape of one encoder. */
export interface EncoderConfig {
  /** Pieces in the vocabulary. */
  readonly vocabSize: number;
  /** Width of the embeddings. */
  readonly embeddingSize: number;
  /** Width of the layers. */
  readonly hiddenSize: number;
  /** Layers. */
  readonly numHiddenLayers: number;
  /** Attention heads. */
  readonly numAttentionHeads: number;
  /** Width between the two dense layers of a block. */
  readonly intermediateSize: number;
  /** Dropout of hidden states. */
  readonly hiddenDropout: number;
  /** Dropout of attention probabilities. */
  readonly attentionDropout: number;
  /** Longest sequence. */
  readonly maxPositionEmbeddings: number;
  /** Segments. */
  readonly typeVocabSize: number;
  /** Deviation of initial weights. */
  readonly initializerRange: number;
  /** Added to the variance in layernorm. */
  readonly layerNormEpsilon: number;
}

/**
 * The original's layernorm epsilon. f32 honours it wherever the variance is below about 1e-5; above, it
 * vanishes in the sum, as it does in the original.
 */
export const LAYER_NORM_EPSILON = 1e-12;

/**
 * The discriminator's shape.
 *
 * @throws {ModelError} when heads do not divide the width, or the sequence is longer than the positions.
 */
export function discriminatorConfig(hparams: PretrainingHparams): EncoderConfig {
  const overrides = hparams.model_hparam_overrides;
  const size = SIZES[hparams.model_size];
  const hiddenSize = overrides.hidden_size ?? size.hidden;
  const config: EncoderConfig = {
    vocabSize: hparams.vocab_size,
    embeddingSize: hparams.embedding_size,
    hiddenSize,
    numHiddenLayers: overrides.num_hidden_layers ?? size.layers,
    numAttentionHeads: overrides.num_attention_heads ?? Math.max(1, Math.floor(hiddenSize / 64)),
    intermediateSize: overrides.intermediate_size ?? 4 * hiddenSize,
    hiddenDropout: overrides.hidden_dropout_prob ?? 0.1,
    attentionDropout: overrides.attention_probs_dropout_prob ?? 0.1,
    maxPositionEmbeddings: overrides.max_position_embeddings ?? 512,
    typeVocabSize: overrides.type_vocab_size ?? 2,
    initializerRange: overrides.initializer_range ?? 0.02,
    layerNormEpsilon: LAYER_NORM_EPSILON,
  };
  requireEncoder("the discriminator", config);
  if (hparams.max_seq_length > config.maxPositionEmbeddings) {
    throw new ModelError(
      `max_seq_length is ${hparams.max_seq_length}, but the model has ` +
        `max_position_embeddings = ${config.maxPositionEmbeddings}: shorten the sequence or set ` +
        `"model_hparam_overrides": {"max_position_embeddings": ${hparams.max_seq_length}}`,
    );
  }
  return config;
}

/**
 * The generator's shape: the discriminator's, narrowed by `generator_hidden_size` and `generator_layers`.
 * With untied embeddings these have the generator's own width. A model without an encoder for the generator
 * alone has the discriminator's shape.
 *
 * @throws {ModelError} when the shares make no encoder.
 */
export function generatorConfig(hparams: PretrainingHparams): EncoderConfig {
  const config = discriminatorConfig(hparams);
  if (!hasOwnGenerator(hparams)) return config;
  const hiddenSize = roundHalfToEven(config.hiddenSize * hparams.generator_hidden_size);
  const generator: EncoderConfig = {
    ...config,
    embeddingSize: hparams.untied_generator_embeddings ? hiddenSize : config.embeddingSize,
    hiddenSize,
    numHiddenLayers: roundHalfToEven(config.numHiddenLayers * hparams.generator_layers),
    intermediateSize: 4 * hiddenSize,
    numAttentionHeads: Math.max(1, Math.floor(hiddenSize / 64)),
  };
  requireEncoder("the generator", generator);
  return generator;
}

function requireEncoder(which: string, config: EncoderConfig): void {
  const { hiddenSize, numAttentionHeads } = config;
  if (hiddenSize < 1) throw new ModelError(`${which} has hidden_size ${hiddenSize}`);
  if (hiddenSize % numAttentionHeads !== 0) {
    throw new ModelError(
      `${which} has hidden_size ${hiddenSize}, which ${numAttentionHeads} heads do not divide: ` +
        "set num_attention_heads",
    );
  }
}
