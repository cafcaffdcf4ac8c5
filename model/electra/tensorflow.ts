/**
 * The names and layouts of google-research/electra's TensorFlow checkpoints, and ours.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { asFloat32, type SafeTensor, safeTensor } from "../files/safetensors.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import { transpose } from "../files/onnx/quantize.ts";

/** The optimizer's slots in either layout: NAME/adam_m and NAME/adam_v. */
export const SLOTS = ["adam_m", "adam_v"] as const;

/** The variable that counts updates. */
export const GLOBAL_STEP = "global_step";

/** What a checkpoint of either layout holds. */
export interface PretrainingState {
  /** Parameters by our names. */
  readonly parameters: ReadonlyMap<string, SafeTensor>;
  /** The optimizer's slots by `NAME/adam_m` and `NAME/adam_v`; may be empty. */
  readonly moments: ReadonlyMap<string, SafeTensor>;
  /** Updates done, where known. */
  readonly step?: number;
}

/** A variable's name in TensorFlow, and whether its matrix is stored the other way round. */
export interface TensorFlowName {
  /** The name. */
  readonly name: string;
  /** Whether it is [in, out] there and [out, in] here. */
  readonly transposed: boolean;
}

/**
 * The TensorFlow name of one of our parameters, such as
 * `discriminator.electra.encoder.layer.0.output.dense.weight`.
 */
export function tensorFlowName(parameter: string): TensorFlowName {
  const generator = parameter.startsWith("generator.");
  const bare = parameter.replace(/^(generator|discriminator)\./, "");
  if (bare === "generator_lm_head.bias") {
    return { name: "generator_predictions/output_bias", transposed: false };
  }
  const path = bare
    .replace(/^electra\./, generator ? "generator." : "electra.")
    .replace("encoder.layer.", "encoder.layer_")
    .replace(".dense_prediction.", ".dense_1.");
  const at = path.replaceAll(".", "/");
  if (/_embeddings\/weight$/.test(at)) {
    return { name: at.replace(/\/weight$/, ""), transposed: false };
  }
  if (/LayerNorm\/(weight|bias)$/.test(at)) {
    const name = at.replace(/weight$/, "gamma").replace(/bias$/, "beta");
    return { name, transposed: false };
  }
  const name = at.replace(/weight$/, "kernel");
  return { name, transposed: name.endsWith("/kernel") };
}

/** Turns a matrix between [out, in] and [in, out]. */
function turned(name: string, tensor: SafeTensor): SafeTensor {
  const [rows, columns] = tensor.shape;
  return safeTensor(transpose(asFloat32(name, tensor), rows, columns), [columns, rows]);
}

/** The variables of a TensorFlow checkpoint that google-research/electra goes on from. */
export function toTensorFlow(
  { parameters, moments, step }: PretrainingState,
): Map<string, SafeTensor> {
  const variables = new Map<string, SafeTensor>();
  for (const [ours, tensor] of parameters) {
    const { name, transposed } = tensorFlowName(ours);
    const put = (name: string, tensor: SafeTensor): unknown =>
      variables.set(name, transposed ? turned(name, tensor) : tensor);
    put(name, tensor);
    for (const slot of SLOTS) {
      const moment = moments.get(`${ours}/${slot}`);
      if (moment) put(`${name}/${slot}`, moment);
    }
  }
  if (step !== undefined) {
    const bytes = new Uint8Array(BigInt64Array.of(BigInt(step)).buffer);
    variables.set(GLOBAL_STEP, { dtype: "I64", shape: [], bytes });
  }
  return variables;
}

/** Shapes by name, as an index tells them before any data is read. */
export type VariableShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/**
 * The parameters that a TensorFlow checkpoint holds: by our names, with their names there.
 *
 * @throws {ModelError} where it holds no ELECTRA.
 */
export function findParameters(variables: VariableShapes, source: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of variables.keys()) {
    const ours = ourName(name);
    if (ours !== undefined) found.set(ours, name);
  }
  const words = "discriminator.electra.embeddings.word_embeddings.weight";
  if (!found.has(words)) {
    throw new ModelError(
      `${source} holds no ELECTRA: variable ${tensorFlowName(words).name} is missing`,
    );
  }
  return found;
}

/** Our name of a variable; undefined for one that is none of a model's. */
function ourName(variable: string): string | undefined {
  const known =
    /^(?:electra|generator)\/(?:embeddings|embeddings_project|encoder)\/|^(?:generator|discriminator)_predictions\//;
  if (!known.test(variable) || /\/adam_[mv]$/.test(variable)) return undefined;
  if (variable === "generator_predictions/output_bias") return "generator.generator_lm_head.bias";
  const generator = variable.startsWith("generator");
  const path = variable
    .replace(/^generator\//, "electra/")
    .replace("/encoder/layer_", "/encoder/layer/")
    .replace(/^discriminator_predictions\/dense_1\//, "discriminator_predictions/dense_prediction/")
    .replace(/_embeddings$/, "_embeddings/weight")
    .replace(/\/(kernel|gamma)$/, "/weight")
    .replace(/\/beta$/, "/bias");
  return `${generator ? "generator" : "discriminator"}.${path.replaceAll("/", ".")}`;
}

/**
 * Our tensors of a checkpoint's variables.
 *
 * @param names TensorFlow's names by ours, as {@linkcode findParameters} gives them.
 * @param variables what was read: parameters, and slots and step where they are there.
 */
export function fromTensorFlow(
  names: ReadonlyMap<string, string>,
  variables: ReadonlyMap<string, SafeTensor>,
): PretrainingState {
  const parameters = new Map<string, SafeTensor>(), moments = new Map<string, SafeTensor>();
  for (const [ours, name] of names) {
    const turn = (name: string, tensor: SafeTensor): SafeTensor =>
      tensorFlowName(ours).transposed ? turned(name, tensor) : tensor;
    parameters.set(ours, turn(name, variables.get(name)!));
    for (const slot of SLOTS) {
      const moment = variables.get(`${name}/${slot}`);
      if (moment) moments.set(`${ours}/${slot}`, turn(`${name}/${slot}`, moment));
    }
  }
  const step = variables.get(GLOBAL_STEP);
  if (step === undefined || step.dtype !== "I64") return { parameters, moments };
  const [count] = new BigInt64Array(step.bytes.slice().buffer);
  return { parameters, moments, step: Number(count) };
}

/** A half's shape as far as its variables tell it: how many heads there are, they do not. */
export type KnownShape = Pick<
  EncoderConfig,
  | "vocabSize"
  | "embeddingSize"
  | "hiddenSize"
  | "numHiddenLayers"
  | "intermediateSize"
  | "maxPositionEmbeddings"
  | "typeVocabSize"
>;

/**
 * The shape of a half, from the shapes of its variables; undefined where it has no encoder of its own.
 *
 * @param names as {@linkcode findParameters} gives them.
 * @throws {ModelError} when its first layer or a table is missing.
 */
export function shapeOfHalf(
  half: "discriminator" | "generator",
  names: ReadonlyMap<string, string>,
  variables: VariableShapes,
  source: string,
): KnownShape | undefined {
  const at = `${half}.electra.`;
  if (![...names.keys()].some((name) => name.startsWith(`${at}encoder.`))) return undefined;
  const shape = (owner: string, name: string): readonly number[] => {
    const variable = names.get(owner + name) ?? names.get(`discriminator.electra.${name}`);
    const found = variable && variables.get(variable)?.shape;
    if (!found || found.length !== 2) throw new ModelError(`${source}: the ${half} has no ${name}`);
    return found;
  };
  const [vocabSize, embeddingSize] = shape(at, "embeddings.word_embeddings.weight");
  const [maxPositionEmbeddings] = shape(at, "embeddings.position_embeddings.weight");
  const [typeVocabSize] = shape(at, "embeddings.token_type_embeddings.weight");
  // Kernels are [in, out].
  const [hiddenSize, intermediateSize] = shape(at, "encoder.layer.0.intermediate.dense.weight");
  const layers = [...names.keys()].map((name) => /\.encoder\.layer\.(\d+)\./.exec(name))
    .filter((match) => match?.input.startsWith(at));
  return {
    vocabSize,
    embeddingSize,
    hiddenSize,
    numHiddenLayers: 1 + Math.max(...layers.map((match) => Number(match![1]))),
    intermediateSize,
    maxPositionEmbeddings,
    typeVocabSize,
  };
}
