/** A pre-trained model that is asked or scored: its weights, without what training needs. */

import { dirname, join } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { savedHparams } from "../../model/electra/resume.ts";
import { ModelError } from "../../model/errors.ts";
import { decodeCheckpointState, WEIGHTS_FILE } from "../../model/files/checkpoint.ts";
import { decodeSafeTensors, type SafeTensor } from "../../model/files/safetensors.ts";
import { writeStateDict } from "../../model/parameters/state_dict.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { readManifest } from "../../pipeline/examples/manifest.ts";
import type { ModelDirectory } from "./model_directory.ts";
import type { Tokenizer, TokenizerHparams } from "./tokenizer.ts";

/** A checkpoint of pre-training. */
export interface PretrainedModel {
  /** Its folder. */
  readonly source: string;
  /** Updates done. */
  readonly step: number;
  /** Its hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Its weights. */
  readonly weights: ReadonlyMap<string, SafeTensor>;
}

/**
 * Reads a checkpoint.
 *
 * @param which a step, or "latest".
 * @throws {ModelError} when it is not there or damaged.
 */
export async function readPretrained(
  directory: ModelDirectory,
  which: string,
): Promise<PretrainedModel> {
  const step = await directory.find(which);
  const source = directory.checkpoint(step);
  const files = await directory.load(step);
  const hparams = savedHparams(decodeCheckpointState(files, source), source);
  const path = join(source, WEIGHTS_FILE);
  return {
    source,
    step,
    hparams,
    weights: decodeSafeTensors(files.get(WEIGHTS_FILE)!, path).tensors,
  };
}

/**
 * Gives a model device memory and its weights.
 *
 * @param declare makes what works on the parameters, which declares them in the store.
 * @throws {ModelError} when the weights are not those of that model, or do not fit the adapter.
 */
export function withWeights<T>(
  gpu: Gpu,
  { weights, source }: PretrainedModel,
  declare: (store: ParameterStore) => T,
): { readonly store: ParameterStore; readonly model: T } {
  const store = new ParameterStore();
  const model = declare(store);
  store.allocate(gpu);
  writeStateDict(store, "parameters", weights, source);
  return { store, model };
}

/**
 * Refuses a tokenizer of another vocabulary than the model's.
 *
 * @throws {ModelError} naming both.
 */
export function requireItsTokenizer(
  { hparams: { vocab_size }, source }: PretrainedModel,
  { path, special: { vocabSize } }: Tokenizer,
): void {
  if (vocabSize === vocab_size) return;
  throw new ModelError(
    `${path} has ${vocabSize} pieces, but ${source} was trained with ${vocab_size}: name its own ` +
      "tokenizer with --tokenizer",
  );
}

/** Whether a model's text is lower-cased: as its hyperparameters say, or else its examples. */
export async function isLowerCased(dataDir: string, hparams: PretrainingHparams): Promise<boolean> {
  if (hparams.do_lower_case !== null) return hparams.do_lower_case;
  const { pretrain_tfrecords } = hparams;
  const folder = pretrain_tfrecords === ""
    ? join(dataDir, "pretrain_tfrecords")
    : dirname(pretrain_tfrecords.split(",")[0].trim());
  return (await readManifest(folder).catch(() => undefined))?.recipe.doLowerCase ?? false;
}

/**
 * Which tokenizer a model has: what a flag names, or what its newest checkpoint says, or that of the data
 * directory.
 */
export async function tokenizerOf(
  directory: ModelDirectory,
  given: string | undefined,
): Promise<TokenizerHparams> {
  if (given !== undefined) return { model_sentencepiece_path: given, vocab_file: "" };
  if ((await directory.steps()).length === 0) {
    return { model_sentencepiece_path: "", vocab_file: "" };
  }
  return (await readPretrained(directory, "latest")).hparams;
}
