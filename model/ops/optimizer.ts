/**
 * The update: global gradient norm, then Adam over flat storage.
 *
 * @module
 */
import { adam } from "../../kernels/adam/adam.ts";
import { squaredNorm as squaredNormKernel } from "../../kernels/reduce/global_norm.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { ParameterStore } from "../parameters.ts";

/** The original's optimizer (`optimization.AdamWeightDecayOptimizer`). */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, clipNorm: 1 } as const;

/**
 * Records the update of all parameters: gradients clipped by their global norm, Adam with decoupled
 * decay and no bias correction.
 *
 * @returns f32 [1]: the squared norm of the gradients before clipping.
 */
export function updateParameters(tape: Tape, store: ParameterStore): Tensor {
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
  return squaredNorm;
}
