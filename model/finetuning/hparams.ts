/**
 * The hyperparameters of fine-tuning, with the original's names and defaults (google-research/electra,
 * `configure_finetuning.py`), and what today's users expect beside them.
 *
 * @module
 */
import { closestString } from "@std/text/closest_string.js";
import { ModelError } from "../errors.ts";
import { describeValue, type HparamRule, range, requireRule, whole } from "../hparam_rules.ts";

/** Hyperparameters of fine-tuning. */
export interface FinetuningHparams {
  /** Few examples, one epoch, for trying things. */
  debug: boolean;
  /** Data sets to learn; several share one encoder and take turns. */
  task_names: string[];
  /** Runs with different seeds. */
  num_trials: number;
  /** Train. */
  do_train: boolean;
  /** Score on the dev split. */
  do_eval: boolean;
  /** Keep each trial's model; false keeps the best alone. */
  keep_all_models: boolean;
  /** Checkpoint to start from, as a folder; empty: the pre-trained model's newest; null: random weights. */
  init_checkpoint: string | null;
  /** Settings of the encoder that replace those it was pre-trained with: its dropout alone. */
  model_hparam_overrides: { hidden_dropout_prob?: number; attention_probs_dropout_prob?: number };
  /** Peak learning rate, that of the head. */
  learning_rate: number;
  /** Decoupled weight decay. */
  weight_decay_rate: number;
  /** The rate of a layer is that of the next higher times this; 0 for all alike. */
  layerwise_lr_decay: number;
  /** Passes over the training examples. */
  num_train_epochs: number;
  /** Share of the updates that warm up. */
  warmup_proportion: number;
  /** Updates between saves, from which an interrupted trial goes on. */
  save_checkpoints_steps: number;
  /** Write predictions for the test split. */
  write_test_outputs: boolean;
  /** Trials that write them. */
  n_writes_test: number;
  /** Tokens of a sequence at most. */
  max_seq_length: number;
  /** Examples in a training batch. */
  train_batch_size: number;
  /** Examples in an evaluation batch. */
  eval_batch_size: number;
  /** Examples in a batch of predictions. */
  predict_batch_size: number;
  /** Whether training takes pairs without an order both ways. */
  double_unordered: boolean;
  /** Tokens of a question at most. */
  max_query_length: number;
  /** Tokens from one window of a long text to the next. */
  doc_stride: number;
  /** Answers kept for each question. */
  n_best_size: number;
  /** Tokens of an answer at most. */
  max_answer_length: number;
  /** "No answer" is given where its score exceeds the best answer's by more. */
  qa_na_threshold: number;
  /** Whether text is lower-cased; null: as the pre-trained model was. */
  do_lower_case: boolean | null;
  /** Evaluations without a better score after which a trial ends; 0 for none. */
  early_stopping: number;
  /** Embeddings and this many of the lowest layers keep their values; 0 for none. */
  freeze_layers: number;
  /** How much classes count: null for all alike, "balanced" by their rarity, or a number for each label. */
  class_weights: null | "balanced" | Record<string, number>;
  /** The metric that says which epoch and trial is best; empty: that of the data set. */
  metric_for_best_model: string;
  /** Parts that a training batch is computed in, in less memory; the same update. */
  gradient_accumulation_steps: number;
}

/** Keys of the original that are accepted without effect: TPUs, caches of examples, and files named by folder. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "use_tpu",
  "num_tpu_cores",
  "tpu_job_name",
  "tpu_name",
  "tpu_zone",
  "gcp_project",
  "iterations_per_loop",
  "use_tfrecords_if_existing",
  "log_examples",
  "model_size",
  "embedding_size",
  "vocab_size",
  "vocab_file",
  "model_name",
  "model_dir",
  "data_dir",
  "results_txt",
  "results_pkl",
  // Of the original's reading head, which is not built: heads are those of transformers.
  "answerable_classifier",
  "answerable_uses_start_logits",
  "answerable_weight",
  "joint_prediction",
  "beam_size",
]);

const BOOLEAN: HparamRule = { kind: "boolean" };
const TEXT: HparamRule = { kind: "text" };
const BATCH = whole(1, 65_536);
const LARGEST = 1e38;

/** The default of each key, and the values it may have. */
const HPARAMS: {
  readonly [K in keyof FinetuningHparams]: readonly [FinetuningHparams[K], HparamRule];
} = {
  debug: [false, BOOLEAN],
  task_names: [[], TEXT],
  num_trials: [1, whole(1, 1000)],
  do_train: [true, BOOLEAN],
  do_eval: [true, BOOLEAN],
  keep_all_models: [true, BOOLEAN],
  init_checkpoint: ["", TEXT],
  model_hparam_overrides: [{}, { kind: "object" }],
  learning_rate: [1e-4, range(0, LARGEST)],
  weight_decay_rate: [0.01, range(0, LARGEST)],
  layerwise_lr_decay: [0.8, range(0, 1)],
  num_train_epochs: [3, range(0, 100_000, "least")],
  warmup_proportion: [0.1, range(0, 1)],
  save_checkpoints_steps: [1000, whole(1, 2 ** 32 - 1)],
  write_test_outputs: [false, BOOLEAN],
  n_writes_test: [5, whole(0, 1000)],
  max_seq_length: [128, whole(8, 65_536)],
  train_batch_size: [32, BATCH],
  eval_batch_size: [32, BATCH],
  predict_batch_size: [32, BATCH],
  double_unordered: [true, BOOLEAN],
  max_query_length: [64, whole(1, 65_536)],
  doc_stride: [128, whole(1, 65_536)],
  n_best_size: [20, whole(1, 1000)],
  max_answer_length: [30, whole(1, 65_536)],
  qa_na_threshold: [-2.75, range(-LARGEST, LARGEST)],
  do_lower_case: [null, BOOLEAN],
  early_stopping: [0, whole(0, 1000)],
  freeze_layers: [0, whole(0, 1024)],
  class_weights: [null, { kind: "choice", choices: ["balanced"] }],
  metric_for_best_model: ["", TEXT],
  gradient_accumulation_steps: [1, BATCH],
};

/** Defaults that a data set has of its own; what the user gives wins. */
export type TaskDefaults = Partial<Pick<FinetuningHparams, "num_train_epochs" | "max_seq_length">>;

/** Hyperparameters with everything filled in, and the accepted keys that have no effect. */
export interface ResolvedFinetuningHparams {
  /** Complete hyperparameters. */
  readonly hparams: FinetuningHparams;
  /** Keys given that have no effect here. */
  readonly withoutEffect: readonly string[];
}

/**
 * Completes the keys a user gave with the original's defaults.
 *
 * @param task the data set's own defaults.
 * @throws {ModelError} for an unknown key (the nearest is named) or a value of the wrong kind or range.
 */
export function resolveFinetuningHparams(
  given: Readonly<Record<string, unknown>>,
  task: TaskDefaults = {},
): ResolvedFinetuningHparams {
  const withoutEffect: string[] = [];
  const user: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (WITHOUT_EFFECT.has(key)) withoutEffect.push(key);
    else user[key] = requireHparam(key, value);
  }
  const debug = user.debug === true;
  const hparams = {
    ...Object.fromEntries(Object.entries(HPARAMS).map(([key, [value]]) => [key, value])),
    ...task,
    ...(debug ? { num_train_epochs: 1, num_trials: 1 } : {}),
    ...user,
  } as FinetuningHparams;
  const { train_batch_size, gradient_accumulation_steps } = hparams;
  if (train_batch_size % gradient_accumulation_steps !== 0) {
    throw new ModelError(
      `hparam gradient_accumulation_steps is ${gradient_accumulation_steps}, which does not divide ` +
        `train_batch_size = ${train_batch_size} into equal parts`,
    );
  }
  return { hparams, withoutEffect };
}

/** A key's value, held to its rule. */
function requireHparam(key: string, value: unknown): unknown {
  if (!Object.hasOwn(HPARAMS, key)) {
    const known = [...Object.keys(HPARAMS), ...WITHOUT_EFFECT];
    throw new ModelError(`unknown hparam "${key}"; did you mean "${closestString(key, known)}"?`);
  }
  if (key === "task_names") return requireTasks(value);
  if (key === "class_weights") return requireClassWeights(value);
  if (value === null && (key === "init_checkpoint" || key === "do_lower_case")) return null;
  requireRule(key, value, HPARAMS[key as keyof FinetuningHparams][1]);
  if (key === "model_hparam_overrides") requireDropouts(value as Record<string, unknown>);
  return value;
}

/** Task names as a list, or as the original's command lines have them, one text. */
function requireTasks(value: unknown): string[] {
  const list = typeof value === "string" ? value.split(",").map((name) => name.trim()) : value;
  const good = Array.isArray(list) && list.length > 0 && new Set(list).size === list.length &&
    list.every((name) => typeof name === "string" && /^[^/\\\s.][^/\\]*$/.test(name));
  if (good) return list;
  throw new ModelError(
    `hparam task_names is ${
      describeValue(value)
    }; it must be a list of different names of data sets, ` +
      'such as ["jsts"]',
  );
}

function requireClassWeights(value: unknown): FinetuningHparams["class_weights"] {
  if (value === null || value === "balanced") return value;
  if (typeof value === "object" && !Array.isArray(value)) {
    const weights = Object.entries(value as Record<string, unknown>);
    if (
      weights.every(([, weight]) => typeof weight === "number" && weight >= 0 && weight < LARGEST)
    ) {
      return value as Record<string, number>;
    }
  }
  throw new ModelError(
    `hparam class_weights is ${
      describeValue(value)
    }; it must be null, "balanced", or a number from 0 on ` +
      'for each label, such as {"positive": 1, "negative": 3}',
  );
}

function requireDropouts(overrides: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(overrides)) {
    if (key !== "hidden_dropout_prob" && key !== "attention_probs_dropout_prob") {
      throw new ModelError(
        `model_hparam_overrides has "${key}", but fine-tuning keeps the pre-trained shape: only ` +
          "hidden_dropout_prob and attention_probs_dropout_prob may differ",
      );
    }
    requireRule(`model_hparam_overrides.${key}`, value, range(0, 1, "most"));
  }
}
