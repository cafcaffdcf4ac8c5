/** The examples of a pre-training: those to train on and those held out. */

import { dirname, join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import {
  type ExampleBatch,
  type ExampleSource,
  readBatches,
} from "../../pipeline/examples/loader.ts";

/** Where a run's examples are, as patterns of files. */
export interface ExamplePatterns {
  /** Of training examples. */
  readonly train: string;
  /** Of the examples that evaluations measure on. */
  readonly evaluate: string;
}

/**
 * The examples that the hyperparameters name, or those of the data directory. Held-out examples beside named
 * ones are taken for evaluation in a training; else the named ones themselves are, as in the original.
 */
export async function examplePatterns(
  dataDir: string,
  { pretrain_tfrecords, do_train }: PretrainingHparams,
): Promise<ExamplePatterns> {
  const folder = pretrain_tfrecords === ""
    ? join(dataDir, "pretrain_tfrecords")
    : dirname(pretrain_tfrecords.split(",")[0].trim());
  const heldOut = join(folder, "eval_data.tfrecord*");
  const train = pretrain_tfrecords || join(folder, "pretrain_data.tfrecord*");
  if (pretrain_tfrecords === "") return { train, evaluate: heldOut };
  const evaluate = do_train && await hasHeldOut(folder) ? heldOut : pretrain_tfrecords;
  return { train, evaluate };
}

async function hasHeldOut(folder: string): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.startsWith("eval_data.tfrecord") && !name.endsWith(".part")) return true;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      throw error;
    }
  }
  return false;
}

/** How examples are read for these hyperparameters. */
export function exampleSource(
  files: string,
  batchSize: number,
  { max_seq_length, vocab_size, model_hparam_overrides }: PretrainingHparams,
): ExampleSource {
  return {
    files,
    batchSize,
    maxSeqLength: max_seq_length,
    vocabSize: vocab_size,
    typeVocabSize: model_hparam_overrides.type_vocab_size,
  };
}

/**
 * Reads one batch, so that examples which do not fit are told before anything is compiled.
 *
 * @throws {PipelineError} saying what does not fit.
 */
export async function checkExamples(source: ExampleSource): Promise<void> {
  for await (const _ of readBatches(source)) return;
}

/** The first `most` batches of a source. */
export async function* firstBatches(
  source: ExampleSource,
  most: number,
): AsyncGenerator<ExampleBatch> {
  let batches = 0;
  for await (const batch of readBatches(source)) {
    if (batches++ === most) return;
    yield batch;
  }
}
