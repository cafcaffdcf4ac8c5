/**
 * Dynamic loss scaling (Micikevicius et al., "Mixed Precision Training", 2018), wholly on the device.
 *
 * @module
 */
import { type KernelProgram, requireDimensions, singleLaunch } from "../launch.ts";
import { randomLibrary } from "../random/random.ts";
import source from "./loss_scale.wgsl" with { type: "text" };

/** The scale never leaves these bounds, both powers of two. */
export const LOSS_SCALE_BOUNDS = { least: 1, most: 2 ** 24 } as const;

/** The loss scale between two steps. */
export interface LossScaleState {
  /** Factor of the losses. */
  readonly scale: number;
  /** Good steps since the scale last changed. */
  readonly goodSteps: number;
}

/** How the loss scale moves. */
export interface LossScaleSpec {
  /** Good steps after which the scale doubles; left out, the scale stays as it is. */
  readonly growthInterval?: number;
}

/**
 * Reports a step and sets the loss scale of the next one.
 *
 * Bindings: squaredNorm f32 [1], of the gradients as stored; stepState; [goodSteps] u32 [1], steps since
 * the scale last changed; report f32 [3]: the norm of the gradients, the scale they were made with, and
 * 1 where the step was skipped because they are not finite.
 *
 * @throws {KernelError} for an interval that is not positive.
 */
export function lossScale({ growthInterval }: LossScaleSpec): KernelProgram {
  const dynamic = growthInterval !== undefined;
  if (dynamic) requireDimensions("lossScale", { growthInterval });
  return singleLaunch({
    kernel: "loss_scale",
    label: dynamic ? `doubles after ${growthInterval}` : "fixed",
    files: [randomLibrary, source],
    constants: {
      GROWTH_INTERVAL: growthInterval ?? 0,
      LEAST: { f32: LOSS_SCALE_BOUNDS.least },
      MOST: { f32: LOSS_SCALE_BOUNDS.most },
    },
    options: { DYNAMIC: dynamic },
    elements: { squaredNorm: 1, goodSteps: 1, report: 3 },
    workgroups: [1, 1, 1],
    flops: 3,
    bytes: 20,
  });
}
