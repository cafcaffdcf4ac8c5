/**
 * Losses over lists: weighted sums and sigmoid cross-entropy.
 *
 * @module
 */
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  declareParams,
  type KernelProgram,
  paramWords,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { randomLibrary, stepStateBinding } from "../random/random.ts";
import { unroll } from "../unroll.ts";
import sigmoidSource from "./sigmoid_cross_entropy.wgsl" with { type: "text" };
import sigmoidBackwardSource from "./sigmoid_cross_entropy_backward.wgsl" with { type: "text" };
import sumSource from "./weighted_sum.wgsl" with { type: "text" };

function list(name: string, elements: number, access: Binding["access"] = "read"): Binding {
  return { name, access, dtype: "f32", elements };
}

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
  const bindings = [
    list("values", elements),
    list("weights", elements),
    list("normalizer", 1),
    list("result", 1, "write"),
  ];
  return singleLaunch({
    kernel: "weighted_sum",
    label: `${elements}`,
    wgsl: specialise(sumSource, {
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("weighted_sum", sumSource, { elements }),
    workgroups: [1, 1, 1],
    cost: { flops: 2 * elements, bytes: 8 * elements },
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
  const bindings = [
    list("logits", elements),
    list("labels", elements),
    list("loss", elements, "write"),
  ];
  return singleLaunch({
    kernel: "sigmoid_cross_entropy",
    label: `${elements}`,
    wgsl: specialise(sigmoidSource, {
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("sigmoid_cross_entropy", sigmoidSource, { elements }),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    cost: { flops: 6 * elements, bytes: 12 * elements },
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
  const bindings = [
    list("logits", elements),
    list("labels", elements),
    list("weights", elements),
    list("normalizer", 1),
    stepStateBinding,
    { ...list("logitsGradient", elements, accumulate ? "read_write" : "write"), dtype: storage },
  ];
  return singleLaunch({
    kernel: "sigmoid_cross_entropy_backward",
    label: `${elements}`,
    wgsl: specialise(unroll(sigmoidBackwardSource, { ACCUMULATE: Number(accumulate) }), {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { SCALE: { f32: gradientScale } },
      libraries: [randomLibrary, declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("sigmoid_cross_entropy_backward", sigmoidBackwardSource, { elements }),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    cost: { flops: 6 * elements, bytes: (12 + bytesPerElement(storage)) * elements },
  });
}
