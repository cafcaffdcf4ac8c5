/**
 * Squared error of predicted numbers.
 *
 * @module
 */
import {
  bytesPerElement,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import { randomLibrary } from "../random/random.ts";
import forwardSource from "./squared_error.wgsl" with { type: "text" };
import backwardSource from "./squared_error_backward.wgsl" with { type: "text" };

/**
 * loss = (prediction − label)².
 *
 * Bindings: predictions, labels, loss, each f32 [elements].
 *
 * @throws {KernelError} when there are no elements.
 */
export function squaredErrorForward({ elements }: { readonly elements: number }): KernelProgram {
  requireDimensions("squaredError", { elements });
  return singleLaunch({
    kernel: "squared_error",
    label: `${elements}`,
    files: [forwardSource],
    elements: { predictions: elements, labels: elements, loss: elements },
    params: { elements },
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    flops: 2 * elements,
  });
}

/** Size and scale of the squared error's gradient. */
export interface SquaredErrorBackwardSpec {
  /** Elements. */
  readonly elements: number;
  /** The loss's factor in the total. */
  readonly gradientScale: number;
  /** Adds to the gradient. */
  readonly accumulate?: boolean;
  /** Storage of the gradient; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * predictionsGradient = 2 · (prediction − label) · weight · normalizer · gradientScale · loss scale.
 *
 * Bindings: predictions, labels, weights f32, normalizer f32 [1], stepState, predictionsGradient.
 *
 * @throws {KernelError} when there are no elements.
 */
export function squaredErrorBackward(spec: SquaredErrorBackwardSpec): KernelProgram {
  const { elements, gradientScale, accumulate = false, storage = "f32" } = spec;
  requireDimensions("squaredErrorBackward", { elements });
  return singleLaunch({
    kernel: "squared_error_backward",
    label: `${elements}`,
    files: [randomLibrary, backwardSource],
    aliases: { Elem: storage },
    constants: { SCALE: { f32: gradientScale } },
    options: { ACCUMULATE: accumulate },
    elements: {
      predictions: elements,
      labels: elements,
      weights: elements,
      normalizer: 1,
      predictionsGradient: elements,
    },
    params: { elements },
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    flops: 4 * elements,
    bytes: (12 + bytesPerElement(storage)) * elements,
  });
}
