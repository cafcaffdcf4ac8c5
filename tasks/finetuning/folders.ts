/** Where trials lie: `models/NAME/finetuning_models/TASKS_TRIAL/`. */

import { join } from "@std/path/mod.js";
import * as v from "valibot";
import { ModelError } from "../../model/errors.ts";
import { anyObject, parseJson } from "../../pipeline/wire/json.ts";
import { ModelDirectory } from "../common/model_directory.ts";
import type { TrialResult } from "./trial.ts";

/** Name of the file that says that a trial is done. */
export const RESULT_FILE = "result.json";

/** The folder of the best model of a trial, where evaluations between epochs choose it. */
const BEST = "best";

/** The folder of a trial, counted from 1. */
export function trialFolder(
  directory: ModelDirectory,
  tasks: readonly string[],
  trial: number,
): string {
  return join(directory.path, "finetuning_models", `${tasks.join(",")}_${trial}`);
}

/** The best model of a trial, which keeps checkpoints as a model does. */
export function bestOfTrial(folder: string): ModelDirectory {
  return new ModelDirectory(join(folder, BEST));
}

/** The model that a trial was scored with: its best, where it looked for one, else its last. */
export async function modelOfTrial(folder: string): Promise<ModelDirectory> {
  const best = bestOfTrial(folder);
  return (await best.steps()).length > 0 ? best : new ModelDirectory(folder);
}

const RESULT = v.object({
  seed: v.number(),
  step: v.number(),
  trainSeconds: v.number(),
  tasks: anyObject,
});

/** The result of a trial that is done; undefined for one that is not. */
export async function readFinishedTrial(folder: string): Promise<TrialResult | undefined> {
  const path = join(folder, RESULT_FILE);
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  });
  if (text === undefined) return undefined;
  const fault = (what: string): ModelError =>
    new ModelError(`${path}: ${what}; remove it, or give --overwrite`);
  return parseJson(RESULT, text, fault) as unknown as TrialResult;
}

/** What a trial writes into its folder. */
const OWN_FILES = [RESULT_FILE, "config.json", "metrics.jsonl", "checkpoints", BEST];

/** Removes what a trial made, and nothing else. */
export async function removeTrial(folder: string): Promise<void> {
  for (const name of OWN_FILES) {
    await Deno.remove(join(folder, name), { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
