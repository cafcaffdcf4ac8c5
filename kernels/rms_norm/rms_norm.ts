/**
 * RMSNorm (Zhang and Sennrich, 2019). docs/kernels.md walks through this folder.
 *
 * @module
 */
import {
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import { columnSum } from "../reduce/column_sum.ts";
import forwardSource from "./rms_norm.wgsl" with { type: "text" };
import backwardSource from "./rms_norm_backward.wgsl" with { type: "text" };
import termsSource from "./rms_norm_weight_terms.wgsl" with { type: "text" };

/** An RMSNorm over rows. */
export interface RmsNormSpec {
  /** Rows. */
  readonly rows: number;
  /** Columns, over which each row is normalised. */
  readonly columns: number;
  /** Storage of activations; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * output = input · rstd · weight, with rstd = 1 / √(mean(input²) + epsilon).
 *
 * Bindings: input, weight f32 [columns], output, rstd f32 [rows].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function rmsNormForward(
  { rows, columns, epsilon, storage = "f32" }: RmsNormSpec & { readonly epsilon: number },
): KernelProgram {
  requireDimensions("rmsNorm", { rows, columns });
  const elements = rows * columns;
  return singleLaunch({
    kernel: "rms_norm",
    label: `${rows}×${columns}`,
    files: [forwardSource],
    aliases: { Elem: storage },
    constants: { COLUMNS: columns, EPSILON: { f32: epsilon } },
    elements: { input: elements, weight: columns, output: elements, rstd: rows },
    params: { rows },
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    flops: 4 * elements,
  });
}

/**
 * Gradient of {@link rmsNormForward} with respect to its input.
 *
 * Bindings: outputGradient, input, weight f32 [columns], rstd f32 [rows], inputGradient.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function rmsNormBackward(
  { rows, columns, accumulate = false, storage = "f32" }: RmsNormSpec & {
    /** Adds to the input's gradient. */
    readonly accumulate?: boolean;
  },
): KernelProgram {
  requireDimensions("rmsNormBackward", { rows, columns });
  const elements = rows * columns;
  return singleLaunch({
    kernel: "rms_norm_backward",
    label: `${rows}×${columns}`,
    files: [backwardSource],
    aliases: { Elem: storage },
    constants: { COLUMNS: columns },
    options: { ACCUMULATE: accumulate },
    elements: {
      outputGradient: elements,
      input: elements,
      weight: columns,
      rstd: rows,
      inputGradient: elements,
    },
    params: { rows },
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    flops: 9 * elements,
  });
}

/**
 * Gradient of {@link rmsNormForward} with respect to its weight: a term for each element, and the sums of their
 * columns.
 *
 * Bindings: outputGradient, input, rstd f32 [rows], output f32 [columns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function rmsNormWeightGradient(
  { rows, columns, accumulate = false, storage = "f32", subgroupSize = 0 }: RmsNormSpec & {
    /** Adds to the weight's gradient. */
    readonly accumulate?: boolean;
    /** The least subgroup size of the device, 0 without subgroups. */
    readonly subgroupSize?: number;
  },
): KernelProgram {
  requireDimensions("rmsNormWeightGradient", { rows, columns });
  const elements = rows * columns;
  const terms = singleLaunch({
    kernel: "rms_norm_weight_terms",
    label: `${rows}×${columns}`,
    files: [termsSource],
    aliases: { Elem: storage },
    constants: { COLUMNS: columns },
    elements: { outputGradient: elements, input: elements, rstd: rows, terms: elements },
    params: { rows },
    workgroups: spreadWorkgroups(Math.ceil(elements / 64)),
    flops: 2 * elements,
  });
  const sum = columnSum({ rows, columns, accumulate, subgroupSize });
  // The sum's input is what the terms are written to.
  const renamed = sum.launches.map((launch) => ({
    ...launch,
    bindings: launch.bindings.map((binding) =>
      binding.name === "input" ? { ...binding, name: "terms" } : binding
    ),
  }));
  return {
    launches: [...terms.launches, ...renamed],
    scratch: [{ name: "terms", dtype: "f32", elements }, ...sum.scratch],
  };
}
