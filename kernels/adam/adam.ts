/**
 * The optimizer of the original ELECTRA: Adam with decoupled weight decay and no bias correction.
 *
 * @module
 */
import { KernelError } from "../errors.ts";
import {
  type Binding,
  declareBindings,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  specialise,
  spreadWorkgroups,
} from "../launch.ts";
import { randomLibrary, stepStateBinding } from "../random/random.ts";
import source from "./adam.wgsl" with { type: "text" };

/** Elements that share a learning-rate multiplier and a decay. */
const GROUP = 64;

/** One flat buffer's update. */
export interface AdamSpec {
  /** Elements, a multiple of 64. */
  readonly elements: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly epsilon: number;
  /** Global norm to which gradients are clipped; 0 does not clip. */
  readonly clipNorm: number;
}

/**
 * One update of a flat buffer.
 *
 * Bindings: parameters, gradients, firstMoment, secondMoment f32 [elements]; groups f32
 * [elements / 64, 2] (learning-rate multiplier, decay); learningRate f32 [1]; stepState; squaredNorm f32 [1],
 * of the gradients as stored.
 *
 * @throws {KernelError} when the elements do not fall into groups.
 */
export function adam({ elements, beta1, beta2, epsilon, clipNorm }: AdamSpec): KernelProgram {
  requireDimensions("adam", { elements });
  if (elements % GROUP !== 0) {
    throw new KernelError(`adam: ${elements} elements are not a multiple of ${GROUP}`);
  }
  const bindings: Binding[] = [
    { name: "parameters", access: "read_write", dtype: "f32", elements },
    { name: "gradients", access: "read", dtype: "f32", elements },
    { name: "firstMoment", access: "read_write", dtype: "f32", elements },
    { name: "secondMoment", access: "read_write", dtype: "f32", elements },
    { name: "groups", access: "read", dtype: "f32", elements: 2 * elements / GROUP },
    { name: "learningRate", access: "read", dtype: "f32", elements: 1 },
    stepStateBinding,
    { name: "squaredNorm", access: "read", dtype: "f32", elements: 1 },
  ];
  const vec4 = "vec4<f32>";
  return singleLaunch({
    kernel: "adam",
    label: `${elements}`,
    wgsl: specialise(source, {
      constants: {
        BLOCKS: elements / 4,
        BETA1: { f32: beta1 },
        BETA2: { f32: beta2 },
        EPSILON: { f32: epsilon },
        CLIP_NORM: { f32: clipNorm },
      },
      libraries: [
        randomLibrary,
        declareBindings(bindings, {
          parameters: vec4,
          gradients: vec4,
          firstMoment: vec4,
          secondMoment: vec4,
          groups: "vec2<f32>",
        }),
      ],
    }),
    bindings,
    workgroups: spreadWorkgroups(Math.ceil(elements / 4 / 64)),
    cost: { flops: 14 * elements, bytes: 28 * elements },
  });
}
