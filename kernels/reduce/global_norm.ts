/**
 * The squared norm of all gradients.
 *
 * @module
 */
import { type KernelLaunch, type KernelProgram, launchOf, requireDimensions } from "../launch.ts";
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
  const { accumulate = false } = spec;
  requireDimensions("squared_norm", { elements: spec.elements });
  const launches: KernelLaunch[] = [];
  const scratch: { name: string; dtype: "f32"; elements: number }[] = [];
  let input = "input", elements = spec.elements;
  while (elements > SMALL) {
    const output = `partial${scratch.length}`;
    // A multiple of four, so that runs start at whole vec4s.
    const chunk = 4 * Math.ceil(elements / Math.min(MOST_RUNS, Math.ceil(elements / SMALL)) / 4);
    const runs = Math.ceil(elements / chunk);
    launches.push(stage(input, output, elements, runs, chunk, false));
    scratch.push({ name: output, dtype: "f32", elements: runs });
    input = output;
    elements = runs;
  }
  launches.push(stage(input, "output", elements, 1, 4 * Math.ceil(elements / 4), accumulate));
  return { launches, scratch };
}

function stage(
  input: string,
  output: string,
  elements: number,
  runs: number,
  chunk: number,
  accumulate: boolean,
): KernelLaunch {
  const squares = input === "input";
  const vectors = elements % 4 === 0, lanes = vectors ? 4 : 1;
  return launchOf({
    kernel: "squared_norm",
    label: `${elements} → ${runs}`,
    files: [source],
    aliases: { Value: vectors ? "vec4<f32>" : "f32" },
    constants: { VALUES: elements / lanes, CHUNK: chunk / lanes, SQUARE: squares },
    options: { VECTORS: vectors, ACCUMULATE: accumulate },
    elements: { input: elements, output: runs },
    buffers: { input, output },
    workgroups: [runs, 1, 1],
    flops: (squares ? 2 : 1) * elements,
  });
}
