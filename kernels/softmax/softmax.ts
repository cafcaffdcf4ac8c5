/**
 * Softmax over rows.
 *
 * @module
 */
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { unroll } from "../unroll.ts";
import forwardSource from "./softmax.wgsl" with { type: "text" };
import backwardSource from "./softmax_backward.wgsl" with { type: "text" };

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
}

/**
 * output = exp(input) / Σ exp(input) over each row. Bindings: input, output.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function softmaxForward(spec: SoftmaxSpec): KernelProgram {
  const { rows, columns, storage = "f32" } = spec;
  const elements = rows * columns;
  return rowKernel("softmax", forwardSource, spec, [
    { name: "input", access: "read", dtype: storage, elements },
    { name: "output", access: "write", dtype: storage, elements },
  ]);
}

/**
 * The gradient of softmax. Bindings: output, outputGradient, inputGradient.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function softmaxBackward(spec: SoftmaxSpec): KernelProgram {
  const { rows, columns, accumulate, storage = "f32" } = spec;
  const elements = rows * columns;
  const source = unroll(backwardSource, { ACCUMULATE: Number(accumulate ?? false) });
  return rowKernel("softmax_backward", source, spec, [
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
  source: string,
  { rows, columns, storage = "f32" }: SoftmaxSpec,
  bindings: readonly Binding[],
): KernelProgram {
  requireDimensions(kernel, { rows, columns });
  return singleLaunch({
    kernel,
    label: `${rows}×${columns}`,
    wgsl: specialise(source, {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { ROWS: rows, COLUMNS: columns },
      libraries: [declareBindings(bindings)],
    }),
    bindings,
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    cost: {
      flops: 5 * rows * columns,
      bytes: bytesPerElement(storage) * rows * columns * bindings.length,
    },
  });
}
