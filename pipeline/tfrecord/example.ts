/**
 * `tf.Example`, the message inside each record, reduced to what pre-training uses: named lists of
 * integers. In the protobuf wire format:
 *
 *   Example   { 1: Features }
 *   Features  { 1: map entry { 1: name, 2: Feature } … }
 *   Feature   { 1: BytesList | 2: FloatList | 3: Int64List }
 *   Int64List { 1: varint … }       packed into one field, or one field per value
 */

import { PipelineError } from "../errors.ts";

/** Named integer lists, in the order in which they are written. */
export type IntFeatures = Record<string, ArrayLike<number>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes that the varint of an integer takes; a negative one is written as 64 bits. */
function varintSize(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
}

/** Writes the varint of an integer at `at`; returns the position after it. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) bytes[at++] = Number(rest & 127n) | 128;
    bytes[at++] = Number(rest);
    return at;
  }
  while (value >= 128) {
    bytes[at++] = value % 128 | 128;
    value = Math.floor(value / 128);
  }
  bytes[at++] = value;
  return at;
}

/** Bytes of a length-delimited field with a tag below 16. */
function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/**
 * Encodes integer lists as a `tf.Example`, values packed. Throws a PipelineError for a value that
 * is not an integer within ±(2^53 − 1).
 */
export function encodeExample(features: IntFeatures): Uint8Array {
  const parts = Object.entries(features).map(([name, values]) => {
    let packed = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isSafeInteger(value)) {
        throw new PipelineError(
          `feature ${name}: value ${i} is ${value}; only integers can be written`,
        );
      }
      packed += varintSize(value);
    }
    const key = encoder.encode(name);
    const list = fieldSize(packed);
    const feature = fieldSize(list);
    const entry = fieldSize(key.length) + fieldSize(feature);
    return { values, packed, key, list, feature, entry };
  });
  const total = parts.reduce((sum, part) => sum + fieldSize(part.entry), 0);
  const bytes = new Uint8Array(fieldSize(total));
  let at = 0;
  const begin = (field: number, length: number): void => {
    bytes[at++] = field << 3 | 2;
    at = writeVarint(bytes, at, length);
  };
  begin(1, total);
  for (const { values, packed, key, list, feature, entry } of parts) {
    begin(1, entry);
    begin(1, key.length);
    bytes.set(key, at);
    at += key.length;
    begin(2, feature);
    begin(3, list);
    begin(1, packed);
    for (let i = 0; i < values.length; i++) at = writeVarint(bytes, at, values[i]);
  }
  return bytes;
}

/** Walks one protobuf message inside `bytes`, field by field. */
class MessageReader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  /** Number of the field that `next` found. */
  field = 0;
  /** How its value is encoded: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  wireType = 0;
  /** The halves of the number that `varint` read. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.unsigned();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    return true;
  }

  /** Reads 64 bits into `#low` and `#high`. */
  varint(): void {
    let low = 0, high = 0;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) this.fail("ends inside a number");
      const byte = this.bytes[this.at++];
      const bits = byte & 127;
      if (i < 5) low |= bits << 7 * i;
      if (i === 4) high = bits >>> 4;
      if (i > 4) high |= bits << 7 * i - 32;
      if (byte < 128) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    this.fail("holds a number of more than ten bytes");
  }

  /** A tag or a length: 32 bits without sign. */
  unsigned(): number {
    this.varint();
    if (this.#high !== 0) this.fail("holds a tag or a length beyond 32 bits");
    return this.#low >>> 0;
  }

  /** An int64 that 32 bits can say. */
  int32(): number {
    this.varint();
    if (this.#high !== this.#low >> 31) {
      const value = BigInt(this.#high) << 32n | BigInt(this.#low >>> 0);
      throw new PipelineError(
        `the tf.Example holds ${value} before its byte ${this.at}, more than 32 bits can say`,
      );
    }
    return this.#low;
  }

  /** The current field's value as a message of its own. */
  message(): MessageReader {
    if (this.wireType !== 2) this.fail(`has field ${this.field} of wire type ${this.wireType}`);
    const length = this.unsigned();
    const start = this.at;
    if (length > this.end - start) this.fail(`says ${length} bytes follow, but fewer do`);
    this.at += length;
    return new MessageReader(this.bytes, start, this.at);
  }

  /** Passes over the current field's value. */
  skip(): void {
    if (this.wireType === 0) this.varint();
    else if (this.wireType === 1) this.at += 8;
    else if (this.wireType === 2) this.message();
    else if (this.wireType === 5) this.at += 4;
    else this.fail(`has the unknown wire type ${this.wireType}`);
    if (this.at > this.end) this.fail("ends inside a field");
  }

  text(): string {
    const { bytes, at, end } = this.message();
    return decoder.decode(bytes.subarray(at, end));
  }

  fail(what: string): never {
    throw new PipelineError(`not a tf.Example: at its byte ${this.at} it ${what}`);
  }
}

/** The values of an Int64List: packed, one field per value, or a mixture of the two. */
function readInt64List(list: MessageReader): Int32Array {
  // A value takes a byte at least, so the bytes left bound how many there can be.
  const values = new Int32Array(list.end - list.at);
  let count = 0;
  while (list.next()) {
    if (list.field !== 1) list.skip();
    else if (list.wireType === 0) values[count++] = list.int32();
    else {
      const packed = list.message();
      const { bytes, end } = packed;
      while (packed.at < end) {
        // Masks, segments and the padding are all of one byte.
        const byte = bytes[packed.at];
        if (byte < 128) {
          values[count++] = byte;
          packed.at++;
        } else values[count++] = packed.int32();
      }
    }
  }
  return values.subarray(0, count);
}

/**
 * Decodes those integer lists of a `tf.Example` that are `wanted`, wherever in it they stand.
 * Features of other names or kinds are passed over, whatever their values. Throws a PipelineError
 * that says at which byte of the message it is not one, and for a wanted value of more than 32
 * bits.
 */
export function decodeExample(
  bytes: Uint8Array,
  wanted: readonly string[],
): Map<string, Int32Array> {
  const result = new Map<string, Int32Array>();
  const example = new MessageReader(bytes, 0, bytes.length);
  while (example.next()) {
    if (example.field !== 1) {
      example.skip();
      continue;
    }
    const features = example.message();
    while (features.next()) {
      if (features.field === 1) readEntry(features.message(), wanted, result);
      else features.skip();
    }
  }
  return result;
}

/** One entry of the map of features: its name, and its values if they are wanted integers. */
function readEntry(
  entry: MessageReader,
  wanted: readonly string[],
  result: Map<string, Int32Array>,
): void {
  let name = "";
  let feature: MessageReader | undefined;
  while (entry.next()) {
    if (entry.field === 1) name = entry.text();
    else if (entry.field === 2) feature = entry.message();
    else entry.skip();
  }
  if (feature === undefined || !wanted.includes(name)) return;
  while (feature.next()) {
    if (feature.field === 3) result.set(name, readInt64List(feature.message()));
    else feature.skip();
  }
}
