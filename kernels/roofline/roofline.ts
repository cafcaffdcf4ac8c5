/**
 * Two programs that measure an adapter: the most multiply-adds it does, and the most bytes it moves. What
 * other kernels reach is a share of these.
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
import copySource from "./copy.wgsl" with { type: "text" };
import peakSource from "./peak_fma.wgsl" with { type: "text" };

const INVOCATIONS = 64;
const CHAINS = 16;

/** How much the peak program does. */
export interface PeakFmaSpec {
  /** Workgroups of 64 invocations: enough to fill the largest GPU by default. */
  readonly workgroups?: number;
  /** Multiply-adds in a row, a multiple of 4; 256 by default. */
  readonly steps?: number;
}

/**
 * Sixteen independent chains of multiply-adds over vec4s in each invocation: flops over time is the
 * adapter's f32 peak. Bindings: factors [8] (below 1 in magnitude, so that the chains converge), results.
 *
 * @throws {KernelError} for sizes that are not positive.
 */
export function peakFma({ workgroups = 4096, steps = 256 }: PeakFmaSpec = {}): KernelProgram {
  requireDimensions("peak_fma", { workgroups, "steps / 4": steps / 4 });
  const elements = 4 * INVOCATIONS * workgroups;
  const bindings: Binding[] = [
    { name: "factors", access: "read", dtype: "f32", elements: 8 },
    { name: "results", access: "write", dtype: "f32", elements },
  ];
  return singleLaunch({
    kernel: "peak_fma",
    label: `${workgroups}×${INVOCATIONS}, ${steps} steps`,
    wgsl: specialise(unroll(peakSource, {}), {
      constants: { STEPS: steps, INVOCATIONS: INVOCATIONS * workgroups },
      libraries: [declareBindings(bindings, { factors: "vec4<f32>", results: "vec4<f32>" })],
    }),
    bindings,
    workgroups: spreadWorkgroups(workgroups),
    cost: { flops: 2 * 4 * CHAINS * steps * INVOCATIONS * workgroups, bytes: 4 * (8 + elements) },
  });
}

/** How much the copy moves. */
export interface CopySpec {
  /** f32 elements, a multiple of 4; 16 Mi by default, more than caches hold. */
  readonly elements?: number;
}

/**
 * output = input: bytes over time is what the adapter's memory gives. Bindings: input, output.
 *
 * @throws {KernelError} for a size that is not a positive multiple of 4.
 */
export function copy({ elements = 1 << 24 }: CopySpec = {}): KernelProgram {
  const vectors = elements / 4;
  requireDimensions("copy", { "elements / 4": vectors });
  const bindings: Binding[] = [
    { name: "input", access: "read", dtype: "f32", elements },
    { name: "output", access: "write", dtype: "f32", elements },
  ];
  return singleLaunch({
    kernel: "copy",
    label: `${elements}`,
    wgsl: specialise(copySource, {
      constants: { VECTORS: vectors },
      libraries: [declareBindings(bindings, { input: "vec4<f32>", output: "vec4<f32>" })],
    }),
    bindings,
    workgroups: spreadWorkgroups(Math.ceil(vectors / INVOCATIONS)),
    cost: { flops: 0, bytes: 8 * elements },
  });
}
