/**
 * What an adapter can do at most, measured on it (Williams et al., "Roofline", 2009).
 *
 * @module
 */
import type { Gpu } from "../device.ts";
import type { Cost, KernelProgram } from "../launch.ts";
import { timePrograms, type TimingOptions } from "../timing.ts";
import { copy, peakFma } from "./roofline.ts";

/** The two rates that bound every kernel. */
export interface Roofline {
  /** f32 operations a second, a multiply-add counted as two. */
  readonly flopsPerSecond: number;
  /** Bytes read and written a second. */
  readonly bytesPerSecond: number;
}

/** Times the multiply-add and the copy program in turns. */
export async function measureRoofline(gpu: Gpu, options: TimingOptions = {}): Promise<Roofline> {
  const multiplyAdd = peakFma(), copying = copy();
  const [arithmetic, memory] = await timePrograms(gpu, [multiplyAdd, copying], options);
  return {
    flopsPerSecond: costOf(multiplyAdd).flops / arithmetic,
    bytesPerSecond: costOf(copying).bytes / memory,
  };
}

/** The work of all dispatches of a program together. */
export function costOf({ launches }: KernelProgram): Cost {
  return {
    flops: launches.reduce((sum, { cost }) => sum + cost.flops, 0),
    bytes: launches.reduce((sum, { cost }) => sum + cost.bytes, 0),
  };
}

/** The least seconds that some work takes: arithmetic or memory, whichever is slower. */
export function rooflineSeconds({ flops, bytes }: Cost, roofline: Roofline): number {
  return Math.max(flops / roofline.flopsPerSecond, bytes / roofline.bytesPerSecond);
}
