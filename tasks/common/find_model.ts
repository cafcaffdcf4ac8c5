/** Which model is meant where nothing is said: that of `data`, or the sample's. */

import { join } from "@std/path/mod.js";
import { ModelError } from "../../model/errors.ts";
import { ModelDirectory } from "./model_directory.ts";

/** Where the sample's files are. */
export const SAMPLE_DIR = "data/sample";

/** Where all else is, unless `--data-dir` says so. */
export const DEFAULT_DIR = "data";

/** What a model is called, unless `--model-name` says so. */
export const DEFAULT_NAME = "electra";

/** What the flags say. */
export interface ModelFlags {
  /** `--data-dir`. */
  readonly dataDir?: string;
  /** `--model-name`. */
  readonly modelName?: string;
}

/** A model, and the folder of its data. */
export interface FoundModel {
  /** Holds tokenizer, examples and models. */
  readonly dataDir: string;
  /** The model's name. */
  readonly modelName: string;
  /** The model. */
  readonly directory: ModelDirectory;
}

/**
 * The model that the flags name. Without `--data-dir` it is looked for in `data`, and in the sample's folder
 * where `data` has no models; without `--model-name` it is "electra", or the one that was trained last where
 * there is none of that name. Of the sample's it is always the last.
 *
 * @throws {ModelError} naming the models that there are.
 */
export async function findModel(flags: ModelFlags): Promise<FoundModel> {
  const dataDir = flags.dataDir ?? await dataDirWithModels();
  const models = join(dataDir, "models");
  const names = await namesOf(models);
  if (flags.modelName !== undefined) {
    const directory = ModelDirectory.of(dataDir, flags.modelName);
    if (names.includes(flags.modelName)) return { dataDir, modelName: flags.modelName, directory };
    throw new ModelError(`${directory.path} does not exist; ${inWords(models, names)}`);
  }
  const last = await lastTrained(models);
  if (last === undefined) {
    const looked = flags.dataDir === undefined ? `neither ${DEFAULT_DIR} nor ${SAMPLE_DIR}` : "";
    throw new ModelError(
      `${looked === "" ? `${dataDir} has no` : `${looked} has a`} model; pre-train one with ` +
        "`deno task pretrain`, or bring one in with `deno task import`",
    );
  }
  const ofSample = flags.dataDir === undefined && dataDir === SAMPLE_DIR;
  const modelName = !ofSample && names.includes(DEFAULT_NAME) ? DEFAULT_NAME : last;
  return { dataDir, modelName, directory: ModelDirectory.of(dataDir, modelName) };
}

/** `data`, or the sample's folder as long as `data` has no models. */
async function dataDirWithModels(): Promise<string> {
  return (await namesOf(join(DEFAULT_DIR, "models"))).length > 0 ? DEFAULT_DIR : SAMPLE_DIR;
}

function inWords(models: string, names: readonly string[]): string {
  return names.length > 0
    ? `${models} has ${names.join(", ")}`
    : "pre-train a model with `deno task pretrain`, or bring one in with `deno task import`";
}

/** The model that was trained last, of a folder of models; undefined where there is none. */
export async function lastTrained(models: string): Promise<string | undefined> {
  let last: string | undefined, time = -Infinity;
  for (const name of await namesOf(models)) {
    const files = ["metrics.jsonl", "checkpoints"].map((file) =>
      Deno.stat(join(models, name, file)).then(({ mtime }) => mtime?.getTime(), () => undefined)
    );
    const [log, checkpoints] = await Promise.all(files);
    const trained = log ?? checkpoints ?? 0;
    if (trained > time) [last, time] = [name, trained];
  }
  return last;
}

async function namesOf(models: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(models)) {
      if (!isFile && !name.startsWith(".")) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}
