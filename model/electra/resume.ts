/**
 * Whether a run may go on from a checkpoint of another configuration.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { type PretrainingHparams, resolveHparams } from "./config.ts";

/** Hyperparameters that decide which tensors a model has. */
const ARCHITECTURE_KEYS = [
  "model_size",
  "model_hparam_overrides",
  "embedding_size",
  "vocab_size",
  "electra_objective",
  "uniform_generator",
  "untied_generator",
  "untied_generator_embeddings",
  "generator_layers",
  "generator_hidden_size",
] as const satisfies readonly (keyof PretrainingHparams)[];

/** Hyperparameters that decide the model's tensors and differ, one line each. */
export function architectureDifferences(
  saved: PretrainingHparams,
  wanted: PretrainingHparams,
): string[] {
  return ARCHITECTURE_KEYS
    .filter((key) => JSON.stringify(saved[key]) !== JSON.stringify(wanted[key]))
    .map((key) =>
      `${key}: ${JSON.stringify(saved[key])} in the checkpoint, ${
        JSON.stringify(wanted[key])
      } asked for`
    );
}

/**
 * Refuses a checkpoint of another model.
 *
 * @throws {ModelError} listing the differences.
 */
export function requireSameArchitecture(
  saved: PretrainingHparams,
  wanted: PretrainingHparams,
  source: string,
): void {
  const differences = architectureDifferences(saved, wanted);
  if (differences.length > 0) {
    throw new ModelError(
      `checkpoint ${source} is of another configuration: ${differences.join("; ")}`,
    );
  }
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
