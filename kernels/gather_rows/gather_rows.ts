/**
 * Picking rows out of sequences, as the generator's head does at the masked positions.
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
import { unroll } from "../unroll.ts";
import forwardSource from "./gather_rows.wgsl" with { type: "text" };
import backwardSource from "./gather_rows_backward.wgsl" with { type: "text" };

/** Shapes of a gather. */
export interface GatherRowsSpec {
  /** Sequences. */
  readonly batch: number;
  /** Rows in a sequence. */
  readonly sequence: number;
  /** Rows picked from each. */
  readonly picks: number;
  /** Columns. */
  readonly columns: number;
  /** Adds to the input gradient (backward only). */
  readonly accumulate?: boolean;
  /** Storage of rows and gradients; f32 by default. */
  readonly storage?: "f32" | "f16";
}

/**
 * output[b, p] = input[b, positions[b, p]]. Positions past the sequence are clamped.
 *
 * Bindings: input [batch·sequence, columns], positions u32 [batch, picks], output [batch·picks, columns].
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function gatherRows(spec: GatherRowsSpec): KernelProgram {
  const { batch, sequence, picks, columns, storage = "f32" } = spec;
  return build("gather_rows", forwardSource, spec, batch * picks * columns, [
    { name: "input", access: "read", dtype: storage, elements: batch * sequence * columns },
    { name: "positions", access: "read", dtype: "u32", elements: batch * picks },
    { name: "output", access: "write", dtype: storage, elements: batch * picks * columns },
  ]);
}

/**
 * The gradient of {@link gatherRows}: rows that were not picked get 0.
 *
 * Bindings: positions, outputGradient, inputGradient.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function gatherRowsBackward(spec: GatherRowsSpec): KernelProgram {
  const { batch, sequence, picks, columns, accumulate = false, storage = "f32" } = spec;
  const source = unroll(backwardSource, { ACCUMULATE: Number(accumulate) });
  const elements = batch * sequence * columns;
  return build("gather_rows_backward", source, spec, elements, [
    { name: "positions", access: "read", dtype: "u32", elements: batch * picks },
    { name: "outputGradient", access: "read", dtype: storage, elements: batch * picks * columns },
    {
      name: "inputGradient",
      access: accumulate ? "read_write" : "write",
      dtype: storage,
      elements,
    },
  ]);
}

function build(
  kernel: string,
  source: string,
  { batch, sequence, picks, columns, storage = "f32" }: GatherRowsSpec,
  invocations: number,
  bindings: readonly Binding[],
): KernelProgram {
  requireDimensions(kernel, { batch, sequence, picks, columns });
  return singleLaunch({
    kernel,
    label: `${batch}×${picks} of ${sequence}×${columns}`,
    wgsl: specialise(source, {
      enables: storage === "f16" ? ["f16"] : [],
      aliases: { Elem: storage },
      constants: { COLUMNS: columns },
      libraries: [declareBindings(bindings), declareParams(bindings.length)],
    }),
    bindings,
    params: paramWords(kernel, source, { batch, sequence, picks }),
    workgroups: spreadWorkgroups(Math.ceil(invocations / 64)),
    cost: {
      flops: 0,
      bytes: bindings.reduce(
        (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
        0,
      ),
    },
  });
}
