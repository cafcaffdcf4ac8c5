/**
 * Checkpoints: the state of a training as files that any tool for safetensors and JSON can read.
 *
 * @module
 */
import * as v from "valibot";
import { anyObject, count, parseJson } from "../../pipeline/wire/json.ts";
import { ModelError } from "../errors.ts";
import { decodeSafeTensors, encodeSafeTensors, type SafeTensor } from "./safetensors.ts";

/** Files of a checkpoint, by name. */
export type CheckpointFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** What a checkpoint says beside its tensors. */
export interface CheckpointState {
  /** Updates done. */
  readonly step: number;
  /** Seed of everything random. */
  readonly seed: number;
  /** Hyperparameters of the run. */
  readonly hparams: object;
  /** Examples of the data that the run has seen; left out, as many as its steps make. */
  readonly examples?: number;
  /** The loss scale, where the run computes in f16; tensors are f32 in either case. */
  readonly loss_scale?: { readonly scale: number; readonly goodSteps: number };
}

/** A checkpoint's contents. */
export interface Checkpoint {
  /** Parameters by name. */
  readonly parameters: ReadonlyMap<string, SafeTensor>;
  /** The optimizer's moments, by `NAME/MOMENT`. */
  readonly moments: ReadonlyMap<string, SafeTensor>;
  /** The moving average of the parameters, by name, where the run keeps one. */
  readonly average?: ReadonlyMap<string, SafeTensor>;
  /** All else. */
  readonly state: CheckpointState;
}

/** Weights alone: enough to evaluate or export. */
export const WEIGHTS_FILE = "model.safetensors";
const OPTIMIZER_FILE = "optimizer.safetensors";
const AVERAGE_FILE = "ema.safetensors";
const STATE_FILE = "state.json";

/** Names of the files that every checkpoint has. */
export const CHECKPOINT_FILES: readonly string[] = [WEIGHTS_FILE, OPTIMIZER_FILE, STATE_FILE];

/** Hyperparameters have a check of their own. */
const stateSchema = v.object({
  step: count,
  seed: count,
  hparams: anyObject,
  examples: v.optional(count),
  loss_scale: v.optional(v.object({
    scale: v.pipe(v.number(), v.gtValue(0), v.finite()),
    goodSteps: count,
  })),
});

/** Encodes a checkpoint as files. */
export function encodeCheckpoint(
  { parameters, moments, average, state }: Checkpoint,
): CheckpointFiles {
  const metadata = { format: "pt", step: String(state.step) };
  return new Map([
    [WEIGHTS_FILE, encodeSafeTensors({ tensors: parameters, metadata })],
    [OPTIMIZER_FILE, encodeSafeTensors({ tensors: moments, metadata })],
    ...(average
      ? [[AVERAGE_FILE, encodeSafeTensors({ tensors: average, metadata })] as const]
      : []),
    [STATE_FILE, new TextEncoder().encode(JSON.stringify(state, null, 2) + "\n")],
  ]);
}

/**
 * Reads a checkpoint's files.
 *
 * @param source its folder, for messages.
 * @throws {ModelError} when one of them is damaged.
 */
export function decodeCheckpoint(files: CheckpointFiles, source: string): Checkpoint {
  const tensorsOf = (name: string): ReadonlyMap<string, SafeTensor> =>
    decodeSafeTensors(files.get(name)!, `${source}/${name}`).tensors;
  return {
    state: decodeCheckpointState(files, source),
    parameters: tensorsOf(WEIGHTS_FILE),
    moments: tensorsOf(OPTIMIZER_FILE),
  };
}

/**
 * Reads what a checkpoint says of itself.
 *
 * @throws {ModelError} when it is damaged, naming what does not fit.
 */
export function decodeCheckpointState(files: CheckpointFiles, source: string): CheckpointState {
  const text = new TextDecoder().decode(files.get(STATE_FILE));
  const fault = (what: string): ModelError =>
    new ModelError(`${source}/${STATE_FILE}: ${what}; use another checkpoint`);
  return parseJson(stateSchema, text, fault);
}
