/**
 * Tensors in 16 bits: IEEE half precision (F16) and bfloat16 (BF16).
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { asFloat32, type SafeTensor } from "./safetensors.ts";

/** Element types in which weights are stored. */
export type WeightDType = "F32" | "F16" | "BF16";

/**
 * A float tensor in another element type, rounded to the nearest, ties to even.
 *
 * @param name the tensor's name, for messages.
 * @throws {ModelError} where a finite value is beyond the range of the type.
 */
export function convertTensor(name: string, tensor: SafeTensor, dtype: WeightDType): SafeTensor {
  if (tensor.dtype === dtype) return tensor;
  const values = asFloat32(name, tensor);
  const bytes = encodeFloats(values, dtype);
  if (dtype !== "F32") {
    const stored = asFloat32(name, { ...tensor, dtype, bytes });
    const lost = values.findIndex((value, i) =>
      Number.isFinite(value) && !Number.isFinite(stored[i])
    );
    if (lost >= 0) {
      throw new ModelError(
        `tensor ${name} holds ${
          values[lost]
        }, which is beyond the range of ${dtype}; export it as F32`,
      );
    }
  }
  return { dtype, shape: tensor.shape, bytes };
}

/** Little-endian bytes of values in an element type. */
export function encodeFloats(
  values: Float32Array<ArrayBuffer>,
  dtype: WeightDType,
): Uint8Array<ArrayBuffer> {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === "F16") return new Uint8Array(Float16Array.from(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const nan = (bits[i] & 0x7fffffff) >>> 0 > 0x7f800000;
    // Half of the last bit kept, less one where that bit is 0: a tie goes to the even neighbour.
    const rounded = bits[i] + 0x7fff + (bits[i] >>> 16 & 1);
    out[i] = nan ? bits[i] >>> 16 | 0x40 : rounded >>> 16;
  }
  return new Uint8Array(out.buffer);
}
