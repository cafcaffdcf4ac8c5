/**
 * One Adam update in float64.
 *
 * @module
 */
import type { AdamSpec } from "./adam.ts";

/** State of the update, changed in place. */
export interface AdamState {
  /** Parameters. */
  readonly parameters: Float64Array;
  /** First moment. */
  readonly firstMoment: Float64Array;
  /** Second moment. */
  readonly secondMoment: Float64Array;
}

/** Updates the state. `groups` holds a rate multiplier and a decay for each 64 elements. */
export function adamReference(
  { beta1, beta2, epsilon, clipNorm }: Omit<AdamSpec, "elements">,
  { parameters, firstMoment, secondMoment }: AdamState,
  gradients: ArrayLike<number>,
  groups: ArrayLike<number>,
  rate: number,
  lossScale: number,
): void {
  let squares = 0;
  for (let i = 0; i < gradients.length; i++) squares += (gradients[i] / lossScale) ** 2;
  if (!Number.isFinite(squares)) return;
  const norm = Math.sqrt(squares);
  const clip = clipNorm > 0 && norm > clipNorm ? clipNorm / norm : 1;
  for (let i = 0; i < parameters.length; i++) {
    const g = gradients[i] / lossScale * clip;
    firstMoment[i] = beta1 * firstMoment[i] + (1 - beta1) * g;
    secondMoment[i] = beta2 * secondMoment[i] + (1 - beta2) * g * g;
    const [multiplier, decay] = [groups[2 * (i >> 6)], groups[2 * (i >> 6) + 1]];
    const update = firstMoment[i] / (Math.sqrt(secondMoment[i]) + epsilon) + decay * parameters[i];
    parameters[i] -= rate * multiplier * update;
  }
}
