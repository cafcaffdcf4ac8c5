/**
 * Reads tensors back without stalling the queue (docs/adapters.md: deno-map-waits).
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { ModelError } from "../errors.ts";
import { tensorBytes } from "./memory.ts";
import type { Plan } from "./plan.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor's numbers on the host. */
export type HostNumbers = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** One mappable buffer: tensors are copied into it behind a plan, then it is read. */
export class ReadbackSlot {
  /** Whether it waits for the device. */
  busy = false;
  readonly #gpu: Gpu;
  readonly #buffer: GPUBuffer;
  readonly #tensors: Tensor[] = [];
  #end = 0;

  /** @internal made by {@link ReadbackRing}. */
  constructor(gpu: Gpu, bytes: number) {
    this.#gpu = gpu;
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
      this.#tensors.push(tensor);
    }
  }

  /**
   * The numbers of all copies, in order, once the device has made them; f32 tensors as floats.
   *
   * @throws {KernelError} when the device was lost or has reported an error.
   * @throws {ModelError} with the cause when the buffer cannot be mapped.
   */
  async read(): Promise<HostNumbers[]> {
    try {
      const bytes = await mappedBytes(this.#gpu, this.#buffer, this.#tensors.join(", "));
      return numbersOf(bytes, this.#tensors);
    } finally {
      this.release();
    }
  }

  /** Gives the slot back without reading it. */
  release(): void {
    this.#end = 0;
    this.#tensors.length = 0;
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

/** Cuts bytes into the numbers of tensors that lie one behind the other. */
function numbersOf(bytes: ArrayBuffer, tensors: readonly Tensor[]): HostNumbers[] {
  let end = 0;
  return tensors.map((tensor) => {
    const start = end;
    end += tensorBytes(tensor);
    return tensor.dtype === "f32"
      ? new Float32Array(bytes, start, tensor.elements)
      : new Uint32Array(bytes, start, tensor.elements);
  });
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
