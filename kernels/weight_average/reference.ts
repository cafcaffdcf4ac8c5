/**
 * The moving average of weights in float64.
 *
 * @module
 */
import type { WeightAverageSpec } from "./weight_average.ts";

/** One step of the average, changed in place. */
export function weightAverageReference(
  { decay }: Pick<WeightAverageSpec, "decay">,
  average: Float64Array,
  parameters: ArrayLike<number>,
): void {
  for (let i = 0; i < average.length; i++) {
    average[i] = decay * average[i] + (1 - decay) * parameters[i];
  }
}
