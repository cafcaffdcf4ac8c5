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

/** Sums of one stage at most: pairwise enough for f32, wide enough for a GPU. */
const MOST_RUNS = 1024;

/** Elements that one workgroup may add up on its own. */
const SMALL = 4096;

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
    const output = `partial${scratch.length}`;
    const squares = square && input === "input";
    // A multiple of four, so that runs start at whole vec4s.
    const chunk = 4 * Math.ceil(elements / Math.min(MOST_RUNS, Math.ceil(elements / SMALL)) / 4);
    const runs = Math.ceil(elements / chunk);
    launches.push(stage(kernel, input, output, elements, runs, chunk, squares, false));
    scratch.push({ name: output, dtype: "f32", elements: runs });
    input = output;
    elements = runs;
  }
  const squares = square && input === "input";
  launches.push(
    stage(kernel, input, "output", elements, 1, 4 * Math.ceil(elements / 4), squares, accumulate),
  );
  return { launches, scratch };
}

function stage(
  kernel: string,
  input: string,
  output: string,
  elements: number,
  runs: number,
  chunk: number,
  square: boolean,
  accumulate: boolean,
): KernelLaunch {
  const bindings: Binding[] = [
    { name: input, access: "read", dtype: "f32", elements },
    { name: output, access: accumulate ? "read_write" : "write", dtype: "f32", elements: runs },
  ];
  const vectors = elements % 4 === 0, lanes = vectors ? 4 : 1;
  const body = source.replaceAll("INPUT", input).replaceAll("OUTPUT", output);
  return {
    kernel,
    label: `${elements} → ${runs}`,
    wgsl: specialise(
      unroll(body, {
        ACCUMULATE: Number(accumulate),
        VECTORS: Number(vectors),
        SCALARS: Number(!vectors),
      }),
      {
        aliases: { Value: vectors ? "vec4<f32>" : "f32" },
        constants: { VALUES: elements / lanes, CHUNK: chunk / lanes, SQUARE: square },
        libraries: [declareBindings(bindings, vectors ? { [input]: "vec4<f32>" } : {})],
      },
    ),
    bindings,
    workgroups: [runs, 1, 1],
    cost: { flops: (square ? 2 : 1) * elements, bytes: 4 * (elements + runs) },
  };
}
