/**
 * Softmax over rows.
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
import { rowLanes, type RowVariant } from "../reduce/lanes.ts";
import { unroll } from "../unroll.ts";
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
  const { rows, columns, storage = "f32" } = spec;
  const elements = rows * columns;
  return rowKernel("softmax", forwardSource, forwardLanesSource, spec, variant, [
    { name: "input", access: "read", dtype: storage, elements },
    { name: "output", access: "write", dtype: storage, elements },
  ]);
}

/**
 * The gradient of softmax. Bindings: output, outputGradient, inputGradient.
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function softmaxBackward(spec: SoftmaxSpec, variant?: RowVariant): KernelProgram {
  const { rows, columns, accumulate, storage = "f32" } = spec;
  const elements = rows * columns;
  return rowKernel("softmax_backward", backwardSource, backwardLanesSource, spec, variant, [
    { name: "output", access: "read", dtype: storage, elements },
    { name: "outputGradient", access: "read", dtype: storage, elements },
    {
      name: "inputGradient",
      access: accumulate ? "read_write" : "write",
      dtype: storage,
      elements,
    },
  ]);
}

function rowKernel(
  kernel: string,
  rowSource: string,
  lanesSource: string,
  spec: SoftmaxSpec,
  variant: RowVariant | undefined,
  bindings: readonly Binding[],
): KernelProgram {
  const { rows, columns, accumulate = false, storage = "f32", subgroupSize = 0 } = spec;
  requireDimensions(kernel, { rows, columns });
  const shared = rowLanes(kernel, columns, subgroupSize, variant);
  const types = Object.fromEntries(bindings.map(({ name }) => [name, "Elem4"]));
  const names = { ACCUMULATE: Number(accumulate), ...shared?.constants };
  const wgsl = specialise(unroll(shared ? lanesSource : rowSource, names), {
    enables: [...(storage === "f16" ? ["f16"] : []), ...(shared?.enables ?? [])],
    aliases: { Elem: storage, Elem4: `vec4<${storage}>` },
    constants: shared ? { ROWS_EACH, ...shared.constants } : { COLUMNS: columns },
    libraries: [
      declareBindings(bindings, shared ? types : {}),
      declareParams(bindings.length),
      ...(shared ? [shared.library] : []),
    ],
  });
  return singleLaunch({
    kernel,
    label: `${rows}×${columns}`,
    wgsl,
    bindings,
    params: paramWords(kernel, wgsl, { rows }),
    workgroups: spreadWorkgroups(Math.ceil(rows / (shared ? ROWS_EACH : 64))),
    cost: {
      flops: 5 * rows * columns,
      bytes: bytesPerElement(storage) * rows * columns * bindings.length,
    },
  });
}
