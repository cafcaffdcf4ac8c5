/**
 * Losses over lists: weighted sums and sigmoid cross-entropy.
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
import sigmoidSource from "./sigmoid_cross_entropy.wgsl" with { type: "text" };
import sigmoidBackwardSource from "./sigmoid_cross_entropy_backward.wgsl" with { type: "text" };
import sumSource from "./weighted_sum.wgsl" with { type: "text" };

/**
 * result = Σ w·v · normalizer. The host gives the normaliser, one over the weights of the whole batch, so that
 * the sums over parts of a batch add up to its mean.
 *
 * Bindings: values f32 [elements], weights f32 [elements], normalizer f32 [1], result f32 [1].
 *
 * @throws {KernelError} when there are no elements.
 */
export function weightedSum({ elements }: { readonly elements: number }): KernelProgram {
  requireDimensions("weightedSum", { elements });
  return singleLaunch({
    kernel: "weighted_sum",
    label: `${elements}`,
    files: [sumSource],
    elements: { values: elements, weights: elements, normalizer: 1, result: 1 },
    params: { elements },
    workgroups: [1, 1, 1],
    flops: 2 * elements,
    bytes: 8 * elements,
  });
}

/**
 * loss = max(x, 0) − x·label + log(1 + e^−|x|).
 *
 * Bindings: logits, labels, loss, each f32 [elements].
 *
 * @throws {KernelError} when there are no elements.
 */
export function sigmoidCrossEntropyForward(
  { elements }: { readonly elements: number },
): KernelProgram {
  requireDimensions("sigmoidCrossEntropy", { elements });
  return singleLaunch({
    kernel: "sigmoid_cross_entropy",
    label: `${elements}`,
    files: [sigmoidSource],
    elements: { logits: elements, labels: elements, loss: elements },
    params: { elements },
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    flops: 6 * elements,
  });
}

/** Size and scale of the sigmoid cross-entropy's gradient. */
export interface SigmoidBackwardSpec {
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
 * logitsGradient = (σ(x) − label) · weight · normalizer · gradientScale · loss scale.
 *
 * Bindings: logits, labels, weights f32, normalizer f32 [1] (as of the loss), stepState, logitsGradient.
 *
 * @throws {KernelError} when there are no elements.
 */
export function sigmoidCrossEntropyBackward(spec: SigmoidBackwardSpec): KernelProgram {
  const { elements, gradientScale, accumulate = false, storage = "f32" } = spec;
  requireDimensions("sigmoidCrossEntropyBackward", { elements });
  return singleLaunch({
    kernel: "sigmoid_cross_entropy_backward",
    label: `${elements}`,
    files: [randomLibrary, sigmoidBackwardSource],
    aliases: { Elem: storage },
    constants: { SCALE: { f32: gradientScale } },
    options: { ACCUMULATE: accumulate },
    elements: {
      logits: elements,
      labels: elements,
      weights: elements,
      normalizer: 1,
      logitsGradient: elements,
    },
    params: { elements },
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    flops: 6 * elements,
    bytes: (12 + bytesPerElement(storage)) * elements,
  });
}
