/**
 * What the loss scale does after a step.
 *
 * @module
 */
import { LOSS_SCALE_BOUNDS, type LossScaleState } from "./loss_scale.ts";

/** The state after a step with this squared gradient norm. */
export function lossScaleReference(
  { scale, goodSteps }: LossScaleState,
  squaredNorm: number,
  growthInterval: number,
): LossScaleState {
  const { least, most } = LOSS_SCALE_BOUNDS;
  if (!Number.isFinite(squaredNorm)) {
    return { scale: Math.max(scale / 2, least), goodSteps: 0 };
  }
  return goodSteps + 1 >= growthInterval
    ? { scale: Math.min(scale * 2, most), goodSteps: 0 }
    : { scale, goodSteps: goodSteps + 1 };
}
