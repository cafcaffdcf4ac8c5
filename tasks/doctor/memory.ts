/** How much memory an adapter gives: WebGPU names no number, so it is tried. */

import type { Gpu } from "../../kernels/device.ts";

/** No card has more. */
const MOST_BYTES = 2 ** 40;

/** Bytes that are asked for at first, then half as many each time that so many are refused. */
const [FIRST, LAST] = [2 ** 30, 2 ** 26];

/**
 * Bytes of storage buffers that the adapter gives at once; all are given back. Nothing is written to them, so
 * that this says what is promised, not what is fast.
 */
export async function freeBytes(gpu: Gpu, most: number = MOST_BYTES): Promise<number> {
  const { device } = gpu;
  const held: GPUBuffer[] = [];
  let sum = 0;
  let bytes = Math.min(FIRST, gpu.limits.maxBufferSize, most);
  try {
    while (bytes >= LAST && sum + bytes <= most) {
      for (const filter of ["validation", "out-of-memory"] as const) device.pushErrorScope(filter);
      const buffer = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE });
      const faults = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
      held.push(buffer);
      if (faults.every((fault) => fault === null)) sum += bytes;
      else bytes /= 2;
    }
    return sum;
  } finally {
    for (const buffer of held) buffer.destroy();
  }
}
