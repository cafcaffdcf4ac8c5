/**
 * The times of a profile added up, and held against what the adapter can do.
 *
 * @module
 */
import { type Roofline, rooflineSeconds } from "../../kernels/roofline/measure.ts";
import type { RecordedDispatch } from "./tape.ts";

/** The dispatches of one group together. */
export interface ProfileRow {
  /** What they have in common. */
  readonly name: string;
  /** Dispatches. */
  readonly calls: number;
  /** Seconds of all of them. */
  readonly seconds: number;
  /** Their part of all seconds, 0 to 1. */
  readonly share: number;
  /** Floating-point operations a second. */
  readonly flopsPerSecond: number;
  /** Bytes read and written a second. */
  readonly bytesPerSecond: number;
  /** Seconds that the roofline allows over the seconds taken. */
  readonly roofline: number;
}

/**
 * Adds up dispatches by group, the longest group first.
 *
 * @param name the group that a dispatch belongs to.
 */
export function summarize(
  times: readonly { readonly dispatch: RecordedDispatch; readonly seconds: number }[],
  roofline: Roofline,
  name: (dispatch: RecordedDispatch) => string,
): ProfileRow[] {
  const groups = new Map<string, Sums>();
  let total = 0;
  for (const { dispatch, seconds } of times) {
    const key = name(dispatch);
    let sums = groups.get(key);
    if (!sums) groups.set(key, sums = { calls: 0, seconds: 0, flops: 0, bytes: 0, least: 0 });
    const { cost } = dispatch.launch;
    sums.calls++;
    sums.seconds += seconds;
    sums.flops += cost.flops;
    sums.bytes += cost.bytes;
    sums.least += rooflineSeconds(cost, roofline);
    total += seconds;
  }
  return [...groups].map(([name, { calls, seconds, flops, bytes, least }]) => ({
    name,
    calls,
    seconds,
    share: ratio(seconds, total),
    flopsPerSecond: ratio(flops, seconds),
    bytesPerSecond: ratio(bytes, seconds),
    roofline: ratio(least, seconds),
  })).sort((a, b) => b.seconds - a.seconds);
}

interface Sums {
  calls: number;
  seconds: number;
  flops: number;
  bytes: number;
  least: number;
}

/** 0 where a clock too coarse saw no time at all. */
function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
