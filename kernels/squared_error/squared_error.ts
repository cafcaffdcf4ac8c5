/**
 * Squared error of predicted numbers.
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
import forwardSource from "./squared_error.wgsl" with { type: "text" };
import backwardSource from "./squared_error_backward.wgsl" with { type: "text" };

function list(name: string, elements: number, access: Binding["access"] = "read"): Binding {
  return { name, access, dtype: "f32", elements };
}

/**
 * loss = (prediction − label)².
 *
 * Bindings: predictions, labels, loss, each f32 [elements].
 *
 * @throws {KernelError} when there are no elements.
 */
export function squaredErrorForward({ elements }: { readonly elements: number }): KernelProgram {
  requireDimensions("squaredError", { elements });
  const bindings = [
    list("predictions", elements),
    list("labels", elements),
    list("loss", elements, "write"),
  ];
  return singleLaunch({
    kernel: "squared_error",
    label: `${elements}`,
    wgsl: specialise(forwardSource, {
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("squared_error", forwardSource, { elements }),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    cost: { flops: 2 * elements, bytes: 12 * elements },
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
  const access = accumulate ? "read_write" : "write";
  const bindings = [
    list("predictions", elements),
    list("labels", elements),
    list("weights", elements),
    list("normalizer", 1),
    stepStateBinding,
    { ...list("predictionsGradient", elements, access), dtype: storage },
  ];
  return singleLaunch({
    kernel: "squared_error_backward",
    label: `${elements}`,
    wgsl: specialise(unroll(backwardSource, { ACCUMULATE: Number(accumulate) }), {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { SCALE: { f32: gradientScale } },
      libraries: [randomLibrary, declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("squared_error_backward", backwardSource, { elements }),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    cost: { flops: 4 * elements, bytes: (12 + bytesPerElement(storage)) * elements },
  });
}
