/**
 * Gives tensors memory by lifetime: two that never live at once may share a buffer.
 *
 * @module
 */
import { bytesPerElement } from "../../kernels/launch.ts";
import { ModelError } from "../errors.ts";
import type { RecordedDispatch } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** A buffer to be made, and the tensors that take turns in it. */
export interface PlannedBuffer {
  /** Size in bytes, a multiple of four. */
  bytes: number;
  /** Whether what it holds is dead after the step, so that other plans may have it between steps. */
  readonly isShared: boolean;
  /** Tensors that live in it, never two at once. */
  readonly tensors: Tensor[];
}

/** First and last dispatch that touch a tensor. */
interface Lifetime {
  first: number;
  last: number;
}

/** The tensor whose memory this is: the base of a view, else itself. */
export function owner(tensor: Tensor): Tensor {
  let base = tensor;
  while (base.view) base = base.view.base;
  return base;
}

/** Bytes that a tensor occupies, rounded up to four. */
export function tensorBytes(tensor: Tensor): number {
  return Math.ceil((tensor.elements * bytesPerElement(tensor.dtype)) / 4) * 4;
}

/** What a device can bind. */
export interface BindingLimits {
  /** Bytes of one binding. */
  readonly maxStorageBufferBindingSize: number;
  /** Bytes of one buffer. */
  readonly maxBufferSize: number;
}

/**
 * Refuses a buffer that a device cannot bind whole.
 *
 * @param what the tensor in it, for the message.
 * @throws {ModelError} naming the tensor and the limit.
 */
export function requireBindable(what: string, bytes: number, limits: BindingLimits): void {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (bytes <= most) return;
  throw new ModelError(
    `${what} takes ${bytes} bytes, but the adapter binds at most ${most}: use a smaller batch or a ` +
      "shorter sequence",
  );
}

/**
 * Assigns buffers to all tensors of a recording that the plan itself gives memory to. Activations share
 * by lifetime, greedily from the largest to the smallest; inputs and what is kept for the host get
 * buffers of their own.
 *
 * A dispatch that reads one tensor and writes another always finds them in different buffers, since
 * both live at that moment: WebGPU refuses a buffer that is read and written in one dispatch.
 */
export function planMemory(
  dispatches: readonly RecordedDispatch[],
  kept: ReadonlySet<Tensor>,
): PlannedBuffer[] {
  const lifetimes = new Map<Tensor, Lifetime>();
  dispatches.forEach(({ tensors }, index) => {
    for (const tensor of tensors.map(owner)) {
      const lifetime = lifetimes.get(tensor);
      if (lifetime) lifetime.last = index;
      else lifetimes.set(tensor, { first: index, last: index });
    }
  });
  const buffers: PlannedBuffer[] = [];
  const shared: { buffer: PlannedBuffer; taken: Lifetime[] }[] = [];
  const bySize = [...lifetimes].sort(([a], [b]) => tensorBytes(b) - tensorBytes(a) || a.id - b.id);
  for (const [tensor, lifetime] of bySize) {
    if (tensor.role !== "input" && tensor.role !== "activation") continue;
    if (tensor.role === "input" || kept.has(tensor)) {
      buffers.push({ bytes: tensorBytes(tensor), isShared: false, tensors: [tensor] });
      continue;
    }
    const free = shared.findLast(({ taken }) =>
      taken.every(({ first, last }) => last < lifetime.first || first > lifetime.last)
    );
    if (free) {
      free.buffer.tensors.push(tensor);
      free.taken.push(lifetime);
    } else {
      const buffer = { bytes: tensorBytes(tensor), isShared: true, tensors: [tensor] };
      buffers.push(buffer);
      shared.push({ buffer, taken: [lifetime] });
    }
  }
  return buffers;
}
