/** Where trials lie: `models/NAME/finetuning_models/TASKS_TRIAL/`. */

import { join } from "@std/path/mod.js";
import * as v from "valibot";
import { ModelError } from "../../model/errors.ts";
import { anyObject, parseJson } from "../../pipeline/wire/json.ts";
import type { ModelDirectory } from "../common/model_directory.ts";
import { RESULT_FILE, type TrialResult } from "./trial.ts";

/** The folder of a trial, counted from 1. */
export function trialFolder(
  directory: ModelDirectory,
  tasks: readonly string[],
  trial: number,
): string {
  return join(directory.path, "finetuning_models", `${tasks.join(",")}_${trial}`);
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
const OWN_FILES = [RESULT_FILE, "config.json", "metrics.jsonl", "checkpoints"];

/** Removes what a trial made, and nothing else. */
export async function removeTrial(folder: string): Promise<void> {
  for (const name of OWN_FILES) {
    await Deno.remove(join(folder, name), { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
