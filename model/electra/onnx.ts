/**
 * ELECTRA as an ONNX graph, from tensors by their names in the classes of transformers.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { encodeFloats } from "../files/half.ts";
import { OnnxGraph, type OnnxValue } from "../files/onnx/graph.ts";
import { quantizeRows, transpose } from "../files/onnx/quantize.ts";
import { asFloat32, type SafeTensor } from "../files/safetensors.ts";
import type { EncoderConfig } from "../transformer/config.ts";

/** How weights are stored; "int8" quantises those of products and tables, and activations as they come. */
export type OnnxPrecision = "f32" | "f16" | "int8";

/** File names as transformers.js looks for them. */
export const ONNX_FILES: Readonly<Record<OnnxPrecision, string>> = {
  f32: "onnx/model.onnx",
  f16: "onnx/model_fp16.onnx",
  int8: "onnx/model_quantized.onnx",
};

/** What stands on the encoder. */
export interface OnnxHead {
  /** The output's name. */
  readonly output: string;
  /** The output's shape. */
  readonly shape: (config: EncoderConfig) => (string | number)[];
  /** What comes before the encoder's names: "electra.", or nothing for the encoder alone. */
  readonly prefix: string;
  /** From the last hidden states [batch_size, sequence_length, hidden] to the output. */
  readonly apply: (build: ElectraGraph, hidden: OnnxValue) => OnnxValue;
}

const TOKENS = ["batch_size", "sequence_length"];

/** The heads that can be exported, by their classes in transformers. */
export const ONNX_HEADS: Readonly<Record<string, OnnxHead>> = {
  ElectraModel: {
    output: "last_hidden_state",
    shape: ({ hiddenSize }) => [...TOKENS, hiddenSize],
    prefix: "",
    apply: (_, hidden) => hidden,
  },
  ElectraForPreTraining: {
    output: "logits",
    shape: () => TOKENS,
    prefix: "electra.",
    apply: (build, hidden) => {
      const states = build.gelu(build.dense(hidden, "discriminator_predictions.dense"));
      const scores = build.dense(states, "discriminator_predictions.dense_prediction");
      return build.graph.op("Squeeze", [scores, build.graph.ints([-1])]);
    },
  },
  ElectraForMaskedLM: {
    output: "logits",
    shape: ({ vocabSize }) => [...TOKENS, vocabSize],
    prefix: "electra.",
    apply: (build, hidden) => {
      const states = build.gelu(build.dense(hidden, "generator_predictions.dense"));
      const normal = build.layerNorm(states, "generator_predictions.LayerNorm");
      return build.vocabulary(normal);
    },
  },
};

/**
 * Writes a model as an ONNX file: inputs `input_ids`, `attention_mask` and `token_type_ids` (int64), of any
 * batch and any length up to the model's positions; one float32 output.
 *
 * @param architecture the class in transformers, which chooses the head.
 * @param tensors by their names in that class.
 * @throws {ModelError} where the class has no graph, or a tensor is missing or of another shape.
 */
export function exportOnnx(
  architecture: string,
  config: EncoderConfig,
  tensors: ReadonlyMap<string, SafeTensor>,
  precision: OnnxPrecision,
): Uint8Array<ArrayBuffer> {
  const head = ONNX_HEADS[architecture];
  if (head === undefined) {
    throw new ModelError(
      `no ONNX graph for ${architecture}; there are ${Object.keys(ONNX_HEADS).join(", ")}`,
    );
  }
  const graph = new OnnxGraph(architecture);
  const build = new ElectraGraph(graph, config, tensors, head.prefix, precision);
  const value = head.apply(build, build.encoder());
  graph.output(precision === "f16" ? graph.cast(value, "f32") : value, {
    name: head.output,
    dtype: "f32",
    shape: head.shape(config),
  });
  return graph.encode({ architecture, precision });
}

/** Builds the parts of a model in a graph. */
export class ElectraGraph {
  readonly #dtype: "f32" | "f16";
  readonly #tables = new Map<string, readonly [OnnxValue, OnnxValue]>();

  /**
   * Builds into a graph.
   *
   * @param prefix comes before the names of the encoder's tensors.
   */
  constructor(
    readonly graph: OnnxGraph,
    readonly config: EncoderConfig,
    readonly tensors: ReadonlyMap<string, SafeTensor>,
    readonly prefix: string,
    readonly precision: OnnxPrecision,
  ) {
    this.#dtype = precision === "f16" ? "f16" : "f32";
  }

  /** Inputs, embeddings and layers; returns the last hidden states. */
  encoder(): OnnxValue {
    const { graph, config, prefix } = this;
    const [ids, mask, types] = ["input_ids", "attention_mask", "token_type_ids"].map((name) =>
      graph.input({ name, dtype: "i64", shape: TOKENS })
    );
    let hidden = this.#embeddings(ids, types);
    if (config.embeddingSize !== config.hiddenSize) {
      hidden = this.dense(hidden, `${prefix}embeddings_project`);
    }
    // 0 at real tokens, −10000 at padding, for all heads and queries.
    const real = graph.cast(graph.op("Unsqueeze", [mask, graph.ints([1, 2])]), this.#dtype);
    const absent = graph.op("Sub", [this.#scalar(1), real]);
    const bias = graph.op("Mul", [absent, this.#scalar(-10000)]);
    for (let layer = 0; layer < config.numHiddenLayers; layer++) {
      hidden = this.#layer(hidden, bias, `${prefix}encoder.layer.${layer}`);
    }
    return hidden;
  }

  /** x · Wᵀ + b with the weight [outputs, inputs] and the bias under a name. */
  dense(value: OnnxValue, name: string): OnnxValue {
    const weight = this.#tensor(`${name}.weight`);
    const [outputs, inputs] = weight.shape;
    const values = asFloat32(`${name}.weight`, weight);
    const product = this.precision === "int8"
      ? this.#quantizedProduct(value, name, values, outputs, inputs)
      : this.graph.op("MatMul", [
        value,
        this.#floats(`${name}.weight`, [inputs, outputs], transpose(values, outputs, inputs)),
      ]);
    return this.graph.op("Add", [product, this.#stored(`${name}.bias`, [outputs])]);
  }

  /** GELU by erf: x · (1 + erf(x / √2)) / 2. */
  gelu(value: OnnxValue): OnnxValue {
    const { graph } = this;
    const erf = graph.op("Erf", [graph.op("Mul", [value, this.#scalar(Math.SQRT1_2)])]);
    const half = graph.op("Mul", [value, this.#scalar(0.5)]);
    return graph.op("Mul", [half, graph.op("Add", [erf, this.#scalar(1)])]);
  }

  /** Layernorm over the last axis. */
  layerNorm(value: OnnxValue, name: string): OnnxValue {
    const width = this.#tensor(`${name}.weight`).shape[0];
    return this.graph.op("LayerNormalization", [
      value,
      this.#stored(`${name}.weight`, [width]),
      this.#stored(`${name}.bias`, [width]),
    ], { axis: { int: -1 }, epsilon: { float: this.config.layerNormEpsilon } });
  }

  /** Scores of all words: times the word table transposed, plus a bias. */
  vocabulary(value: OnnxValue): OnnxValue {
    const { graph } = this, { vocabSize } = this.config;
    const [table, scales] = this.#table(`${this.prefix}embeddings.word_embeddings.weight`);
    const turned = graph.op("Transpose", [table], { perm: { ints: [1, 0] } });
    const product = this.precision === "int8"
      ? this.#integerProduct(value, turned, graph.op("Reshape", [scales, graph.ints([-1])]))
      : graph.op("MatMul", [value, turned]);
    return graph.op("Add", [product, this.#stored("generator_lm_head.bias", [vocabSize])]);
  }

  #embeddings(ids: OnnxValue, types: OnnxValue): OnnxValue {
    const { graph } = this, at = `${this.prefix}embeddings`;
    const look = (name: string, indices: OnnxValue): OnnxValue => {
      const [table, scales] = this.#table(`${at}.${name}.weight`);
      const rows = graph.op("Gather", [table, indices]);
      if (this.precision !== "int8") return rows;
      return graph.op("Mul", [graph.cast(rows, "f32"), graph.op("Gather", [scales, indices])]);
    };
    const length = graph.op("Gather", [graph.op("Shape", [ids]), graph.ints(1)]);
    const places = graph.op("Range", [graph.ints(0), length, graph.ints(1)]);
    const words = look("word_embeddings", ids);
    const sum = graph.op("Add", [
      graph.op("Add", [words, look("token_type_embeddings", types)]),
      look("position_embeddings", places),
    ]);
    return this.layerNorm(sum, `${at}.LayerNorm`);
  }

  #layer(hidden: OnnxValue, bias: OnnxValue, at: string): OnnxValue {
    const { graph } = this;
    const attended = this.dense(this.#attention(hidden, bias, at), `${at}.attention.output.dense`);
    const middle = this.layerNorm(
      graph.op("Add", [attended, hidden]),
      `${at}.attention.output.LayerNorm`,
    );
    const wide = this.gelu(this.dense(middle, `${at}.intermediate.dense`));
    const out = this.dense(wide, `${at}.output.dense`);
    return this.layerNorm(graph.op("Add", [out, middle]), `${at}.output.LayerNorm`);
  }

  #attention(hidden: OnnxValue, bias: OnnxValue, at: string): OnnxValue {
    const { graph } = this, { hiddenSize, numAttentionHeads: heads } = this.config;
    const width = hiddenSize / heads;
    const divided = graph.ints([0, 0, heads, width]);
    const project = (name: string, perm: readonly number[]): OnnxValue => {
      const projected = this.dense(hidden, `${at}.attention.self.${name}`);
      return graph.op("Transpose", [graph.op("Reshape", [projected, divided])], {
        perm: { ints: perm },
      });
    };
    const query = project("query", [0, 2, 1, 3]);
    const key = project("key", [0, 2, 3, 1]);
    const value = project("value", [0, 2, 1, 3]);
    // Scaled before the product, which keeps it in the range of f16.
    const scaled = graph.op("Mul", [query, this.#scalar(1 / Math.sqrt(width))]);
    const scores = graph.op("Add", [graph.op("MatMul", [scaled, key]), bias]);
    const shares = graph.op("Softmax", [scores], { axis: { int: -1 } });
    const context = graph.op("Transpose", [graph.op("MatMul", [shares, value])], {
      perm: { ints: [0, 2, 1, 3] },
    });
    return graph.op("Reshape", [context, graph.ints([0, 0, hiddenSize])]);
  }

  /** A table by rows, and for int8 the scale of each row as a column [rows, 1]. */
  #table(name: string): readonly [OnnxValue, OnnxValue] {
    const known = this.#tables.get(name);
    if (known) return known;
    const tensor = this.#tensor(name), [rows, columns] = tensor.shape;
    const values = asFloat32(name, tensor);
    let table: readonly [OnnxValue, OnnxValue];
    if (this.precision === "int8") {
      const { quantized, scales } = quantizeRows(values, rows, columns);
      table = [
        this.graph.tensor(
          `${name}_quantized`,
          "i8",
          [rows, columns],
          new Uint8Array(quantized.buffer),
        ),
        this.#floats(`${name}_scale`, [rows, 1], scales),
      ];
    } else {
      table = [this.#floats(name, [rows, columns], values), ""];
    }
    this.#tables.set(name, table);
    return table;
  }

  #quantizedProduct(
    value: OnnxValue,
    name: string,
    weight: Float32Array,
    outputs: number,
    inputs: number,
  ): OnnxValue {
    const { quantized, scales } = quantizeRows(weight, outputs, inputs);
    const turned = transpose(quantized, outputs, inputs);
    const stored = this.graph.tensor(
      `${name}.weight_quantized`,
      "i8",
      [inputs, outputs],
      new Uint8Array(turned.buffer),
    );
    return this.#integerProduct(
      value,
      stored,
      this.#floats(`${name}.weight_scale`, [outputs], scales),
    );
  }

  /** Quantises a value to 8 bits by its own range, multiplies in integers, and scales back. */
  #integerProduct(value: OnnxValue, weight: OnnxValue, scales: OnnxValue): OnnxValue {
    const { graph } = this;
    const [low, scale, zero] = graph.ops("DynamicQuantizeLinear", [value], 3);
    const sum = graph.cast(graph.op("MatMulInteger", [low, weight, zero]), "f32");
    return graph.op("Mul", [sum, graph.op("Mul", [scale, scales])]);
  }

  #tensor(name: string): SafeTensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) {
      throw new ModelError(`${name} is missing, so no ONNX file can be made`);
    }
    return tensor;
  }

  /** A tensor stored as it is. */
  #stored(name: string, shape: readonly number[]): OnnxValue {
    const tensor = this.#tensor(name);
    if (tensor.shape.join() !== shape.join()) {
      throw new ModelError(`${name} is [${tensor.shape.join("×")}], not [${shape.join("×")}]`);
    }
    return this.#floats(name, shape, asFloat32(name, tensor));
  }

  #floats(name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): OnnxValue {
    const bytes = encodeFloats(values, this.#dtype === "f16" ? "F16" : "F32");
    return this.graph.tensor(name, this.#dtype, shape, bytes);
  }

  #scalar(value: number): OnnxValue {
    return this.graph.scalar(value, this.#dtype);
  }
}
