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

/** Bytes that the varint of a non-negative integer takes. */
function varintSize(value: number): number {
  let size = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
}

/** Writes the varint of a non-negative integer at `at`; returns the position after it. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
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
 * is not an integer in 0 … 2^53 − 1: no feature of pre-training is negative.
 */
export function encodeExample(features: IntFeatures): Uint8Array {
  const parts = Object.entries(features).map(([name, values]) => {
    let packed = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new PipelineError(
          `feature ${name}: value ${i} is ${value}; only integers from 0 on can be written`,
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

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    return true;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) this.fail("ends inside a number");
      const byte = this.bytes[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) {
          this.fail("holds a number beyond 2^53, or a negative one");
        }
        return value;
      }
      scale *= 128;
    }
    this.fail("holds a number of more than ten bytes");
  }

  /** The current field's value as a message of its own. */
  message(): MessageReader {
    if (this.wireType !== 2) this.fail(`has field ${this.field} of wire type ${this.wireType}`);
    const length = this.varint();
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
  // Most values take one or two bytes, so the bytes left bound how many there can be.
  const values = new Int32Array(list.end - list.at);
  let count = 0;
  const take = (source: MessageReader): void => {
    const value = source.varint();
    if (value > 0x7fffffff) source.fail(`holds ${value}, more than 32 bits can say`);
    values[count++] = value;
  };
  while (list.next()) {
    if (list.field !== 1) list.skip();
    else if (list.wireType === 0) take(list);
    else {
      const packed = list.message();
      while (packed.at < packed.end) take(packed);
    }
  }
  return values.slice(0, count);
}

/**
 * Decodes the integer lists of a `tf.Example`; features of other kinds are passed over. Throws a
 * PipelineError that says at which byte of the message it is not one, and for values that are
 * negative or need more than 32 bits.
 */
export function decodeExample(bytes: Uint8Array): Map<string, Int32Array> {
  const result = new Map<string, Int32Array>();
  const example = new MessageReader(bytes, 0, bytes.length);
  while (example.next()) {
    if (example.field !== 1) {
      example.skip();
      continue;
    }
    const features = example.message();
    while (features.next()) {
      if (features.field === 1) readEntry(features.message(), result);
      else features.skip();
    }
  }
  return result;
}

/** One entry of the map of features: its name, and its values if they are integers. */
function readEntry(entry: MessageReader, result: Map<string, Int32Array>): void {
  let name = "";
  let values: Int32Array | undefined;
  while (entry.next()) {
    if (entry.field === 1) name = entry.text();
    else if (entry.field === 2) {
      const feature = entry.message();
      while (feature.next()) {
        if (feature.field === 3) values = readInt64List(feature.message());
        else feature.skip();
      }
    } else entry.skip();
  }
  if (values !== undefined) result.set(name, values);
}
