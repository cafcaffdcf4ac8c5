/**
 * TensorFlow checkpoints (`PREFIX.index` and `PREFIX.data-00000-of-00001`): a table of protobufs that say
 * where in the data files each variable lies (tensor_bundle.proto).
 *
 * @module
 */
import { maskedCrc32c } from "../../../pipeline/wire/crc32c.ts";
import {
  readFields,
  type WireFault,
  type WireField,
  WireWriter,
} from "../../../pipeline/wire/protobuf.ts";
import { ModelError } from "../../errors.ts";
import type { SafeDType, SafeTensor } from "../safetensors.ts";
import { bytesToKey, keyToBytes, readTable, writeTable } from "./table.ts";

/** Element types that are read, by their numbers in TensorFlow, with their bytes. */
const TYPES: ReadonlyMap<number, { readonly dtype: SafeDType; readonly bytes: number }> = new Map([
  [1, { dtype: "F32", bytes: 4 }],
  [3, { dtype: "I32", bytes: 4 }],
  [9, { dtype: "I64", bytes: 8 }],
  [14, { dtype: "BF16", bytes: 2 }],
  [19, { dtype: "F16", bytes: 2 }],
]);

/** Dimensions that a tensor may have at most. */
const MOST_DIMENSIONS = 8;

/** Part of a dimension. */
export interface Extent {
  /** First index. */
  readonly start: number;
  /** How many; −1 for all. */
  readonly length: number;
}

/** Where a variable lies. */
export interface BundleEntry {
  /** Its element type; undefined for one that is not read, such as strings. */
  readonly dtype: SafeDType | undefined;
  /** Its shape. */
  readonly shape: readonly number[];
  /** Number of the data file. */
  readonly shard: number;
  /** First byte in it. */
  readonly offset: number;
  /** How many. */
  readonly size: number;
  /** Masked CRC-32C of the bytes. */
  readonly checksum: number;
  /** The parts in which it is stored; empty where it lies in one piece. */
  readonly slices: readonly (readonly Extent[])[];
}

/** The index of a checkpoint. */
export interface BundleIndex {
  /** How many data files there are. */
  readonly shards: number;
  /** Variables by name. */
  readonly variables: ReadonlyMap<string, BundleEntry>;
  /** Stored parts of variables, by the keys of their slices. */
  readonly parts: ReadonlyMap<string, BundleEntry>;
}

/** Reads bytes of a data file; throws where there are fewer. */
export type ReadShard = (shard: number, offset: number, size: number) => Promise<Uint8Array>;

/** The name of a data file. */
export function shardFile(prefix: string, shard: number, shards: number): string {
  const number = (value: number): string => String(value).padStart(5, "0");
  return `${prefix}.data-${number(shard)}-of-${number(shards)}`;
}

/**
 * Reads the index of a checkpoint.
 *
 * @param source the file's name, for messages.
 * @throws {ModelError} naming byte or variable where the index is damaged or of another kind.
 */
export function readBundleIndex(file: Uint8Array, source: string): BundleIndex {
  const table = readTable(file, source);
  const header = table.get("");
  if (header === undefined) throw new ModelError(`${source}: has no header; it is no checkpoint`);
  let shards = 0;
  const fault = (name: string): WireFault => (what, at) =>
    new ModelError(`${source}: the entry of ${name}: ${what} at its byte ${at}`);
  for (const { number, varint } of readFields(header, fault("the header"))) {
    if (number === 1) shards = varint;
    if (number === 2 && varint !== 0) {
      throw new ModelError(`${source}: was written by a big-endian machine; convert it there`);
    }
  }
  if (shards < 1) throw new ModelError(`${source}: names ${shards} data files`);
  const variables = new Map<string, BundleEntry>(), parts = new Map<string, BundleEntry>();
  const text = new TextDecoder("utf-8", { fatal: true });
  for (const [key, value] of table) {
    if (key === "") continue;
    // Keys of slices begin with a zero byte; names do not.
    const isPart = key.startsWith("\0");
    let name = "a slice";
    try {
      if (!isPart) name = text.decode(keyToBytes(key));
    } catch {
      throw new ModelError(`${source}: a variable's name is not UTF-8`);
    }
    const entry = readEntry(value, `${source}: ${name}`, fault(name));
    if (entry.shard >= shards) {
      throw new ModelError(`${source}: ${name} lies in data file ${entry.shard} of ${shards}`);
    }
    if (isPart) parts.set(key, entry);
    else variables.set(name, entry);
  }
  return { shards, variables, parts };
}

function readEntry(message: Uint8Array, where: string, fault: WireFault): BundleEntry {
  let type = 0, shard = 0, offset = 0, size = 0, checksum = 0;
  let shape: number[] = [];
  const slices: Extent[][] = [];
  for (const field of readFields(message, fault)) {
    const { number, varint, bytes } = field;
    if (number === 1) type = varint;
    if (number === 2) shape = readShape(field, fault);
    if (number === 3) shard = varint;
    if (number === 4) offset = varint;
    if (number === 5) size = varint;
    if (number === 6 && bytes.length === 4) {
      checksum = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    }
    if (number === 7) slices.push(readSlice(field, fault));
  }
  const known = TYPES.get(type);
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  if (known && slices.length === 0 && elements * known.bytes !== size) {
    throw new ModelError(
      `${where} has ${size} bytes, but ${known.dtype} of shape [${shape.join("×")}] takes ` +
        `${elements * known.bytes}`,
    );
  }
  return { dtype: known?.dtype, shape, shard, offset, size, checksum, slices };
}

function readShape({ bytes }: WireField, fault: WireFault): number[] {
  const shape: number[] = [];
  for (const dimension of readFields(bytes, fault)) {
    if (dimension.number !== 2) continue;
    let size = 0;
    for (const part of readFields(dimension.bytes, fault)) {
      if (part.number === 1) size = part.varint;
    }
    shape.push(size);
  }
  if (shape.length > MOST_DIMENSIONS) throw fault(`a shape has ${shape.length} dimensions`, 0);
  return shape;
}

function readSlice({ bytes }: WireField, fault: WireFault): Extent[] {
  const extents: Extent[] = [];
  for (const extent of readFields(bytes, fault)) {
    if (extent.number !== 1) continue;
    let start = 0, length = -1;
    for (const part of readFields(extent.bytes, fault)) {
      if (part.number === 1) start = part.varint;
      if (part.number === 2) length = part.varint;
    }
    extents.push({ start, length });
  }
  return extents;
}

/**
 * Reads variables.
 *
 * @param names which of them.
 * @param source the prefix, for messages.
 * @throws {ModelError} naming a variable that is not there, of a type that is not read, or whose checksum
 *   does not match.
 */
export async function readVariables(
  index: BundleIndex,
  names: Iterable<string>,
  read: ReadShard,
  source: string,
): Promise<Map<string, SafeTensor>> {
  const tensors = new Map<string, SafeTensor>();
  for (const name of names) {
    const entry = index.variables.get(name);
    if (entry === undefined) throw new ModelError(`${source} has no variable ${name}`);
    if (entry.dtype === undefined) {
      throw new ModelError(`${source}: ${name} has an element type that is not read here`);
    }
    const bytes = entry.slices.length > 0
      ? await readSliced(index, name, entry, read, source)
      : await readPiece(entry, name, read, source);
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, bytes });
  }
  return tensors;
}

async function readPiece(
  { shard, offset, size, checksum }: BundleEntry,
  name: string,
  read: ReadShard,
  source: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await read(shard, offset, size);
  if (bytes.length !== size || maskedCrc32c(bytes) !== checksum) {
    throw new ModelError(
      `${source}: the checksum of ${name} does not match its data; use another copy`,
    );
  }
  return bytes.slice();
}

/** Puts a variable together from its slices, each a box of rows. */
async function readSliced(
  index: BundleIndex,
  name: string,
  { dtype, shape, slices }: BundleEntry,
  read: ReadShard,
  source: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const width = [...TYPES.values()].find((type) => type.dtype === dtype)!.bytes;
  const pieces: { box: Extent[]; bytes: Uint8Array }[] = [];
  let covered = 0;
  for (const slice of slices) {
    const entry = index.parts.get(sliceKey(name, slice));
    const box = slice.map(({ start, length }, d) => ({
      start,
      length: length < 0 ? shape[d] : length,
    }));
    const fits = box.length === shape.length &&
      box.every(({ start, length }, d) => start + length <= shape[d]);
    const size = box.reduce((product, { length }) => product * length, width);
    if (!fits || entry === undefined || entry.size !== size || entry.dtype !== dtype) {
      throw new ModelError(`${source}: a slice of ${name} is missing or does not fit its shape`);
    }
    pieces.push({ box, bytes: await readPiece(entry, name, read, source) });
    covered += size;
  }
  const total = shape.reduce((product, dimension) => product * dimension, width);
  if (covered !== total) {
    throw new ModelError(`${source}: the slices of ${name} hold ${covered} of its ${total} bytes`);
  }
  const out = new Uint8Array(total);
  for (const { box, bytes } of pieces) copyBox(out, shape, box, bytes, width);
  return out;
}

function copyBox(
  out: Uint8Array,
  shape: readonly number[],
  box: readonly Extent[],
  bytes: Uint8Array,
  width: number,
): void {
  const rank = shape.length;
  const run = (rank === 0 ? 1 : box[rank - 1].length) * width;
  const counter = new Array<number>(Math.max(0, rank - 1)).fill(0);
  for (let from = 0; from < bytes.length; from += run) {
    let at = 0;
    for (let d = 0; d < rank; d++) at = at * shape[d] + box[d].start + (counter[d] ?? 0);
    out.set(bytes.subarray(from, from + run), at * width);
    for (let d = rank - 2; d >= 0 && ++counter[d] === box[d].length; d--) counter[d] = 0;
  }
}

/** The key of a slice: name and extents in TensorFlow's order-preserving code. */
export function sliceKey(name: string, slice: readonly Extent[]): string {
  const escaped = bytesToKey(new TextEncoder().encode(name))
    .replaceAll(/[\0\xff]/g, (byte) => byte === "\0" ? "\0\xff" : "\xff\0");
  const extents = slice.flatMap(({ start, length }) => [signed(start), signed(length)]);
  return "\0" + escaped + "\0\x01" + unsigned(slice.length) + extents.join("");
}

/** A count of bytes, then the number, the highest byte first. */
function unsigned(value: number): string {
  let digits = "";
  for (; value > 0; value = Math.floor(value / 256)) {
    digits = String.fromCharCode(value % 256) + digits;
  }
  return String.fromCharCode(digits.length) + digits;
}

/** A signed number: as many leading ones as bytes, a zero, then the number; inverted where negative. */
function signed(value: number): string {
  const magnitude = value < 0 ? -1 - value : value;
  let length = 1;
  while (magnitude >= 2 ** (7 * length - 1)) length++;
  if (length > 7) throw new ModelError(`a slice starts at ${value}, which is out of range`);
  const header = BigInt(0xff & 0xff << (8 - length)) << BigInt(8 * (length - 1));
  let bits = BigInt.asUintN(8 * length, BigInt(value)) ^ header;
  let bytes = "";
  for (let i = 0; i < length; i++, bits >>= 8n) {
    bytes = String.fromCharCode(Number(bits & 255n)) + bytes;
  }
  return bytes;
}

/** The two files of a checkpoint, by what follows the prefix. */
export interface BundleFiles {
  /** `.index` */
  readonly index: Uint8Array<ArrayBuffer>;
  /** `.data-00000-of-00001`, in parts to be written one after the other. */
  readonly data: readonly Uint8Array[];
}

/**
 * Encodes variables as a checkpoint of one data file.
 *
 * @param blockBytes how long blocks of the index may grow, about.
 */
export function encodeBundle(
  variables: ReadonlyMap<string, SafeTensor>,
  blockBytes?: number,
): BundleFiles {
  const numbers = new Map([...TYPES].map(([number, { dtype }]) => [dtype, number]));
  const entries = new Map<string, Uint8Array>();
  // One data file, little-endian, written by version 1 of the format.
  entries.set("", new WireWriter().varint(1, 1).message(3, new WireWriter().varint(1, 1)).finish());
  const data: Uint8Array[] = [];
  let offset = 0;
  const text = new TextEncoder();
  const keys = new Map([...variables.keys()].map((name) => [bytesToKey(text.encode(name)), name]));
  for (const key of [...keys.keys()].sort()) {
    const { dtype, shape, bytes } = variables.get(keys.get(key)!)!;
    const dimensions = new WireWriter();
    for (const size of shape) dimensions.message(2, new WireWriter().varint(1, size));
    const entry = new WireWriter().varint(1, numbers.get(dtype)!).message(2, dimensions);
    if (offset > 0) entry.varint(4, offset);
    entries.set(key, entry.varint(5, bytes.length).fixed32(6, maskedCrc32c(bytes)).finish());
    data.push(bytes);
    offset += bytes.length;
  }
  return { index: writeTable(entries, blockBytes), data };
}
