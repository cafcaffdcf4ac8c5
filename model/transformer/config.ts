/**
 * The shape of a transformer encoder.
 *
 * @module
 */
import { ModelError } from "../errors.ts";

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
 * Completes a shape with what is usual: embeddings as wide as the layers, heads of 64, four times the width
 * between dense layers, dropout of 0.1, 512 positions, 2 segments.
 *
 * @throws {ModelError} when it makes no encoder.
 */
export function encoderConfig(
  shape:
    & Pick<EncoderConfig, "vocabSize" | "hiddenSize" | "numHiddenLayers">
    & Partial<EncoderConfig>,
): EncoderConfig {
  const { hiddenSize } = shape;
  const config = {
    embeddingSize: hiddenSize,
    numAttentionHeads: Math.max(1, Math.floor(hiddenSize / 64)),
    intermediateSize: 4 * hiddenSize,
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    maxPositionEmbeddings: 512,
    typeVocabSize: 2,
    initializerRange: 0.02,
    layerNormEpsilon: LAYER_NORM_EPSILON,
    ...shape,
  };
  requireEncoder("the encoder", config);
  return config;
}

/**
 * Refuses a shape that makes no encoder.
 *
 * @param which what it is for, for messages: "the discriminator".
 * @throws {ModelError} naming the field, or when the heads do not divide the width.
 */
export function requireEncoder(which: string, config: EncoderConfig): void {
  const { hiddenSize, numAttentionHeads } = config;
  for (const [name, value] of Object.entries(config)) {
    const fraction = /Dropout|Range|Epsilon/.test(name);
    if (!(value >= (fraction || name === "numHiddenLayers" ? 0 : 1))) {
      throw new ModelError(`${which} has ${name} = ${value}`);
    }
    if (!fraction && !Number.isInteger(value)) {
      throw new ModelError(`${which} has ${name} = ${value}; it must be a whole number`);
    }
    if (name.endsWith("Dropout") && value >= 1) {
      throw new ModelError(`${which} has ${name} = ${value}; it must be below 1`);
    }
  }
  if (hiddenSize % numAttentionHeads !== 0) {
    throw new ModelError(
      `${which} has hidden_size ${hiddenSize}, which ${numAttentionHeads} heads do not divide: ` +
        "set num_attention_heads",
    );
  }
}
