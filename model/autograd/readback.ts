/**
 * Reads tensors back without stalling the queue.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { ModelError } from "../errors.ts";
import { tensorBytes } from "./memory.ts";
import type { Plan } from "./plan.ts";
import type { Tensor } from "./tensor.ts";

/** One mappable buffer: tensors are copied into it behind a plan, then it is read. */
export class ReadbackSlot {
  /** Whether it waits for the device. */
  busy = false;
  readonly #buffer: GPUBuffer;
  #end = 0;

  /** @internal made by {@link ReadbackRing}. */
  constructor(gpu: Gpu, bytes: number) {
    this.#buffer = gpu.device.createBuffer({
      label: "readback",
      size: bytes,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** Encodes copies of tensors that a plan made, behind what was copied before. */
  copy(encoder: GPUCommandEncoder, plan: Plan, tensors: readonly Tensor[]): void {
    for (const tensor of tensors) {
      const { buffer, offset } = plan.location(tensor);
      const bytes = tensorBytes(tensor);
      encoder.copyBufferToBuffer(buffer, offset, this.#buffer, this.#end, bytes);
      this.#end += bytes;
    }
  }

  /** The bytes of all copies, one tensor behind the other, once the device has made them. */
  async read(): Promise<ArrayBuffer> {
    try {
      await this.#buffer.mapAsync(GPUMapMode.READ, 0, this.#end);
      const bytes = this.#buffer.getMappedRange(0, this.#end).slice(0);
      this.#buffer.unmap();
      return bytes;
    } finally {
      this.release();
    }
  }

  /** Gives the slot back without reading it. */
  release(): void {
    this.#end = 0;
    this.busy = false;
  }

  /** Frees the buffer. */
  destroy(): void {
    this.#buffer.destroy();
  }
}

/** Mappable buffers that steps take in turn, so that reading one does not stop the next. */
export class ReadbackRing {
  readonly #slots: readonly ReadbackSlot[];
  #next = 0;

  /**
   * Makes the ring.
   *
   * @param bytes that a step reads at most.
   * @param depth how many steps may be in flight.
   */
  constructor(gpu: Gpu, bytes: number, depth: number) {
    this.#slots = Array.from({ length: depth }, () => new ReadbackSlot(gpu, bytes));
  }

  /**
   * The slot of the next step.
   *
   * @throws {ModelError} when all slots are in flight: await an earlier step first.
   */
  take(): ReadbackSlot {
    const slot = this.#slots[this.#next];
    if (slot.busy) {
      throw new ModelError("every readback buffer is in flight: await an earlier step");
    }
    this.#next = (this.#next + 1) % this.#slots.length;
    slot.busy = true;
    return slot;
  }

  /** Frees the ring. */
  destroy(): void {
    for (const slot of this.#slots) slot.destroy();
  }
}

/** Cuts what a slot gave into its tensors' numbers, in the order of the copies; f32 as floats. */
export function numbersOf(
  bytes: ArrayBuffer,
  tensors: readonly Tensor[],
): (Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>)[] {
  let end = 0;
  return tensors.map((tensor) => {
    const start = end;
    end += tensorBytes(tensor);
    return tensor.dtype === "f32"
      ? new Float32Array(bytes, start, tensor.elements)
      : new Uint32Array(bytes, start, tensor.elements);
  });
}

/** Copies bytes out of a buffer and waits for them; for checkpoints and traces, not for every step. */
export async function readBuffer(
  gpu: Gpu,
  source: GPUBuffer,
  offset: number,
  bytes: number,
): Promise<ArrayBuffer> {
  const staging = gpu.device.createBuffer({
    label: "read",
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const encoder = gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, offset, staging, 0, bytes);
  gpu.device.queue.submit([encoder.finish()]);
  try {
    await staging.mapAsync(GPUMapMode.READ);
    return staging.getMappedRange().slice(0);
  } finally {
    staging.destroy();
  }
}
