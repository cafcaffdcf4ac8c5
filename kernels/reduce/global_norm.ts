/**
 * Sums over flat buffers: the squared norm of all gradients, and plain sums.
 *
 * @module
 */
import {
  type Binding,
  declareBindings,
  type KernelLaunch,
  type KernelProgram,
  requireDimensions,
  specialise,
} from "../launch.ts";
import { unroll } from "../unroll.ts";
import source from "./squared_norm.wgsl" with { type: "text" };

/** Partial sums of the first stage; pairwise enough for f32, wide enough for a GPU. */
const MAX_RUNS = 16_384;

/** Partial sums that one invocation may add up on its own. */
const SMALL = 128;

/** A sum over a flat buffer. */
export interface FlatSumSpec {
  /** Elements. */
  readonly elements: number;
  /** Adds to the output. */
  readonly accumulate?: boolean;
}

/**
 * output[0] (+)= Σ input². Several stages, always in the same order.
 *
 * Bindings: input f32 [elements], output f32 [1].
 *
 * @throws {KernelError} when there are no elements.
 */
export function squaredNorm(spec: FlatSumSpec): KernelProgram {
  return flatSum("squared_norm", spec, true);
}

/**
 * output[0] (+)= Σ input. Several stages, always in the same order.
 *
 * Bindings: input f32 [elements], output f32 [1].
 *
 * @throws {KernelError} when there are no elements.
 */
export function sumAll(spec: FlatSumSpec): KernelProgram {
  return flatSum("sum", spec, false);
}

function flatSum(kernel: string, spec: FlatSumSpec, square: boolean): KernelProgram {
  const { accumulate = false } = spec;
  requireDimensions(kernel, { elements: spec.elements });
  const launches: KernelLaunch[] = [];
  const scratch: { name: string; dtype: "f32"; elements: number }[] = [];
  let input = "input", elements = spec.elements;
  while (elements > SMALL) {
    const runs = Math.min(MAX_RUNS, Math.ceil(elements / SMALL));
    const output = `partial${scratch.length}`;
    const squares = square && input === "input";
    launches.push(stage(kernel, input, output, elements, runs, squares, false));
    scratch.push({ name: output, dtype: "f32", elements: runs });
    input = output;
    elements = runs;
  }
  const squares = square && input === "input";
  launches.push(stage(kernel, input, "output", elements, 1, squares, accumulate));
  return { launches, scratch };
}

function stage(
  kernel: string,
  input: string,
  output: string,
  elements: number,
  runs: number,
  square: boolean,
  accumulate: boolean,
): KernelLaunch {
  const bindings: Binding[] = [
    { name: input, access: "read", dtype: "f32", elements },
    { name: output, access: accumulate ? "read_write" : "write", dtype: "f32", elements: runs },
  ];
  const body = source.replaceAll("INPUT", input).replaceAll("OUTPUT", output);
  return {
    kernel,
    label: `${elements} → ${runs}`,
    wgsl: specialise(unroll(body, { ACCUMULATE: Number(accumulate) }), {
      constants: { ELEMENTS: elements, RUNS: runs, SQUARE: square },
      libraries: [declareBindings(bindings)],
    }),
    bindings,
    workgroups: [Math.ceil(runs / 64), 1, 1],
    cost: { flops: (square ? 2 : 1) * elements, bytes: 4 * (elements + runs) },
  };
}
