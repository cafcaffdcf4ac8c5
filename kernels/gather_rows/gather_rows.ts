/**
 * Picking rows out of sequences, as the generator's head does at the masked positions.
 *
 * @module
 */
import {
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
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
  const { batch, sequence, picks, columns } = spec;
  const picked = batch * picks * columns;
  return build("gather_rows", forwardSource, spec, picked, {
    input: batch * sequence * columns,
    output: picked,
  });
}

/**
 * The gradient of {@link gatherRows}: rows that were not picked get 0.
 *
 * Bindings: positions, outputGradient, inputGradient.
 *
 * @throws {KernelError} for dimensions that are not positive.
 */
export function gatherRowsBackward(spec: GatherRowsSpec): KernelProgram {
  const { batch, sequence, picks, columns } = spec;
  const all = batch * sequence * columns;
  return build("gather_rows_backward", backwardSource, spec, all, {
    outputGradient: batch * picks * columns,
    inputGradient: all,
  });
}

function build(
  kernel: string,
  source: string,
  { batch, sequence, picks, columns, accumulate = false, storage = "f32" }: GatherRowsSpec,
  invocations: number,
  rows: Readonly<Record<string, number>>,
): KernelProgram {
  requireDimensions(kernel, { batch, sequence, picks, columns });
  return singleLaunch({
    kernel,
    label: `${batch}×${picks} of ${sequence}×${columns}`,
    files: [source],
    aliases: { Elem: storage },
    constants: { COLUMNS: columns },
    options: { ACCUMULATE: accumulate },
    elements: { ...rows, positions: batch * picks },
    params: { batch, sequence, picks },
    workgroups: spreadWorkgroups(Math.ceil(invocations / 64)),
    flops: 0,
  });
}
