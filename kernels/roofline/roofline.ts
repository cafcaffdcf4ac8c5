/**
 * Two programs that measure an adapter: the most multiply-adds it does, and the most bytes it moves. What
 * other kernels reach is a share of these.
 *
 * @module
 */
import {
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
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
  return singleLaunch({
    kernel: "peak_fma",
    label: `${workgroups}×${INVOCATIONS}, ${steps} steps`,
    files: [peakSource],
    constants: { STEPS: steps, INVOCATIONS: INVOCATIONS * workgroups },
    elements: { factors: 8, results: elements },
    workgroups: spreadWorkgroups(workgroups),
    flops: 2 * 4 * CHAINS * steps * INVOCATIONS * workgroups,
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
  return singleLaunch({
    kernel: "copy",
    label: `${elements}`,
    files: [copySource],
    constants: { VECTORS: vectors },
    elements: { input: elements, output: elements },
    workgroups: spreadWorkgroups(Math.ceil(vectors / INVOCATIONS)),
    flops: 0,
  });
}
