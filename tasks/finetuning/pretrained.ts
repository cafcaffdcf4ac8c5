/** A pre-trained model that fine-tuning starts from. */

import {
  discriminatorConfig,
  type PretrainingHparams,
  resolveHparams,
} from "../../model/electra/config.ts";
import { savedHparams } from "../../model/electra/resume.ts";
import { ModelError } from "../../model/errors.ts";
import { decodeCheckpoint, decodeCheckpointState } from "../../model/files/checkpoint.ts";
import type { SafeTensor } from "../../model/files/safetensors.ts";
import type { FinetuningHparams } from "../../model/finetuning/hparams.ts";
import { writeStateDict } from "../../model/parameters/state_dict.ts";
import type { ParameterStore } from "../../model/parameters/store.ts";
import type { EncoderConfig } from "../../model/transformer/config.ts";
import { readCheckpoint } from "../common/checkpoint_folder.ts";
import type { ModelDirectory } from "../common/model_directory.ts";

/** The encoder of a pre-trained model. */
export interface Pretrained {
  /** Its hyperparameters of pre-training. */
  readonly hparams: PretrainingHparams;
  /** Its shape. */
  readonly encoder: EncoderConfig;
  /** Its weights, under the names of transformers; undefined for random ones. */
  readonly weights: ReadonlyMap<string, SafeTensor> | undefined;
  /** Where they come from, for people. */
  readonly source: string;
}

/** Prefix of the discriminator's parameters in a checkpoint of pre-training. */
const DISCRIMINATOR = "discriminator.";

/**
 * Loads what `init_checkpoint` asks for: the newest good checkpoint of the model, another folder's, or none.
 *
 * @throws {ModelError} when there is none, it is damaged, or it is shorter than the sequences.
 */
export async function loadPretrained(
  directory: ModelDirectory,
  { init_checkpoint, max_seq_length, model_hparam_overrides }: FinetuningHparams,
): Promise<Pretrained> {
  const { source, files } = await checkpointOf(directory, init_checkpoint || "");
  const hparams = savedHparams(decodeCheckpointState(files, source), source);
  const encoder = discriminatorConfig(
    resolveHparams({
      ...hparams,
      model_hparam_overrides: { ...hparams.model_hparam_overrides, ...model_hparam_overrides },
    }).hparams,
  );
  if (max_seq_length > encoder.maxPositionEmbeddings) {
    throw new ModelError(
      `max_seq_length is ${max_seq_length}, but ${source} has ${encoder.maxPositionEmbeddings} positions: ` +
        `give "max_seq_length": ${encoder.maxPositionEmbeddings} or less in --hparams`,
    );
  }
  if (init_checkpoint === null) {
    return { hparams, encoder, weights: undefined, source: "random weights" };
  }
  const { parameters } = decodeCheckpoint(files, source);
  const weights = new Map<string, SafeTensor>();
  for (const [name, tensor] of parameters) {
    if (name.startsWith(`${DISCRIMINATOR}electra.`)) {
      weights.set(name.slice(DISCRIMINATOR.length), tensor);
    }
  }
  return { hparams, encoder, weights, source };
}

async function checkpointOf(
  directory: ModelDirectory,
  given: string,
): Promise<{ source: string; files: ReadonlyMap<string, Uint8Array<ArrayBuffer>> }> {
  if (given !== "") return { source: given, files: await readCheckpoint(given) };
  const good = await directory.newestGood();
  for (const what of good?.damaged.values() ?? []) console.error(`left out: ${what}`);
  if (good) return { source: directory.checkpoint(good.step), files: good.files };
  throw new ModelError(
    `${directory.path} has no checkpoint to fine-tune; pre-train one with \`deno task pretrain\`, or bring ` +
      "one in with `deno task import`",
  );
}

/** Gives the encoder its pre-trained weights; heads keep their random ones. */
export function writePretrained(store: ParameterStore, { weights, source }: Pretrained): void {
  if (!weights) return;
  writeStateDict(store, "parameters", weights, source, (name) => name.startsWith("electra."));
}
