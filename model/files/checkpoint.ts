/**
 * Checkpoints: what a run needs to continue as if it had never stopped.
 *
 * @module
 */
import * as v from "valibot";
import type { LossScaleState } from "../../kernels/loss_scale/loss_scale.ts";
import { type PretrainingHparams, resolveHparams } from "../electra/config.ts";
import { ModelError } from "../errors.ts";
import { anyObject, count, parseJson } from "../../pipeline/wire/json.ts";
import type { PretrainingTrainer } from "../training/training.ts";
import { decodeSafeTensors, encodeSafeTensors, type SafeTensor } from "./safetensors.ts";
import { readStateDict, writeStateDict } from "../parameters/state_dict.ts";

/** Files of a checkpoint, by name. */
export type CheckpointFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What a checkpoint says beside its tensors. */
export interface CheckpointState {
  /** Updates done. */
  readonly step: number;
  /** Seed of everything random. */
  readonly seed: number;
  /** Hyperparameters of the run. */
  readonly hparams: PretrainingHparams;
  /** The loss scale, where the run computes in f16; tensors are f32 in either case. */
  readonly loss_scale?: LossScaleState;
}

/** Weights alone: enough to evaluate or export. */
export const WEIGHTS_FILE = "model.safetensors";
const OPTIMIZER_FILE = "optimizer.safetensors";
const STATE_FILE = "state.json";

/** Names of all files of a checkpoint. */
export const CHECKPOINT_FILES: readonly string[] = [WEIGHTS_FILE, OPTIMIZER_FILE, STATE_FILE];

/** Hyperparameters have a check of their own. */
const stateSchema = v.object({
  step: count,
  seed: count,
  hparams: anyObject,
  loss_scale: v.optional(v.object({
    scale: v.pipe(v.number(), v.gtValue(0), v.finite()),
    goodSteps: count,
  })),
});

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

/** Encodes the trainer's state after its last update. */
export async function encodeCheckpoint(trainer: PretrainingTrainer): Promise<CheckpointFiles> {
  await trainer.finish();
  const { store, step, seed, hparams } = trainer;
  const metadata = { format: "pt", step: String(step) };
  const weights = await readStateDict(store, "parameters");
  const moments = new Map<string, SafeTensor>();
  for (const [kind, slot] of [["firstMoment", "adam_m"], ["secondMoment", "adam_v"]] as const) {
    for (const [name, tensor] of await readStateDict(store, kind)) {
      moments.set(`${name}/${slot}`, tensor);
    }
  }
  const loss_scale = await trainer.readLossScale();
  const state: CheckpointState = { step, seed, hparams, ...(loss_scale ? { loss_scale } : {}) };
  return new Map([
    [WEIGHTS_FILE, encodeSafeTensors({ tensors: weights, metadata })],
    [OPTIMIZER_FILE, encodeSafeTensors({ tensors: moments, metadata })],
    [STATE_FILE, new TextEncoder().encode(JSON.stringify(state, null, 2) + "\n")],
  ]);
}

/**
 * Reads what a checkpoint says of itself.
 *
 * @throws {ModelError} when it is damaged, naming what does not fit.
 */
export function decodeCheckpointState(files: CheckpointFiles, source: string): CheckpointState {
  const text = new TextDecoder().decode(files.get(STATE_FILE));
  const fault = (what: string): ModelError =>
    new ModelError(`${source}/${STATE_FILE}: ${what}; remove that checkpoint to use an older one`);
  const state = parseJson(stateSchema, text, fault);
  try {
    return { ...state, hparams: resolveHparams(state.hparams).hparams };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw fault(error.message);
  }
}

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
 * Puts a checkpoint into a trainer.
 *
 * @throws {ModelError} when it is of another configuration (the differences are listed) or damaged.
 */
export function restoreCheckpoint(
  trainer: PretrainingTrainer,
  files: CheckpointFiles,
  source: string,
): void {
  const state = decodeCheckpointState(files, source);
  requireSameArchitecture(state.hparams, trainer.hparams, source);
  const weights = decodeSafeTensors(files.get(WEIGHTS_FILE)!, `${source}/${WEIGHTS_FILE}`);
  const moments = decodeSafeTensors(files.get(OPTIMIZER_FILE)!, `${source}/${OPTIMIZER_FILE}`);
  writeStateDict(trainer.store, "parameters", weights.tensors, `${source}/${WEIGHTS_FILE}`);
  for (const [kind, slot] of [["firstMoment", "adam_m"], ["secondMoment", "adam_v"]] as const) {
    const named = new Map<string, SafeTensor>();
    for (const [name, tensor] of moments.tensors) {
      if (name.endsWith(`/${slot}`)) named.set(name.slice(0, -slot.length - 1), tensor);
    }
    writeStateDict(trainer.store, kind, named, `${source}/${OPTIMIZER_FILE}`);
  }
  trainer.step = state.step;
  if (state.loss_scale) trainer.writeLossScale(state.loss_scale);
}
