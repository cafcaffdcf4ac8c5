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

/** A ring of mappable buffers for a fixed list of tensors: each step copies into the next one. */
export class ReadbackRing {
  readonly #gpu: Gpu;
  readonly #tensors: readonly Tensor[];
  readonly #offsets: number[] = [];
  readonly #slots: { buffer: GPUBuffer; busy: boolean }[];
  #next = 0;

  /**
   * Makes the ring.
   *
   * @param depth how many steps may be in flight.
   */
  constructor(gpu: Gpu, tensors: readonly Tensor[], depth: number) {
    this.#gpu = gpu;
    this.#tensors = tensors;
    let size = 0;
    for (const tensor of tensors) {
      this.#offsets.push(size);
      size += Math.ceil(tensorBytes(tensor) / 8) * 8;
    }
    this.#slots = Array.from({ length: depth }, () => ({
      buffer: gpu.device.createBuffer({
        label: "readback",
        size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      }),
      busy: false,
    }));
  }

  /**
   * Runs a step of the plan and copies the tensors behind it.
   *
   * @returns the tensors' words, in order, once the step is done; f32 tensors as floats.
   * @throws {ModelError} when all buffers are in flight: await an earlier step first.
   */
  run(plan: Plan): Promise<(Float32Array | Uint32Array)[]> {
    const slot = this.#slots[this.#next];
    if (slot.busy) {
      throw new ModelError("every readback buffer is in flight: await an earlier step");
    }
    slot.busy = true;
    this.#next = (this.#next + 1) % this.#slots.length;
    plan.run((encoder) => {
      this.#tensors.forEach((tensor, i) => {
        const { buffer, offset } = plan.location(tensor);
        encoder.copyBufferToBuffer(
          buffer,
          offset,
          slot.buffer,
          this.#offsets[i],
          tensorBytes(tensor),
        );
      });
    });
    return mappedBytes(this.#gpu, slot.buffer, this.#tensors.join(", ")).finally(() => {
      slot.busy = false;
    }).then((bytes) => {
      return this.#tensors.map((tensor, i) =>
        tensor.dtype === "f32"
          ? new Float32Array(bytes, this.#offsets[i], tensor.elements)
          : new Uint32Array(bytes, this.#offsets[i], tensor.elements)
      );
    });
  }

  /** Frees the ring. */
  destroy(): void {
    for (const { buffer } of this.#slots) buffer.destroy();
  }
}

/**
 * The bytes of a mappable buffer, once the device has filled it; the buffer may be used again.
 *
 * @param what is read, for messages.
 * @throws {KernelError} when the device was lost or has reported an error.
 * @throws {ModelError} with the cause when the buffer cannot be mapped.
 */
async function mappedBytes(gpu: Gpu, buffer: GPUBuffer, what: string): Promise<ArrayBuffer> {
  try {
    await buffer.mapAsync(GPUMapMode.READ);
  } catch (error) {
    await gpu.settle();
    const { message } = error as Error;
    throw new ModelError(`${what} cannot be read back: ${message}`, { cause: error });
  }
  const bytes = buffer.getMappedRange().slice(0);
  buffer.unmap();
  await gpu.settle();
  return bytes;
}

/**
 * Copies bytes out of a buffer and waits for them; for checkpoints and traces, not for every step.
 *
 * @throws {KernelError} when the device was lost or has reported an error.
 * @throws {ModelError} with the cause when the bytes cannot be mapped.
 */
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
  gpu.watch(() => gpu.device.queue.submit([encoder.finish()]), () => `reading ${source.label}`);
  try {
    return await mappedBytes(gpu, staging, source.label);
  } finally {
    staging.destroy();
  }
}
