/**
 * Softmax over rows.
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
import { lanesLibrary, rowLanes, type RowVariant } from "../reduce/lanes.ts";
import forwardSource from "./softmax.wgsl" with { type: "text" };
import backwardSource from "./softmax_backward.wgsl" with { type: "text" };
import backwardLanesSource from "./softmax_backward_lanes.wgsl" with { type: "text" };
import forwardLanesSource from "./softmax_lanes.wgsl" with { type: "text" };

/** A softmax over rows. */
export interface SoftmaxSpec {
  /** Rows. */
  readonly rows: number;
  /** Columns, over which each row is normalised. */
  readonly columns: number;
  /** Adds to the input gradient (backward only). */
  readonly accumulate?: boolean;
  /** Storage of all tensors; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** The least subgroup size of the device, where it has subgroup operations and they may be used. */
  readonly subgroupSize?: number;
}

/** Rows that a workgroup takes one after the other. */
const ROWS_EACH = 4;

/**
 * output = exp(input) / Σ exp(input) over each row. Bindings: input, output.
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function softmaxForward(spec: SoftmaxSpec, variant?: RowVariant): KernelProgram {
  return rowKernel("softmax", forwardSource, forwardLanesSource, spec, variant, 2);
}

/**
 * The gradient of softmax. Bindings: output, outputGradient, inputGradient.
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function softmaxBackward(spec: SoftmaxSpec, variant?: RowVariant): KernelProgram {
  return rowKernel("softmax_backward", backwardSource, backwardLanesSource, spec, variant, 3);
}

/** @param tensors how many of the size of the input are bound. */
function rowKernel(
  kernel: string,
  rowSource: string,
  lanesSource: string,
  spec: SoftmaxSpec,
  variant: RowVariant | undefined,
  tensors: number,
): KernelProgram {
  const { rows, columns, accumulate = false, storage = "f32", subgroupSize = 0 } = spec;
  requireDimensions(kernel, { rows, columns });
  const shared = rowLanes(kernel, columns, subgroupSize, variant);
  const elements = rows * columns;
  return singleLaunch({
    kernel,
    label: `${rows}×${columns}`,
    files: shared ? [lanesLibrary, lanesSource] : [rowSource],
    enables: shared?.enables,
    aliases: { Elem: storage, Elem4: `vec4<${storage}>` },
    constants: { COLUMNS: columns, ROWS_EACH, ...shared?.constants },
    options: { ACCUMULATE: accumulate, ...shared?.options },
    elements: {
      input: elements,
      output: elements,
      outputGradient: elements,
      inputGradient: elements,
    },
    params: { rows },
    workgroups: spreadWorkgroups(Math.ceil(rows / (shared ? ROWS_EACH : 64))),
    flops: 5 * elements,
    bytes: bytesPerElement(storage) * elements * tensors,
  });
}
