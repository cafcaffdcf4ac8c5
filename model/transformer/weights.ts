/**
 * The parameters of ELECTRA, declared under their names in the Hugging Face state dict.
 *
 * @module
 */
import type { Tensor } from "../autograd/tensor.ts";
import type { DenseWeights } from "../ops/linear.ts";
import type { EmbeddingTables } from "../ops/embedding.ts";
import type { LayerNormWeights } from "../ops/layernorm.ts";
import type { Initializer, ParameterStore } from "../parameters/store.ts";
import type { EncoderConfig } from "./config.ts";

/** Embedding tables and the layernorm over their sum. */
export interface EmbeddingWeights extends EmbeddingTables {
  /** Over the sum of the three. */
  readonly layerNorm: LayerNormWeights;
}

/** One transformer layer. */
export interface LayerWeights {
  /** Queries, keys and values in one matrix [3·hidden, hidden]. */
  readonly queryKeyValue: DenseWeights;
  /** After the heads are joined. */
  readonly attentionOutput: DenseWeights;
  /** After the first residual. */
  readonly attentionLayerNorm: LayerNormWeights;
  /** hidden → intermediate. */
  readonly intermediate: DenseWeights;
  /** intermediate → hidden. */
  readonly output: DenseWeights;
  /** After the second residual. */
  readonly outputLayerNorm: LayerNormWeights;
}

/** One encoder. */
export interface EncoderWeights {
  /** Tables, perhaps shared with the other encoder. */
  readonly embeddings: EmbeddingWeights;
  /** Embedding width → hidden width, where they differ. */
  readonly projection: DenseWeights | undefined;
  /** Layers from the first to the last. */
  readonly layers: readonly LayerWeights[];
}

/** Declares parameters under one prefix with one deviation for initial weights. */
export class WeightFactory {
  /**
   * A factory for one model's weights.
   *
   * @param store where the parameters are declared.
   * @param prefix "generator." or "discriminator.".
   * @param deviation of the truncated normal that weights start from.
   */
  constructor(
    readonly store: ParameterStore,
    readonly prefix: string,
    readonly deviation: number,
  ) {}

  /** A dense layer; Glorot-uniform where the original left TensorFlow's default initializer. */
  dense(name: string, outputs: number, inputs: number, glorot = false): DenseWeights {
    const initializer: Initializer = glorot ? { kind: "glorot uniform" } : this.#normal;
    return {
      weight: this.#declare(`${name}.weight`, [outputs, inputs], initializer),
      bias: this.bias(`${name}.bias`, outputs),
    };
  }

  /** Dense layers over the same input, fused into one matrix with a row block for each. */
  fusedDense(names: readonly string[], outputs: number, inputs: number): DenseWeights {
    const total = names.length * outputs;
    const declare = (suffix: string, part: number[], whole: number[], init: Initializer) =>
      this.store.declare(
        names.map((name) => ({ name: `${this.prefix}${name}.${suffix}`, shape: part })),
        whole,
        init,
      ).value;
    return {
      weight: declare("weight", [outputs, inputs], [total, inputs], this.#normal),
      bias: declare("bias", [outputs], [total], { kind: "constant", value: 0 }),
    };
  }

  /** A layernorm: scale 1, shift 0. */
  layerNorm(name: string, columns: number): LayerNormWeights {
    return {
      weight: this.#declare(`${name}.weight`, [columns], { kind: "constant", value: 1 }),
      bias: this.bias(`${name}.bias`, columns),
    };
  }

  /** A bias that starts at 0. */
  bias(name: string, columns: number): Tensor {
    return this.#declare(name, [columns], { kind: "constant", value: 0 });
  }

  /** Embedding tables and their layernorm. */
  embeddings(config: EncoderConfig): EmbeddingWeights {
    const at = "electra.embeddings";
    const { embeddingSize: columns } = config;
    const table = (name: string, rows: number) =>
      this.#declare(`${at}.${name}.weight`, [rows, columns], this.#normal);
    return {
      word: table("word_embeddings", config.vocabSize),
      position: table("position_embeddings", config.maxPositionEmbeddings),
      type: table("token_type_embeddings", config.typeVocabSize),
      layerNorm: this.layerNorm(`${at}.LayerNorm`, columns),
    };
  }

  /** An encoder; `shared` gives embeddings that belong to another. */
  encoder(config: EncoderConfig, shared?: EmbeddingWeights): EncoderWeights {
    const { hiddenSize: hidden, intermediateSize, embeddingSize } = config;
    return {
      embeddings: shared ?? this.embeddings(config),
      projection: embeddingSize === hidden
        ? undefined
        : this.dense("electra.embeddings_project", hidden, embeddingSize),
      layers: Array.from({ length: config.numHiddenLayers }, (_, i) => {
        const at = `electra.encoder.layer.${i}`;
        return {
          queryKeyValue: this.fusedDense(
            ["query", "key", "value"].map((name) => `${at}.attention.self.${name}`),
            hidden,
            hidden,
          ),
          attentionOutput: this.dense(`${at}.attention.output.dense`, hidden, hidden),
          attentionLayerNorm: this.layerNorm(`${at}.attention.output.LayerNorm`, hidden),
          intermediate: this.dense(`${at}.intermediate.dense`, intermediateSize, hidden),
          output: this.dense(`${at}.output.dense`, hidden, intermediateSize),
          outputLayerNorm: this.layerNorm(`${at}.output.LayerNorm`, hidden),
        };
      }),
    };
  }

  get #normal(): Initializer {
    return { kind: "truncated normal", deviation: this.deviation };
  }

  #declare(name: string, shape: readonly number[], initializer: Initializer): Tensor {
    return this.store.declare([{ name: this.prefix + name, shape }], shape, initializer).value;
  }
}
