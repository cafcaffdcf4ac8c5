/**
 * Models of others as a checkpoint of ours: hyperparameters from `config.json`, tensors by their names in
 * the classes of transformers, and fresh weights for what is not there.
 *
 * @module
 */
import * as v from "valibot";
import { count, parseJson, type Schema } from "../../pipeline/wire/json.ts";
import { ModelError } from "../errors.ts";
import { asFloat32, type SafeTensor, safeTensor } from "../files/safetensors.ts";
import { initialValue } from "../parameters/initialize.ts";
import { ParameterStore } from "../parameters/store.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import {
  discriminatorConfig,
  generatorConfig,
  type PretrainingHparams,
  resolveHparams,
} from "./config.ts";
import { Electra } from "./electra.ts";
import { type PretrainingState, SLOTS } from "./tensorflow.ts";

/** The two halves of an ELECTRA. */
export type ElectraHalf = "discriminator" | "generator";

/** What `config.json` says of an encoder. */
export interface HuggingFaceConfig {
  /** Its class, where named. */
  readonly architecture: string | undefined;
  /** Its shape. */
  readonly encoder: EncoderConfig;
}

const size: Schema<number> = v.pipe(count, v.minValue(1, "it must be at least 1"));
const share: Schema<number> = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const configSchema = v.object({
  architectures: v.optional(v.nullable(v.array(v.string()))),
  model_type: v.literal("electra"),
  vocab_size: size,
  embedding_size: size,
  hidden_size: size,
  num_hidden_layers: count,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: v.optional(v.literal("gelu"), "gelu"),
  hidden_dropout_prob: v.optional(share, 0.1),
  attention_probs_dropout_prob: v.optional(share, 0.1),
  max_position_embeddings: v.optional(size, 512),
  type_vocab_size: v.optional(size, 2),
  initializer_range: v.optional(v.number(), 0.02),
  layer_norm_eps: v.optional(v.number(), 1e-12),
});

/**
 * Reads a `config.json`.
 *
 * @param source the file's name, for messages.
 * @throws {ModelError} where it is no ELECTRA's, or of a kind that is not built here.
 */
export function readHuggingFaceConfig(text: string, source: string): HuggingFaceConfig {
  const fault = (what: string): ModelError =>
    new ModelError(`${source}: ${what}; only ELECTRA models with exact GELU are imported`);
  const config = parseJson(configSchema, text, fault);
  return {
    architecture: config.architectures?.[0],
    encoder: {
      vocabSize: config.vocab_size,
      embeddingSize: config.embedding_size,
      hiddenSize: config.hidden_size,
      numHiddenLayers: config.num_hidden_layers,
      numAttentionHeads: config.num_attention_heads,
      intermediateSize: config.intermediate_size,
      hiddenDropout: config.hidden_dropout_prob,
      attentionDropout: config.attention_probs_dropout_prob,
      maxPositionEmbeddings: config.max_position_embeddings,
      typeVocabSize: config.type_vocab_size,
      initializerRange: config.initializer_range,
      layerNormEpsilon: config.layer_norm_eps,
    },
  };
}

/** Encoders by half; one may be missing. */
export type Halves = Readonly<Partial<Record<ElectraHalf, EncoderConfig>>>;

/**
 * Hyperparameters of a model whose halves have these shapes; those of training are the defaults, or `more`.
 * A generator alone gets a discriminator four times as wide, as the original's small size has it; a
 * discriminator alone gets the default generator.
 *
 * @throws {ModelError} naming a shape that hyperparameters cannot describe.
 */
export function hparamsOf(
  halves: Halves,
  more: Readonly<Record<string, unknown>> = {},
): PretrainingHparams {
  const { discriminator, generator } = halves;
  const { model_hparam_overrides: overrides = {}, ...training } = more;
  const known = discriminator ?? generator;
  if (known === undefined) throw new ModelError("neither a discriminator nor a generator is given");
  const hidden = discriminator?.hiddenSize ?? 4 * known.hiddenSize;
  const layers = discriminator?.numHiddenLayers ?? known.numHiddenLayers;
  const wanted = {
    vocab_size: known.vocabSize,
    embedding_size: known.embeddingSize,
    model_size: hidden > 768 ? "large" : hidden > 256 ? "base" : "small",
    model_hparam_overrides: {
      hidden_size: hidden,
      num_hidden_layers: layers,
      ...(discriminator
        ? {
          num_attention_heads: discriminator.numAttentionHeads,
          intermediate_size: discriminator.intermediateSize,
        }
        : {}),
      hidden_dropout_prob: known.hiddenDropout,
      attention_probs_dropout_prob: known.attentionDropout,
      max_position_embeddings: known.maxPositionEmbeddings,
      type_vocab_size: known.typeVocabSize,
      initializer_range: known.initializerRange,
      ...(overrides as object),
    },
    ...(generator
      ? {
        generator_hidden_size: generator.hiddenSize / hidden,
        generator_layers: layers > 0 ? generator.numHiddenLayers / layers : 1,
      }
      : {}),
    max_seq_length: Math.min(128, known.maxPositionEmbeddings),
    ...training,
  };
  const { hparams } = resolveHparams(wanted);
  if (discriminator) requireShape("discriminator", discriminator, discriminatorConfig(hparams));
  if (generator) requireShape("generator", generator, generatorConfig(hparams));
  return hparams;
}

/** Fields that no weight's shape depends on, so that a difference is no obstacle. */
const WITHOUT_TENSORS: ReadonlySet<string> = new Set([
  "hiddenDropout",
  "attentionDropout",
  "initializerRange",
]);

function requireShape(half: ElectraHalf, given: EncoderConfig, built: EncoderConfig): void {
  const differences = (Object.keys(given) as (keyof EncoderConfig)[])
    .filter((key) => given[key] !== built[key] && !WITHOUT_TENSORS.has(key))
    .map((key) => `${key} is ${given[key]}, not ${built[key]}`);
  if (differences.length > 0) {
    throw new ModelError(
      `the ${half} has a shape that the hyperparameters cannot describe: ${differences.join("; ")}`,
    );
  }
}

/** Buffers of old versions of transformers, which are no weights. */
const NO_WEIGHTS = /\bposition_ids$/;

/**
 * Our names of a half's tensors in a class of transformers.
 *
 * @throws {ModelError} when the generator's output matrix is not its word table, which it is here.
 */
export function fromHuggingFace(
  half: ElectraHalf,
  tensors: ReadonlyMap<string, SafeTensor>,
  source: string,
): Map<string, SafeTensor> {
  const bare = [...tensors.keys()].every((name) => !name.startsWith("electra."));
  const named = new Map<string, SafeTensor>();
  for (const [name, tensor] of tensors) {
    if (NO_WEIGHTS.test(name) || name === "generator_lm_head.weight") continue;
    named.set(`${half}.${bare ? "electra." : ""}${name}`, tensor);
  }
  const output = tensors.get("generator_lm_head.weight");
  const words = tensors.get("electra.embeddings.word_embeddings.weight");
  if (output && words && !equalTensors(output, words)) {
    throw new ModelError(
      `${source}: generator_lm_head.weight is not the table of word embeddings; models without that ` +
        "tie are not built here",
    );
  }
  return named;
}

/** Whether the generator shares the discriminator's embeddings; what it shares is then left out. */
export function tieEmbeddings(named: Map<string, SafeTensor>): boolean {
  const own = [...named.keys()].filter((name) => name.startsWith("generator.electra.embeddings."));
  const tied = own.every((name) => {
    const other = named.get(name.replace("generator.", "discriminator."));
    return other === undefined || equalTensors(named.get(name)!, other);
  });
  if (!tied) return false;
  for (const name of own) {
    const shared = name.replace("generator.", "discriminator.");
    if (!named.has(shared)) named.set(shared, named.get(name)!);
    named.delete(name);
  }
  return true;
}

function equalTensors(a: SafeTensor, b: SafeTensor): boolean {
  return a.dtype === b.dtype && a.shape.join() === b.shape.join() &&
    a.bytes.every((byte, i) => byte === b.bytes[i]);
}

/** A checkpoint made of what was given. */
export interface CompletedModel extends Required<PretrainingState> {
  /** Parameters that were not given and start anew. */
  readonly fresh: readonly string[];
  /** Tensors that were given and have no place in the model. */
  readonly extra: readonly string[];
}

/** Tensors listed in a message at most. */
const MOST_LISTED = 5;

/** The first few of some names. */
export function listNames(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : "";
  return names.slice(0, MOST_LISTED).join(", ") + more;
}

/**
 * Completes what was given to a whole checkpoint: heads and halves that are missing start anew, moments that
 * are missing at 0.
 *
 * @param seed of fresh weights.
 * @throws {ModelError} when a tensor has another shape (both are named), or an encoder is there in part.
 */
export function completeModel(
  hparams: PretrainingHparams,
  given: PretrainingState,
  seed: number,
  source: string,
): CompletedModel {
  const store = new ParameterStore();
  new Electra(store, hparams);
  const parameters = new Map<string, SafeTensor>(), moments = new Map<string, SafeTensor>();
  const fresh: string[] = [], faults: string[] = [];
  store.parameters.forEach((parameter, index) => {
    let initial: Float32Array<ArrayBuffer> | undefined;
    let offset = 0;
    for (const { name, shape } of parameter.parts) {
      const elements = shape.reduce((product, dimension) => product * dimension, 1);
      const fits = (what: string, tensor: SafeTensor): SafeTensor => {
        if (tensor.shape.join() !== shape.join()) {
          faults.push(`${what} is [${tensor.shape.join("×")}], not [${shape.join("×")}]`);
        }
        return tensor.dtype === "F32" ? tensor : safeTensor(asFloat32(what, tensor), tensor.shape);
      };
      const tensor = given.parameters.get(name);
      if (tensor === undefined) {
        initial ??= initialValue(parameter, index, seed);
        fresh.push(name);
        parameters.set(name, safeTensor(initial.slice(offset, offset + elements), shape));
      } else {
        parameters.set(name, fits(name, tensor));
      }
      for (const slot of SLOTS) {
        const moment = given.moments.get(`${name}/${slot}`);
        moments.set(
          `${name}/${slot}`,
          moment ? fits(`${name}/${slot}`, moment) : safeTensor(new Float32Array(elements), shape),
        );
      }
      offset += elements;
    }
  });
  if (faults.length > 0) {
    throw new ModelError(`${source} does not fit the model: ${listNames(faults)}`);
  }
  for (const half of ["discriminator", "generator"] as const) {
    const missing = fresh.filter((name) => name.startsWith(`${half}.electra.`));
    const there = [...parameters.keys()].filter((name) => name.startsWith(`${half}.electra.`));
    if (missing.length > 0 && missing.length < there.length) {
      const embeddings = there.filter((name) => name.includes(".embeddings."));
      // A generator alone brings the embeddings that it shares.
      if (missing.length === there.length - embeddings.length && half === "discriminator") continue;
      throw new ModelError(`${source} lacks ${listNames(missing)}`);
    }
  }
  return {
    parameters,
    moments,
    step: given.step ?? 0,
    fresh,
    extra: [...given.parameters.keys()].filter((name) => !parameters.has(name)),
  };
}
