/**
 * Whether a run may go on from a checkpoint of other hyperparameters: what they mean is compared, not how they
 * are written.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import {
  discriminatorConfig,
  generatorConfig,
  hasOwnGenerator,
  type PretrainingHparams,
  resolveHparams,
} from "./config.ts";

/** What differs between a checkpoint and what is asked for. */
export interface ResumeDifferences {
  /** What makes it another model, one line each: such a checkpoint cannot be used. */
  readonly refused: readonly string[];
  /** What the run goes on with instead, "key: old → new" each. */
  readonly accepted: readonly string[];
  /** Whether the examples are others, so that the place in them is their start. */
  readonly otherData: boolean;
}

/** An encoder's fields that decide its tensors or what they mean, under the hyperparameters' names. */
const SHAPE: readonly (readonly [string, keyof EncoderConfig])[] = [
  ["vocab_size", "vocabSize"],
  ["embedding_size", "embeddingSize"],
  ["hidden_size", "hiddenSize"],
  ["num_hidden_layers", "numHiddenLayers"],
  ["num_attention_heads", "numAttentionHeads"],
  ["intermediate_size", "intermediateSize"],
  ["max_position_embeddings", "maxPositionEmbeddings"],
  ["type_vocab_size", "typeVocabSize"],
];

/** Keys that are compared by the model they make, not as they are. */
const OF_THE_MODEL: ReadonlySet<string> = new Set([
  "model_size",
  "embedding_size",
  "vocab_size",
  "electra_objective",
  "uniform_generator",
  "untied_generator",
  "untied_generator_embeddings",
  "generator_layers",
  "generator_hidden_size",
  "ema_decay",
]);

/** Keys that say what to do now, not how to train. */
const OF_THE_MOMENT: ReadonlySet<string> = new Set([
  "debug",
  "do_train",
  "do_eval",
  "model_name",
  "init_checkpoint",
]);

/** Keys that decide which examples there are. */
const OF_THE_DATA = ["max_seq_length", "pretrain_tfrecords"] as const;

/** Compares complete hyperparameters. */
export function resumeDifferences(
  saved: PretrainingHparams,
  wanted: PretrainingHparams,
): ResumeDifferences {
  const refused: string[] = [], accepted: string[] = [];
  const [was, is] = [modelOf(saved), modelOf(wanted)];
  for (const key of new Set([...was.keys(), ...is.keys()])) {
    const [before, now] = [was.get(key), is.get(key)];
    if (before === now) continue;
    const show = (value: unknown): string => value === undefined ? "none" : String(value);
    refused.push(`${key}: ${show(before)} in the checkpoint, ${show(now)} asked for`);
  }
  const change = (key: string, before: unknown, now: unknown): void => {
    if (before !== now) accepted.push(`${key}: ${show(before)} → ${show(now)}`);
  };
  const { model_hparam_overrides: _, ...rest } = wanted;
  for (const key of Object.keys(rest) as (keyof typeof rest)[]) {
    if (!OF_THE_MODEL.has(key) && !OF_THE_MOMENT.has(key)) change(key, saved[key], wanted[key]);
  }
  const [before, now] = [saved, wanted].map(discriminatorConfig);
  change("hidden_dropout_prob", before.hiddenDropout, now.hiddenDropout);
  change("attention_probs_dropout_prob", before.attentionDropout, now.attentionDropout);
  return { refused, accepted, otherData: OF_THE_DATA.some((key) => saved[key] !== wanted[key]) };
}

/** What decides a model's tensors and their meaning, by the names that people know. */
function modelOf(hparams: PretrainingHparams): ReadonlyMap<string, unknown> {
  const { electra_objective, uniform_generator, untied_generator_embeddings } = hparams;
  const own = hasOwnGenerator(hparams);
  const model = new Map<string, unknown>([["electra_objective", electra_objective]]);
  if (electra_objective) {
    model.set("uniform_generator", uniform_generator);
    model.set("untied_generator", own);
  }
  // The average has no beginning in a checkpoint without one.
  if (hparams.ema_decay > 0) model.set("ema_decay", hparams.ema_decay);
  const discriminator = discriminatorConfig(hparams);
  for (const [name, field] of SHAPE) model.set(name, discriminator[field]);
  if (!own) return model;
  model.set("untied_generator_embeddings", untied_generator_embeddings);
  const generator = generatorConfig(hparams);
  for (const [name, field] of SHAPE) {
    if (generator[field] !== discriminator[field]) {
      model.set(`the generator's ${name}`, generator[field]);
    }
  }
  return model;
}

function show(value: unknown): string {
  return value === "" ? "none" : String(value);
}

/**
 * Refuses a checkpoint of another model.
 *
 * @param source its folder, for messages.
 * @throws {ModelError} listing the differences.
 */
export function requireSameModel({ refused }: ResumeDifferences, source: string): void {
  if (refused.length === 0) return;
  throw new ModelError(`checkpoint ${source} is of another configuration: ${refused.join("; ")}`);
}

/**
 * The hyperparameters that a checkpoint was made with; keys that it does not know yet have their defaults.
 *
 * @param source its folder, for messages.
 * @throws {ModelError} when they are damaged.
 */
export function savedHparams(
  { hparams }: { readonly hparams: object },
  source: string,
): PretrainingHparams {
  try {
    return resolveHparams(hparams as Record<string, unknown>).hparams;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new ModelError(`${source}: ${error.message}; use another checkpoint`);
  }
}
