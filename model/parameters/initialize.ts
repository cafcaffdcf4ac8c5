/**
 * Initial weights from the counter-based generator: the same on every adapter.
 *
 * @module
 */
import { randomWord, uniformOpen } from "../../kernels/random/random.ts";
import { ModelError } from "../errors.ts";
import type { Parameter, ParameterStore } from "./store.ts";

/** Streams of initial weights lie apart from those of tapes and masking. */
const INITIAL_STREAM = 0xc0000000;

/** Seeds are counters of 32 bits: larger ones would repeat the runs of smaller ones. */
export const LARGEST_SEED = 2 ** 32 - 1;

/**
 * Refuses a seed that would be another's double.
 *
 * @throws {ModelError} naming the range.
 */
export function requireSeed(seed: number): void {
  if (Number.isInteger(seed) && seed >= 0 && seed <= LARGEST_SEED) return;
  throw new ModelError(`seed ${seed}: it must be a whole number from 0 to ${LARGEST_SEED}`);
}

/**
 * Gives all parameters of an allocated store their initial values.
 *
 * @throws {ModelError} for a seed that would be another's double.
 */
export function initializeParameters(store: ParameterStore, seed: number): void {
  requireSeed(seed);
  store.parameters.forEach((parameter, index) =>
    store.write(parameter, "parameters", initialValue(parameter, index, seed))
  );
}

/**
 * The initial value of a parameter.
 *
 * @param index the parameter's place in the order of declaration; gives it a stream of its own.
 */
export function initialValue(
  parameter: Parameter,
  index: number,
  seed: number,
): Float32Array<ArrayBuffer> {
  const { initializer, value } = parameter;
  const data = new Float32Array(value.elements);
  const stream = INITIAL_STREAM + index;
  if (initializer.kind === "constant") {
    data.fill(initializer.value);
  } else if (initializer.kind === "glorot uniform") {
    const [outputs, inputs] = value.shape;
    const limit = Math.sqrt(6 / (inputs + outputs));
    for (let i = 0; i < data.length; i++) {
      data[i] = limit * (2 * uniformOpen(randomWord(seed, stream, 0, i)) - 1);
    }
  } else {
    for (let i = 0; i < data.length; i++) {
      data[i] = initializer.deviation * truncatedNormal(seed, stream, i);
    }
  }
  return data;
}

/** A standard normal number cut at two deviations: drawn again, under the next step, until it fits. */
function truncatedNormal(seed: number, stream: number, element: number): number {
  for (let attempt = 0;; attempt++) {
    const radius = Math.sqrt(
      -2 * Math.log(uniformOpen(randomWord(seed, stream, 2 * attempt, element))),
    );
    const angle = 2 * Math.PI * uniformOpen(randomWord(seed, stream, 2 * attempt + 1, element));
    const normal = radius * Math.cos(angle);
    if (Math.abs(normal) <= 2) return normal;
  }
}
