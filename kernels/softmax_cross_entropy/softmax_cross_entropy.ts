/**
 * Softmax cross-entropy over rows of logits, for heads with few classes or a choice among tokens.
 *
 * The loss over a vocabulary, which is too wide to be kept, is `kernels/cross_entropy/`.
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
import forwardSource from "./softmax_cross_entropy.wgsl" with { type: "text" };
import backwardSource from "./softmax_cross_entropy_backward.wgsl" with { type: "text" };

/** Rows of logits. */
export interface SoftmaxCrossEntropySpec {
  /** Rows. */
  readonly rows: number;
  /** Classes of each. */
  readonly columns: number;
  /** Rows that lie interleaved, element by element; 1 by default. They must divide the rows. */
  readonly groups?: number;
}

/** What the gradient needs beside it. */
export interface SoftmaxCrossEntropyBackwardSpec extends SoftmaxCrossEntropySpec {
  /** The loss's factor in the total. */
  readonly gradientScale: number;
  /** Adds to the gradient. */
  readonly accumulate?: boolean;
  /** Storage of the gradient; f32 by default. */
  readonly storage?: "f32" | "f16";
}

function list(name: string, elements: number, access: Binding["access"] = "read"): Binding {
  return { name, access, dtype: "f32", elements };
}

function lengthsOf(
  operation: string,
  { rows, columns, groups = 1 }: SoftmaxCrossEntropySpec,
): { rows: number; columns: number; groups: number } {
  requireDimensions(operation, { rows, columns, groups, "rows / groups": rows / groups });
  return { rows, columns, groups };
}

/**
 * loss[r] = log Σ exp(logits[r]) − logits[r, label].
 *
 * Bindings: logits f32 [rows·columns], labels u32 [rows] below `columns`, loss f32 [rows], logSumExp f32 [rows].
 *
 * @throws {KernelError} when there are no rows or columns, or groups do not divide the rows.
 */
export function softmaxCrossEntropyForward(spec: SoftmaxCrossEntropySpec): KernelProgram {
  const lengths = lengthsOf("softmaxCrossEntropy", spec);
  const { rows, columns } = lengths;
  const bindings: Binding[] = [
    list("logits", rows * columns),
    { ...list("labels", rows), dtype: "u32" },
    list("loss", rows, "write"),
    list("logSumExp", rows, "write"),
  ];
  return singleLaunch({
    kernel: "softmax_cross_entropy",
    label: `${rows}×${columns}`,
    wgsl: specialise(forwardSource, {
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("softmax_cross_entropy", forwardSource, lengths),
    workgroups: spreadWorkgroups(rows),
    cost: { flops: 4 * rows * columns, bytes: 4 * rows * (columns + 3) },
  });
}

/**
 * logitsGradient = (softmax(logits) − one-hot(label)) · weight · normalizer · gradientScale · loss scale.
 *
 * Bindings: logits, labels, logSumExp as in the forward pass, weights f32 [rows], normalizer f32 [1], stepState,
 * logitsGradient.
 *
 * @throws {KernelError} as the forward pass.
 */
export function softmaxCrossEntropyBackward(spec: SoftmaxCrossEntropyBackwardSpec): KernelProgram {
  const lengths = lengthsOf("softmaxCrossEntropyBackward", spec);
  const { rows, columns } = lengths;
  const { gradientScale, accumulate = false, storage = "f32" } = spec;
  const elements = rows * columns;
  const bindings: Binding[] = [
    list("logits", elements),
    { ...list("labels", rows), dtype: "u32" },
    list("logSumExp", rows),
    list("weights", rows),
    list("normalizer", 1),
    stepStateBinding,
    { ...list("logitsGradient", elements, accumulate ? "read_write" : "write"), dtype: storage },
  ];
  return singleLaunch({
    kernel: "softmax_cross_entropy_backward",
    label: `${rows}×${columns}`,
    wgsl: specialise(unroll(backwardSource, { ACCUMULATE: Number(accumulate) }), {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { SCALE: { f32: gradientScale } },
      libraries: [randomLibrary, declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords("softmax_cross_entropy_backward", backwardSource, lengths),
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    cost: { flops: 5 * elements, bytes: (4 + bytesPerElement(storage)) * elements + 12 * rows },
  });
}
