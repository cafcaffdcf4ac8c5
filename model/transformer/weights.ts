/**
 * The parameters of an encoder, declared under their names in the Hugging Face state dict.
 *
 * @module
 */
import type { Tensor } from "../autograd/tensor.ts";
import type { DenseWeights } from "../ops/linear.ts";
import type { EmbeddingTables } from "../ops/embedding.ts";
import type { LayerNormWeights } from "../ops/layernorm.ts";
import type { Initializer, ParameterSettings, ParameterStore } from "../parameters/store.ts";
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

/** Settings of an encoder's parameters by their depth: 0 for embeddings, then 1 for the first layer, and so on. */
export type SettingsByDepth = (depth: number) => ParameterSettings;

/** Declares parameters under one prefix with one deviation for initial weights. */
export class WeightFactory {
  /**
   * A factory for one model's weights.
   *
   * @param store where the parameters are declared.
   * @param prefix put before every name, such as "generator.".
   * @param deviation of the truncated normal that weights start from.
   * @param settings how the parameters are trained.
   */
  constructor(
    readonly store: ParameterStore,
    readonly prefix: string,
    readonly deviation: number,
    readonly settings: ParameterSettings = {},
  ) {}

  /** The same factory for parameters that are trained in another way. */
  with(settings: ParameterSettings): WeightFactory {
    return new WeightFactory(this.store, this.prefix, this.deviation, settings);
  }

  /** A dense layer; Glorot-uniform where the original left TensorFlow's default initializer. */
  dense(name: string, outputs: number, inputs: number, glorot = false): DenseWeights {
    return this.#dense([name], outputs, inputs, glorot ? { kind: "glorot uniform" } : this.#normal);
  }

  /** Dense layers over the same input, fused into one matrix with a row block for each. */
  fusedDense(names: readonly string[], outputs: number, inputs: number): DenseWeights {
    return this.#dense(names, names.length * outputs, inputs, this.#normal);
  }

  /** A layernorm: scale 1, shift 0, no decay. */
  layerNorm(name: string, columns: number): LayerNormWeights {
    return {
      weight: this.#declare(`${name}.weight`, [columns], { kind: "constant", value: 1 }, false),
      bias: this.bias(`${name}.bias`, columns),
    };
  }

  /** A bias that starts at 0 and does not decay. */
  bias(name: string | readonly string[], columns: number): Tensor {
    return this.#declare(name, [columns], { kind: "constant", value: 0 }, false);
  }

  /** Embedding tables and their layernorm. */
  embeddings(config: EncoderConfig): EmbeddingWeights {
    const at = "electra.embeddings";
    const { embeddingSize: columns } = config;
    const table = (name: string, rows: number) =>
      this.#declare(`${at}.${name}.weight`, [rows, columns], this.#normal, true);
    return {
      word: table("word_embeddings", config.vocabSize),
      position: table("position_embeddings", config.maxPositionEmbeddings),
      type: table("token_type_embeddings", config.typeVocabSize),
      layerNorm: this.layerNorm(`${at}.LayerNorm`, columns),
    };
  }

  /**
   * An encoder.
   *
   * @param shared embeddings that belong to another.
   * @param settings how the parameters of each depth are trained; those of the factory by default.
   */
  encoder(
    config: EncoderConfig,
    { shared, settings = () => this.settings }: {
      readonly shared?: EmbeddingWeights;
      readonly settings?: SettingsByDepth;
    } = {},
  ): EncoderWeights {
    const { hiddenSize: hidden, embeddingSize } = config;
    const lowest = this.with(settings(0));
    return {
      embeddings: shared ?? lowest.embeddings(config),
      projection: embeddingSize === hidden
        ? undefined
        : lowest.dense("electra.embeddings_project", hidden, embeddingSize, true),
      layers: Array.from(
        { length: config.numHiddenLayers },
        (_, i) => this.with(settings(i + 1)).#layer(`electra.encoder.layer.${i}`, config),
      ),
    };
  }

  #layer(at: string, { hiddenSize: hidden, intermediateSize }: EncoderConfig): LayerWeights {
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
  }

  get #normal(): Initializer {
    return { kind: "truncated normal", deviation: this.deviation };
  }

  #dense(
    names: readonly string[],
    outputs: number,
    inputs: number,
    initializer: Initializer,
  ): DenseWeights {
    const weights = names.map((name) => `${name}.weight`);
    return {
      weight: this.#declare(weights, [outputs, inputs], initializer, true),
      bias: this.bias(names.map((name) => `${name}.bias`), outputs),
    };
  }

  #declare(
    name: string | readonly string[],
    shape: readonly number[],
    initializer: Initializer,
    decays: boolean,
  ): Tensor {
    const names = [name].flat().map((one) => this.prefix + one);
    return this.store.declare({ ...this.settings, name: names, shape, initializer, decays }).value;
  }
}
