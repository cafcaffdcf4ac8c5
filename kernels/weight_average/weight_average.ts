/**
 * The exponential moving average of weights.
 *
 * @module
 */
import {
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import source from "./weight_average.wgsl" with { type: "text" };

/** One flat buffer's average. */
export interface WeightAverageSpec {
  /** Elements, a multiple of 4. */
  readonly elements: number;
  /** The share that the average keeps of itself in a step. */
  readonly decay: number;
}

/**
 * One step of the average of a flat buffer, `average = decay · average + (1 − decay) · parameters`. It begins at
 * 0, so that after t steps it is to be divided by 1 − decayᵗ.
 *
 * Bindings: parameters f32 [elements]; average f32 [elements], which changes.
 *
 * @throws {KernelError} for sizes that are not whole.
 */
export function weightAverage({ elements, decay }: WeightAverageSpec): KernelProgram {
  requireDimensions("weight average", { elements, blocks: elements / 4 });
  return singleLaunch({
    kernel: "weight_average",
    label: `${elements}`,
    files: [source],
    constants: { BLOCKS: elements / 4, DECAY: { f32: decay } },
    elements: { parameters: elements, average: elements },
    workgroups: spreadWorkgroups(Math.ceil(elements / 4 / 64)),
    flops: 3 * elements,
  });
}
