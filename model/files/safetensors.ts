/**
 * The safetensors format: u64 header length, a JSON header, then raw little-endian tensors.
 *
 * @module
 */
import * as v from "valibot";
import { ModelError } from "../errors.ts";
import { anyObject, checkJson, count, parseJson } from "../../pipeline/wire/json.ts";

/** Element types that Kohaku reads and writes. */
export type SafeDType = "F32" | "I32" | "F16" | "BF16" | "I64";

/** One tensor of a file. */
export interface SafeTensor {
  /** Element type. */
  readonly dtype: SafeDType;
  /** Shape; empty for a scalar. */
  readonly shape: readonly number[];
  /** Raw little-endian bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Tensors by name and free text by key. */
export interface SafeTensors {
  /** Tensors by name. */
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  /** Metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

const ELEMENT_BYTES: Readonly<Record<SafeDType, number>> = {
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
};

const metadataSchema = v.pipe(anyObject, v.record(v.string(), v.string()));

const entrySchema = v.object({
  dtype: v.picklist(Object.keys(ELEMENT_BYTES) as SafeDType[]),
  shape: v.array(count),
  data_offsets: v.tuple([count, count]),
});

/** Wraps 32-bit data as a tensor, without a copy. */
export function safeTensor(
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>,
  shape: readonly number[],
): SafeTensor {
  return {
    dtype: data instanceof Float32Array ? "F32" : "I32",
    shape,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** A tensor's data as float32. */
export function asFloat32(name: string, tensor: SafeTensor): Float32Array<ArrayBuffer> {
  const { dtype, bytes } = tensor;
  const aligned = bytes.slice().buffer;
  if (dtype === "F32") return new Float32Array(aligned);
  if (dtype === "F16") return Float32Array.from(new Float16Array(aligned));
  if (dtype === "BF16") {
    // The upper half of a float32.
    return new Float32Array(
      Uint32Array.from(new Uint16Array(aligned), (bits) => bits << 16).buffer,
    );
  }
  throw new ModelError(`tensor ${name} is ${dtype}, not a float`);
}

/** Encodes a file. Tensors keep the order of the map; data starts at a multiple of eight. */
export function encodeSafeTensors({ tensors, metadata }: SafeTensors): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  let json = JSON.stringify(header);
  const length = new TextEncoder().encode(json).length;
  json += " ".repeat((8 - length % 8) % 8);
  const head = new TextEncoder().encode(json);
  const file = new Uint8Array(8 + head.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  let at = 8 + head.length;
  for (const { bytes } of tensors.values()) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/**
 * Decodes a file.
 *
 * @param source the file's name, for messages.
 * @throws {ModelError} where the file is cut short or its header does not fit its data.
 */
export function decodeSafeTensors(file: Uint8Array<ArrayBuffer>, source: string): SafeTensors {
  const broken = (what: string): ModelError =>
    new ModelError(`${source}: ${what}; the file is damaged, use another copy`);
  if (file.length < 8) throw broken(`ends at byte ${file.length}, before its header`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (8 + headerLength > file.length) {
    throw broken(`its header wants ${headerLength} bytes, but the file has ${file.length}`);
  }
  const json = new TextDecoder().decode(file.subarray(8, 8 + headerLength));
  const header = parseJson(anyObject, json, (what) => broken(`its header: ${what}`));
  const data = file.subarray(8 + headerLength);
  const tensors = new Map<string, SafeTensor>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    const fault = (what: string): ModelError => broken(`its header: ${name}: ${what}`);
    if (name === "__metadata__") {
      metadata = checkJson(metadataSchema, value, fault);
      continue;
    }
    const { dtype, shape, data_offsets } = checkJson(entrySchema, value, fault);
    const [start, end] = data_offsets;
    const bytes = shape.reduce((product, dimension) => product * dimension, ELEMENT_BYTES[dtype]);
    if (end - start !== bytes) {
      throw broken(
        `tensor ${name} has bytes ${start} to ${end}, but ${dtype} of shape [${shape}] takes ${bytes}`,
      );
    }
    if (end > data.length) {
      throw broken(`tensor ${name} ends at byte ${end} of the ${data.length} bytes of data`);
    }
    tensors.set(name, { dtype, shape, bytes: data.subarray(start, end) });
  }
  requireGapless(tensors, data, broken);
  return { tensors, metadata };
}

/** The format has each byte of the data belong to one tensor. */
function requireGapless(
  tensors: ReadonlyMap<string, SafeTensor>,
  data: Uint8Array,
  broken: (what: string) => ModelError,
): void {
  let end = 0, before = "the header";
  const places = [...tensors].map(([name, { bytes }]) => {
    const start = bytes.byteOffset - data.byteOffset;
    return { name, start, end: start + bytes.length };
  });
  for (const place of places.sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (place.start < end) throw broken(`tensors ${before} and ${place.name} overlap`);
    if (place.start > end) throw broken(`no tensor holds bytes ${end} to ${place.start} of data`);
    [end, before] = [place.end, place.name];
  }
  if (end < data.length) throw broken(`no tensor holds bytes ${end} to ${data.length} of data`);
}
