/**
 * The hyperparameters of pre-training, with the original's names and defaults
 * (google-research/electra, `configure_pretraining.py`; Clark et al., ICLR 2020).
 *
 * @module
 */
import { closestString } from "@std/text/closest_string.js";
import { ModelError } from "../errors.ts";
import { type EncoderConfig, LAYER_NORM_EPSILON, requireEncoder } from "../transformer/config.ts";

/** Keys of the original that only make sense on a TPU: accepted, without effect. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "use_tpu",
  "num_tpu_cores",
  "tpu_job_name",
  "tpu_name",
  "tpu_zone",
  "gcp_project",
  "iterations_per_loop",
]);

/** Hyperparameters of pre-training. Fractions are shares, rates are per update. */
export interface PretrainingHparams {
  /** Small model, short run, for trying things. */
  debug: boolean;
  /** Train. */
  do_train: boolean;
  /** Evaluate on held-out examples. */
  do_eval: boolean;
  /** ELECTRA; false trains a BERT masked language model alone. */
  electra_objective: boolean;
  /** Factor of the masked-LM loss. */
  gen_weight: number;
  /** Factor of the discriminator's loss. */
  disc_weight: number;
  /** Share of tokens to predict. */
  mask_prob: number;
  /** Peak learning rate. */
  learning_rate: number;
  /** Power of the polynomial decay. */
  lr_decay_power: number;
  /** Decoupled weight decay. */
  weight_decay_rate: number;
  /** Steps of linear warm-up. */
  num_warmup_steps: number;
  /** Steps between checkpoints. */
  save_checkpoints_steps: number;
  /** Updates in all. */
  num_train_steps: number;
  /** Batches of an evaluation at most. */
  num_eval_steps: number;
  /** Checkpoints kept; 0 keeps all. */
  keep_checkpoint_max: number;
  /** "small", "base" or "large". */
  model_size: ModelSize;
  /** Settings of the discriminator that replace those of the size. */
  model_hparam_overrides: Partial<EncoderOverrides>;
  /** Width of the embeddings. */
  embedding_size: number;
  /** Pieces in the vocabulary. */
  vocab_size: number;
  /** Lower-case the text. */
  do_lower_case: boolean;
  /** Replacements drawn uniformly from the vocabulary instead of from a generator. */
  uniform_generator: boolean;
  /** Embeddings of their own for the generator. */
  untied_generator_embeddings: boolean;
  /** An encoder of its own for the generator. */
  untied_generator: boolean;
  /** Layers of the generator as a share of the discriminator's. */
  generator_layers: number;
  /** Width of the generator as a share of the discriminator's. */
  generator_hidden_size: number;
  /** The generator never samples the true token. */
  disallow_correct: boolean;
  /** Temperature of the generator's samples. */
  temperature: number;
  /** Tokens in an example. */
  max_seq_length: number;
  /** Examples in a training batch. */
  train_batch_size: number;
  /** Examples in an evaluation batch. */
  eval_batch_size: number;
  /** Patterns of the training examples, separated by commas; empty: those of the data directory. */
  pretrain_tfrecords: string;
  /** Vocabulary file; empty: that of the data directory. */
  vocab_file: string;
  /** SentencePiece model; empty: that of the data directory. */
  model_sentencepiece_path: string;
  /** Predictions in a row at most. */
  max_predictions_per_seq: number;
}

/** Sizes of the paper. */
export type ModelSize = "small" | "base" | "large";

/** What `model_hparam_overrides` may set. */
export interface EncoderOverrides {
  /** Width of the layers. */
  hidden_size: number;
  /** Layers. */
  num_hidden_layers: number;
  /** Attention heads. */
  num_attention_heads: number;
  /** Width between the two dense layers of a block. */
  intermediate_size: number;
  /** Dropout of hidden states. */
  hidden_dropout_prob: number;
  /** Dropout of attention probabilities. */
  attention_probs_dropout_prob: number;
  /** Longest sequence. */
  max_position_embeddings: number;
  /** Segments. */
  type_vocab_size: number;
  /** Deviation of initial weights. */
  initializer_range: number;
}

const SIZES: Readonly<Record<ModelSize, { hidden: number; layers: number; embedding?: number }>> = {
  small: { hidden: 256, layers: 12, embedding: 128 },
  base: { hidden: 768, layers: 12 },
  large: { hidden: 1024, layers: 24 },
};

const DEFAULTS: PretrainingHparams = {
  debug: false,
  do_train: true,
  do_eval: false,
  electra_objective: true,
  gen_weight: 1,
  disc_weight: 50,
  mask_prob: 0.15,
  learning_rate: 5e-4,
  lr_decay_power: 1,
  weight_decay_rate: 0.01,
  num_warmup_steps: 10_000,
  save_checkpoints_steps: 1000,
  num_train_steps: 1_000_000,
  num_eval_steps: 100,
  keep_checkpoint_max: 5,
  model_size: "small",
  model_hparam_overrides: {},
  embedding_size: 128,
  vocab_size: 30_522,
  do_lower_case: true,
  uniform_generator: false,
  untied_generator_embeddings: false,
  untied_generator: true,
  generator_layers: 1,
  generator_hidden_size: 0.25,
  disallow_correct: false,
  temperature: 1,
  max_seq_length: 128,
  train_batch_size: 128,
  eval_batch_size: 128,
  pretrain_tfrecords: "",
  vocab_file: "",
  model_sentencepiece_path: "",
  max_predictions_per_seq: 0,
};

const DEBUG: Partial<PretrainingHparams> = {
  train_batch_size: 8,
  num_train_steps: 20,
  eval_batch_size: 4,
  num_eval_steps: 2,
};

const DEBUG_OVERRIDES: Partial<EncoderOverrides> = { num_hidden_layers: 3, hidden_size: 144 };

/** Keys of the original whose models are not built here, and the values that mean "off". */
const NOT_BUILT: Readonly<Record<string, unknown>> = {
  electric_objective: false,
  two_tower_generator: false,
};

/** Keys of `model_hparam_overrides`. */
const OVERRIDE_KEYS: readonly (keyof EncoderOverrides)[] = [
  "hidden_size",
  "num_hidden_layers",
  "num_attention_heads",
  "intermediate_size",
  "hidden_dropout_prob",
  "attention_probs_dropout_prob",
  "max_position_embeddings",
  "type_vocab_size",
  "initializer_range",
];

/** Hyperparameters with everything derived, and the accepted keys that have no effect. */
export interface ResolvedHparams {
  /** Complete hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Keys given that have no effect here. */
  readonly withoutEffect: readonly string[];
}

/**
 * Completes the keys a user gave with the original's defaults. What the user gives wins over what
 * `debug` or `model_size` derive.
 *
 * @throws {ModelError} for an unknown key (the nearest is named) or a value of the wrong kind or range.
 */
export function resolveHparams(given: Readonly<Record<string, unknown>>): ResolvedHparams {
  const withoutEffect: string[] = [];
  const user: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (WITHOUT_EFFECT.has(key)) {
      withoutEffect.push(key);
    } else if (key in NOT_BUILT) {
      if (value !== NOT_BUILT[key]) {
        throw new ModelError(`hparam ${key} = ${JSON.stringify(value)} is not built; leave it out`);
      }
    } else if (key in DEFAULTS) {
      user[key] = value;
    } else {
      const known = [...Object.keys(DEFAULTS), ...Object.keys(NOT_BUILT), ...WITHOUT_EFFECT];
      throw new ModelError(`unknown hparam "${key}"; did you mean "${closestString(key, known)}"?`);
    }
  }
  const hparams = { ...DEFAULTS, ...(user.debug === true ? DEBUG : {}), ...user };
  for (const [key, value] of Object.entries(DEFAULTS)) requireKind(key, hparams, value);
  if (!(hparams.model_size in SIZES)) {
    throw new ModelError(
      `hparam model_size is "${hparams.model_size}"; it is one of ${Object.keys(SIZES).join(", ")}`,
    );
  }
  hparams.model_hparam_overrides = {
    ...(hparams.debug ? DEBUG_OVERRIDES : {}),
    ...hparams.model_hparam_overrides,
  };
  for (const key of Object.keys(hparams.model_hparam_overrides)) {
    if (!(OVERRIDE_KEYS as readonly string[]).includes(key)) {
      const near = closestString(key, OVERRIDE_KEYS);
      throw new ModelError(
        `unknown key "${key}" in model_hparam_overrides; did you mean "${near}"?`,
      );
    }
  }
  const size = SIZES[hparams.model_size];
  if (!("embedding_size" in user)) {
    hparams.embedding_size = size.embedding ??
      hparams.model_hparam_overrides.hidden_size ?? size.hidden;
  }
  if (!("max_predictions_per_seq" in user)) {
    hparams.max_predictions_per_seq = Math.max(
      1,
      Math.floor((hparams.mask_prob + 0.005) * hparams.max_seq_length),
    );
  }
  requireRanges(hparams);
  return { hparams, withoutEffect };
}

function requireKind(key: string, hparams: object, example: unknown): void {
  const value = (hparams as Record<string, unknown>)[key];
  const fits = typeof value === typeof example &&
    (typeof value !== "object" || (value !== null && !Array.isArray(value))) &&
    (typeof value !== "number" || Number.isFinite(value));
  if (!fits) {
    throw new ModelError(
      `hparam ${key} is ${JSON.stringify(value)}; it must be a ${typeof example}`,
    );
  }
}

function requireRanges(hparams: PretrainingHparams): void {
  const atLeast = (key: keyof PretrainingHparams, least: number, integer = true): void => {
    const value = hparams[key] as number;
    if (!(value >= least) || (integer && !Number.isInteger(value))) {
      const kind = integer ? "a whole number" : "a number";
      throw new ModelError(`hparam ${key} is ${value}; it must be ${kind} of at least ${least}`);
    }
  };
  for (
    const key of [
      "num_train_steps",
      "save_checkpoints_steps",
      "train_batch_size",
      "eval_batch_size",
      "embedding_size",
      "max_predictions_per_seq",
    ] as const
  ) atLeast(key, 1);
  for (const key of ["num_warmup_steps", "num_eval_steps", "keep_checkpoint_max"] as const) {
    atLeast(key, 0);
  }
  atLeast("max_seq_length", 5);
  atLeast("vocab_size", 2);
  for (
    const key of ["learning_rate", "gen_weight", "disc_weight", "weight_decay_rate"] as const
  ) atLeast(key, 0, false);
  if (!(hparams.mask_prob > 0 && hparams.mask_prob < 1)) {
    throw new ModelError(`hparam mask_prob is ${hparams.mask_prob}; it must lie between 0 and 1`);
  }
  if (!(hparams.temperature > 0)) {
    throw new ModelError(`hparam temperature is ${hparams.temperature}; it must be above 0`);
  }
}

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

/** The generator's shape: the discriminator's, narrowed by `generator_hidden_size` and `generator_layers`. */
export function generatorConfig(hparams: PretrainingHparams): EncoderConfig {
  const config = discriminatorConfig(hparams);
  if (!hparams.untied_generator) return config;
  const hiddenSize = Math.round(config.hiddenSize * hparams.generator_hidden_size);
  const generator: EncoderConfig = {
    ...config,
    hiddenSize,
    numHiddenLayers: Math.round(config.numHiddenLayers * hparams.generator_layers),
    intermediateSize: 4 * hiddenSize,
    numAttentionHeads: Math.max(1, Math.floor(hiddenSize / 64)),
  };
  requireEncoder("the generator", generator);
  return generator;
}
