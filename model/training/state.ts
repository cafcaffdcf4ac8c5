/**
 * The state of a training, as named tensors and a few numbers: what a checkpoint holds.
 *
 * @module
 */
import type { LossScaleState } from "../../kernels/loss_scale/loss_scale.ts";
import { asFloat32, type SafeTensor, safeTensor } from "../files/safetensors.ts";
import { readStateDict, writeStateDict } from "../parameters/state_dict.ts";
import type { ParameterStore } from "../parameters/store.ts";
import { AVERAGE, averageCorrection } from "./optimizer.ts";

/** What a state says beside its tensors. */
export interface TrainingPosition {
  /** Updates done. */
  readonly step: number;
  /** Seed of everything random. */
  readonly seed: number;
  /** The loss scale, where activations are f16; tensors are f32 in either case. */
  readonly loss_scale?: LossScaleState;
}

/** Everything that a training needs to go on as if it had never stopped. */
export interface TrainingState {
  /** Parameters by name. */
  readonly parameters: ReadonlyMap<string, SafeTensor>;
  /** The optimizer's moments, by `NAME/MOMENT`. */
  readonly moments: ReadonlyMap<string, SafeTensor>;
  /** How far it is. */
  readonly position: TrainingPosition;
}

/** Reads a training's tensors back. */
export async function readTrainingState(
  store: ParameterStore,
  momentNames: readonly string[],
  position: TrainingPosition,
): Promise<TrainingState> {
  const parameters = await readStateDict(store, "parameters");
  const moments = new Map<string, SafeTensor>();
  for (const moment of momentNames) {
    for (const [name, tensor] of await readStateDict(store, moment)) {
      moments.set(`${name}/${moment}`, tensor);
    }
  }
  return { parameters, moments, position };
}

/**
 * The moving average of the parameters that a state's moments hold; parameters that are not trained are as they
 * are.
 *
 * @param decay of the average, which has been kept since the first step.
 */
export function averageOf(
  { parameters, moments, position }: TrainingState,
  decay: number,
): Map<string, SafeTensor> {
  const factor = averageCorrection(decay, position.step);
  const average = new Map<string, SafeTensor>();
  for (const [name, tensor] of parameters) {
    const own = moments.get(`${name}/${AVERAGE}`);
    const values = own && asFloat32(name, own).map((value) => value * factor);
    average.set(name, values && position.step > 0 ? safeTensor(values, tensor.shape) : tensor);
  }
  return average;
}

/**
 * Writes a state's tensors into a store.
 *
 * @param source where the state comes from, for messages.
 * @throws {ModelError} listing tensors that are missing or of another shape.
 */
export function writeTrainingState(
  store: ParameterStore,
  momentNames: readonly string[],
  { parameters, moments }: TrainingState,
  source: string,
): void {
  writeStateDict(store, "parameters", parameters, `${source}: parameters`);
  for (const moment of momentNames) {
    const named = new Map<string, SafeTensor>();
    for (const [name, tensor] of moments) {
      if (name.endsWith(`/${moment}`)) named.set(name.slice(0, -moment.length - 1), tensor);
    }
    writeStateDict(store, moment, named, `${source}: ${moment}`);
  }
}
