/**
 * Softmax over rows.
 *
 * @module
 */
import {
  type Binding,
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
}

/**
 * output = exp(input) / Σ exp(input) over each row. Bindings: input, output.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function softmaxForward({ rows, columns }: SoftmaxSpec): KernelProgram {
  const elements = rows * columns;
  return rowKernel("softmax", forwardSource, { rows, columns }, [
    { name: "input", access: "read", dtype: "f32", elements },
    { name: "output", access: "write", dtype: "f32", elements },
  ]);
}

/**
 * The gradient of softmax. Bindings: output, outputGradient, inputGradient.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function softmaxBackward({ rows, columns, accumulate }: SoftmaxSpec): KernelProgram {
  const elements = rows * columns;
  const source = unroll(backwardSource, { ACCUMULATE: Number(accumulate ?? false) });
  return rowKernel("softmax_backward", source, { rows, columns }, [
    { name: "output", access: "read", dtype: "f32", elements },
    { name: "outputGradient", access: "read", dtype: "f32", elements },
    { name: "inputGradient", access: accumulate ? "read_write" : "write", dtype: "f32", elements },
  ]);
}

function rowKernel(
  kernel: string,
  source: string,
  { rows, columns }: { rows: number; columns: number },
  bindings: readonly Binding[],
): KernelProgram {
  requireDimensions(kernel, { rows, columns });
  return singleLaunch({
    kernel,
    label: `${rows}×${columns}`,
    wgsl: specialise(source, {
      constants: { ROWS: rows, COLUMNS: columns },
      libraries: [declareBindings(bindings)],
    }),
    bindings,
    workgroups: spreadWorkgroups(Math.ceil(rows / 64)),
    cost: { flops: 5 * rows * columns, bytes: 4 * rows * columns * bindings.length },
  });
}
