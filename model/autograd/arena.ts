/**
 * Device memory that plans take turns in.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";

/**
 * Buffers for the activations of plans that never run at once. Each plan is lent the largest buffers for its
 * largest needs, so the memory is that of the plan that needs most.
 */
export class Arena {
  readonly #gpu: Gpu;
  /** The largest first. */
  readonly #buffers: GPUBuffer[] = [];

  /** An empty arena. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Buffers of at least so many bytes each, all different; what is missing is made.
   *
   * @param needs bytes of each buffer.
   * @returns the buffers in the order of the needs, and those of them that are new.
   */
  lend(needs: readonly number[]): { readonly lent: GPUBuffer[]; readonly made: GPUBuffer[] } {
    const lent: GPUBuffer[] = [], made: GPUBuffer[] = [];
    const order = needs.map((_, i) => i).sort((a, b) => needs[b] - needs[a]);
    order.forEach((need, rank) => {
      if (!(this.#buffers[rank]?.size >= needs[need])) {
        const buffer = this.#make(needs[need]);
        this.#buffers.splice(rank, 0, buffer);
        made.push(buffer);
      }
      lent[need] = this.#buffers[rank];
    });
    return { lent, made };
  }

  /** Frees buffers that were made in vain, because the device has not enough memory. */
  discard(buffers: readonly GPUBuffer[]): void {
    for (const buffer of buffers) {
      this.#buffers.splice(this.#buffers.indexOf(buffer), 1);
      buffer.destroy();
    }
  }

  #make(size: number): GPUBuffer {
    return this.#gpu.device.createBuffer({
      label: "activations",
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** Frees the memory; plans that were lent from it must not run any more. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.length = 0;
  }
}
