/**
 * The hyperparameters of pre-training, with the original's names and defaults
 * (google-research/electra, `configure_pretraining.py`; Clark et al., ICLR 2020).
 *
 * @module
 */
import { closestString } from "@std/text/closest_string.js";
import { ModelError } from "../errors.ts";
import { describeValue, type HparamRule, range, requireRule, whole } from "../hparam_rules.ts";
import { type LearningRateSchedule, SCHEDULES } from "../training/schedule.ts";
import { type EncoderConfig, LAYER_NORM_EPSILON, requireEncoder } from "../transformer/config.ts";
import { type RecipeName, RECIPES, withRecipe } from "./recipes.ts";
import { roundHalfToEven } from "../rounding.ts";

/**
 * Keys of the original that are accepted without effect: those of TPUs, the model's folder, which is
 * DATA_DIR/models/NAME here, and the files of results, which go to metrics.jsonl.
 */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "use_tpu",
  "num_tpu_cores",
  "tpu_job_name",
  "tpu_name",
  "tpu_zone",
  "gcp_project",
  "iterations_per_loop",
  "model_dir",
  "results_txt",
  "results_pkl",
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
  /**
   * How the rate goes on after the warm-up: "polynomial" as in the original, which decays from the first step on;
   * "cosine" falls to 0 in half a wave; "wsd" stays at its peak and falls linearly in the last num_decay_steps.
   */
  lr_schedule: LearningRateSchedule;
  /** Steps of the final decay of "wsd"; 0 is a tenth of all steps. */
  num_decay_steps: number;
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
  /** Steps between evaluations on held-out examples; 0 evaluates at the end alone, where do_eval asks for it. */
  eval_steps: number;
  /**
   * Hours between checkpoints that are kept for good, whatever keep_checkpoint_max says; 0, the default here,
   * keeps none, as the original's estimator in effect does with its 10,000.
   */
  keep_checkpoint_every_n_hours: number;
  /** Checkpoints kept; 0 (or null, as the original has it too) keeps all. */
  keep_checkpoint_max: number;
  /** "small", "base" or "large". */
  model_size: ModelSize;
  /** Settings of the discriminator that replace those of the size. */
  model_hparam_overrides: Partial<EncoderOverrides>;
  /** Width of the embeddings; null is the hidden width. */
  embedding_size: number;
  /** Pieces in the vocabulary. */
  vocab_size: number;
  /**
   * Whether the text of the examples is lower-cased, which `deno task build` decides; null, the default,
   * takes either.
   */
  do_lower_case: boolean | null;
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
  /** A vocabulary, one piece a line, that the tokenizer must have; empty: no check. */
  vocab_file: string;
  /** SentencePiece model; empty: that of the data directory. */
  model_sentencepiece_path: string;
  /**
   * Folder of a checkpoint whose weights a new run begins with, by their names; those that it does not have stay
   * random. Empty: all are random.
   */
  init_checkpoint: string;
  /**
   * Share that a moving average of the weights keeps of itself in a step, such as 0.9999; checkpoints then have
   * it as ema.safetensors. 0 keeps none.
   */
  ema_decay: number;
  /** Name of the model in the data directory; empty: that of the command line. */
  model_name: string;
  /** Predictions in a row at most. */
  max_predictions_per_seq: number;
  /** Parts that a training batch is computed in, one after the other, in less memory; the same update. */
  gradient_accumulation_steps: number;
  /** "layers" makes the activations of each layer again in the backward pass instead of keeping them. */
  recompute: "none" | "layers";
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
  /** Activation of the dense layers. */
  hidden_act: "gelu";
}

/** What each size derives. */
const SIZES: Readonly<
  Record<ModelSize, { hidden: number; layers: number; embedding?: number }>
> = {
  small: { hidden: 256, layers: 12, embedding: 128 },
  base: { hidden: 768, layers: 12 },
  large: { hidden: 1024, layers: 24 },
};

/** Numbers that f32 holds, with room for what is made of them. */
const LARGEST = 1e38;

const BOOLEAN: HparamRule = { kind: "boolean" };
const TEXT: HparamRule = { kind: "text" };
const STEPS = whole(1, 2 ** 32 - 1);
const BATCH = whole(1, 65_536);
const WIDTH = whole(1, 65_536);

/** Tokens in a batch at most. */
const MOST_TOKENS = 2 ** 28;

/** The default of each key, and the values it may have. */
const HPARAMS: {
  readonly [K in keyof PretrainingHparams]: readonly [PretrainingHparams[K], HparamRule];
} = {
  debug: [false, BOOLEAN],
  do_train: [true, BOOLEAN],
  do_eval: [false, BOOLEAN],
  electra_objective: [true, BOOLEAN],
  gen_weight: [1, range(0, LARGEST)],
  disc_weight: [50, range(0, LARGEST)],
  mask_prob: [0.15, range(0, 1, "least")],
  learning_rate: [5e-4, range(0, LARGEST)],
  lr_decay_power: [1, range(0, 100)],
  lr_schedule: ["polynomial", { kind: "choice", choices: SCHEDULES }],
  num_decay_steps: [0, whole(0, 2 ** 32 - 1)],
  weight_decay_rate: [0.01, range(0, LARGEST)],
  num_warmup_steps: [10_000, whole(0, 2 ** 32 - 1)],
  save_checkpoints_steps: [1000, STEPS],
  num_train_steps: [1_000_000, STEPS],
  num_eval_steps: [100, STEPS],
  eval_steps: [0, whole(0, 2 ** 32 - 1)],
  keep_checkpoint_every_n_hours: [0, range(0, 1e6)],
  keep_checkpoint_max: [5, whole(0, 1_000_000)],
  model_size: ["small", { kind: "choice", choices: Object.keys(SIZES) }],
  model_hparam_overrides: [{}, { kind: "object" }],
  embedding_size: [128, WIDTH],
  vocab_size: [30_522, whole(2, 2 ** 24)],
  do_lower_case: [null, BOOLEAN],
  uniform_generator: [false, BOOLEAN],
  untied_generator_embeddings: [false, BOOLEAN],
  untied_generator: [true, BOOLEAN],
  generator_layers: [1, range(0, 64)],
  generator_hidden_size: [0.25, range(0, 64, "least")],
  disallow_correct: [false, BOOLEAN],
  temperature: [1, range(1e-6, 1e6)],
  max_seq_length: [128, whole(5, 65_536)],
  train_batch_size: [128, BATCH],
  eval_batch_size: [128, BATCH],
  pretrain_tfrecords: ["", TEXT],
  vocab_file: ["", TEXT],
  model_sentencepiece_path: ["", TEXT],
  init_checkpoint: ["", TEXT],
  ema_decay: [0, range(0, 1, "most")],
  model_name: ["", TEXT],
  max_predictions_per_seq: [0, whole(1, 65_536)],
  gradient_accumulation_steps: [1, BATCH],
  recompute: ["none", { kind: "choice", choices: ["none", "layers"] }],
};

/** The values of the keys of `model_hparam_overrides`. */
const OVERRIDES: { readonly [K in keyof EncoderOverrides]: HparamRule } = {
  hidden_size: WIDTH,
  num_hidden_layers: whole(0, 1024),
  num_attention_heads: whole(1, 1024),
  intermediate_size: whole(1, 2 ** 18),
  hidden_dropout_prob: range(0, 1, "most"),
  attention_probs_dropout_prob: range(0, 1, "most"),
  max_position_embeddings: WIDTH,
  type_vocab_size: whole(1, 65_536),
  initializer_range: range(0, 1000),
  hidden_act: { kind: "choice", choices: ["gelu"] },
};

const DEBUG: Partial<PretrainingHparams> = {
  train_batch_size: 8,
  num_train_steps: 20,
  eval_batch_size: 4,
  num_eval_steps: 2,
};

const DEBUG_OVERRIDES: Partial<EncoderOverrides> = {
  num_hidden_layers: 3,
  hidden_size: 144,
  num_attention_heads: 4,
};

/** Keys of the original whose models are not built here; false leaves them out. */
const NOT_BUILT: ReadonlySet<string> = new Set(["electric_objective", "two_tower_generator"]);

/** Hyperparameters with everything derived, and the accepted keys that have no effect. */
export interface ResolvedHparams {
  /** Complete hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Keys given that have no effect here. */
  readonly withoutEffect: readonly string[];
}

/**
 * Completes the keys a user gave with those of a recipe, where `recipe` names one, and the original's defaults. What the user gives wins over what
 * `debug` or `model_size` derive. What comes out gives the same again.
 *
 * @throws {ModelError} for an unknown key (the nearest is named) or a value of the wrong kind or range.
 */
export function resolveHparams(given: Readonly<Record<string, unknown>>): ResolvedHparams {
  const withoutEffect: string[] = [];
  const user: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(expandRecipe(given))) {
    if (WITHOUT_EFFECT.has(key)) withoutEffect.push(key);
    else if (NOT_BUILT.has(key)) requireNotBuilt(key, value);
    else user[key] = requireHparam(key, value);
  }
  const debug = user.debug === true;
  const defaults = Object.entries(HPARAMS).map(([key, [value]]) => [key, value]);
  const hparams: PretrainingHparams = {
    ...Object.fromEntries(defaults),
    ...(debug ? DEBUG : {}),
    ...user,
  };
  const { vocab_size, ...overrides } = hparams.model_hparam_overrides as
    & Partial<EncoderOverrides>
    & { vocab_size?: number };
  for (const [key, value] of Object.entries(overrides)) requireOverride(key, value);
  hparams.model_hparam_overrides = { ...(debug ? DEBUG_OVERRIDES : {}), ...overrides };
  if (vocab_size !== undefined) {
    requireRule("model_hparam_overrides.vocab_size", vocab_size, HPARAMS.vocab_size[1]);
    hparams.vocab_size = vocab_size;
  }
  const size = SIZES[hparams.model_size];
  const hidden = hparams.model_hparam_overrides.hidden_size ?? size.hidden;
  if (user.embedding_size === null) hparams.embedding_size = hidden;
  else if (user.embedding_size === undefined) hparams.embedding_size = size.embedding ?? hidden;
  if (user.max_predictions_per_seq === undefined) {
    const most = Math.floor((hparams.mask_prob + 0.005) * hparams.max_seq_length);
    hparams.max_predictions_per_seq = Math.max(1, most);
  }
  requireTogether(hparams);
  if (hparams.untied_generator_embeddings && !hasOwnGenerator(hparams)) {
    withoutEffect.push("untied_generator_embeddings");
  }
  return { hparams, withoutEffect };
}

/** What a user gives, over the recipe that `recipe` names, where it does. */
function expandRecipe({ recipe, ...given }: Readonly<Record<string, unknown>>): object {
  if (recipe === undefined) return given;
  requireRule("recipe", recipe, { kind: "choice", choices: Object.keys(RECIPES) });
  return withRecipe(recipe as RecipeName, given);
}

function requireNotBuilt(key: string, value: unknown): void {
  if (value === false) return;
  throw new ModelError(
    `hparam ${key} is ${describeValue(value)}, but it is not built: leave it out`,
  );
}

/** A key's value, held to its rule; null where that has a meaning of its own. */
function requireHparam(key: string, value: unknown): unknown {
  if (!Object.hasOwn(HPARAMS, key)) {
    const known = ["recipe", ...Object.keys(HPARAMS), ...NOT_BUILT, ...WITHOUT_EFFECT];
    throw new ModelError(`unknown hparam "${key}"; did you mean "${closestString(key, known)}"?`);
  }
  if (value === null) {
    if (key === "keep_checkpoint_max") return 0;
    if (key === "embedding_size" || key === "do_lower_case") return null;
  }
  requireRule(key, value, HPARAMS[key as keyof PretrainingHparams][1]);
  return value;
}

function requireOverride(key: string, value: unknown): void {
  if (!Object.hasOwn(OVERRIDES, key)) {
    const near = closestString(key, [...Object.keys(OVERRIDES), "vocab_size"]);
    throw new ModelError(
      `unknown key "${key}" in model_hparam_overrides; did you mean "${near}"?`,
    );
  }
  const rule = OVERRIDES[key as keyof EncoderOverrides];
  requireRule(`model_hparam_overrides.${key}`, value, rule);
}

/** What values must hold together. */
function requireTogether(hparams: PretrainingHparams): void {
  const { max_predictions_per_seq, max_seq_length } = hparams;
  if (max_predictions_per_seq > max_seq_length) {
    throw new ModelError(
      `hparam max_predictions_per_seq is ${max_predictions_per_seq}, more than the ` +
        `${max_seq_length} tokens of max_seq_length`,
    );
  }
  for (const key of ["train_batch_size", "eval_batch_size"] as const) {
    if (hparams[key] * max_seq_length <= MOST_TOKENS) continue;
    throw new ModelError(
      `hparam ${key} is ${
        hparams[key]
      }: times max_seq_length = ${max_seq_length} that is more than ` +
        `${MOST_TOKENS} tokens in a batch; use a smaller batch`,
    );
  }
  const { train_batch_size, gradient_accumulation_steps } = hparams;
  if (train_batch_size % gradient_accumulation_steps !== 0) {
    throw new ModelError(
      `hparam gradient_accumulation_steps is ${gradient_accumulation_steps}, which does not divide ` +
        `train_batch_size = ${train_batch_size} into equal parts`,
    );
  }
  if (hparams.uniform_generator && !hparams.electra_objective) {
    throw new ModelError(
      "hparams uniform_generator = true and electra_objective = false leave nothing to train: " +
        "turn one of them off",
    );
  }
}

/** Whether the generator has an encoder of its own. */
export function hasOwnGenerator(hparams: PretrainingHparams): boolean {
  const { electra_objective, uniform_generator, untied_generator } = hparams;
  return electra_objective && !uniform_generator && untied_generator;
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
