/**
 * The exponential moving average of weights.
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
  const bindings: Binding[] = [
    { name: "parameters", access: "read", dtype: "f32", elements },
    { name: "average", access: "read_write", dtype: "f32", elements },
  ];
  const vec4 = "vec4<f32>";
  return singleLaunch({
    kernel: "weight_average",
    label: `${elements}`,
    wgsl: specialise(source, {
      constants: { BLOCKS: elements / 4, DECAY: { f32: decay } },
      libraries: [declareBindings(bindings, { parameters: vec4, average: vec4 })],
    }),
    bindings,
    workgroups: spreadWorkgroups(Math.ceil(elements / 4 / 64)),
    cost: { flops: 3 * elements, bytes: 12 * elements },
  });
}
