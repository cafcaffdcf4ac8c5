/** `--hparams`: JSON on the command line, or the path of a JSON file, as in the original. */

import { ModelError } from "../../model/errors.ts";
import { UsageError } from "./command.ts";

/** Runs a check of what the user gave: what it refuses is bad usage. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof ModelError ? new UsageError(error.message, { cause: error }) : error;
  }
}

/** Reads hyperparameters as the user gave them. */
export async function parseHparams(text: string): Promise<Record<string, unknown>> {
  const isFile = text.trim().endsWith(".json");
  const json = isFile ? await Deno.readTextFile(text.trim()) : text;
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--hparams is not JSON (${why}); write '{"model_size": "small"}'`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`--hparams is not a JSON object; write '{"model_size": "small"}'`);
  }
  return parsed as Record<string, unknown>;
}
