/**
 * The update: global gradient norm, Adam over flat storage, and the next step's loss scale.
 *
 * @module
 */
import { adam } from "../../kernels/adam/adam.ts";
import { lossScale } from "../../kernels/loss_scale/loss_scale.ts";
import { squaredNorm as squaredNormKernel } from "../../kernels/reduce/global_norm.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { ParameterStore } from "../parameters/store.ts";

/** The original's optimizer (`optimization.AdamWeightDecayOptimizer`). */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, clipNorm: 1 } as const;

/** What an update leaves. */
export interface Update {
  /**
   * f32 [3]: the norm of the gradients before clipping, the loss scale they were made with, and 1 where
   * the step was skipped because they are not finite.
   */
  readonly report: Tensor;
  /** u32 [1], kept between steps like the loss scale itself; undefined where the scale is fixed. */
  readonly goodSteps: Tensor | undefined;
}

/**
 * Records the update of all parameters: gradients clipped by their global norm, Adam with decoupled
 * decay and no bias correction. Gradients that are not finite change nothing but the loss scale.
 *
 * @param growthInterval good steps after which the loss scale doubles; left out, it stays as it is.
 */
export function updateParameters(
  tape: Tape,
  store: ParameterStore,
  growthInterval?: number,
): Update {
  const squaredNorm = tape.activation("squared gradient norm", [1]);
  store.chunks.forEach(({ elements, tensors }, index) => {
    tape.run("gradient norm", squaredNormKernel({ elements, accumulate: index > 0 }), {
      input: tensors.gradients,
      output: squaredNorm,
    });
  });
  for (const { elements, tensors, groups } of store.chunks) {
    tape.run("adam", adam({ elements, ...ADAM }), {
      parameters: tensors.parameters,
      gradients: tensors.gradients,
      firstMoment: tensors.firstMoment,
      secondMoment: tensors.secondMoment,
      groups,
      squaredNorm,
    });
  }
  const report = tape.keep(tape.activation("report of the update", [3]));
  const goodSteps = growthInterval === undefined
    ? undefined
    : tape.input("steps since the loss scale changed", [1], "u32");
  tape.run("loss scale", lossScale({ growthInterval }), {
    squaredNorm,
    report,
    ...(goodSteps ? { goodSteps } : {}),
  });
  return { report, goodSteps };
}
