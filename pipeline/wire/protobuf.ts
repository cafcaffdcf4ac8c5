/**
 * The protobuf wire format: just what the formats of this project need, unknown fields kept.
 *
 * @module
 */

/** One field as it lies in a message. */
export interface WireField {
  /** Field number. */
  readonly number: number;
  /** 0 varint, 1 64-bit, 2 length-delimited, 5 32-bit. */
  readonly type: number;
  /** Value of a varint. */
  readonly varint: number;
  /** Payload of a length-delimited or fixed field. */
  readonly bytes: Uint8Array;
  /** The field with its tag, to be copied as it is. */
  readonly raw: Uint8Array;
}

/** Makes the error of a format from what is wrong and the byte at which it is. */
export type WireFault = (what: string, at: number) => Error;

/**
 * The fields of a message, in order.
 *
 * @param makeFault makes what is thrown where the message is cut short or no protobuf.
 * @param offset where the message starts in its file.
 */
export function* readFields(
  message: Uint8Array,
  makeFault: WireFault,
  offset = 0,
): Generator<WireField> {
  let at = 0;
  const fault = (what: string): Error => makeFault(what, offset + at);
  const varint = (): number => {
    let value = 0, scale = 1;
    for (let i = 0; i < 10; i++) {
      if (at >= message.length) throw fault("ends inside a number");
      const byte = message[at++];
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte < 128) return value;
    }
    throw fault("a number is too long");
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const number = Math.floor(tag / 8), type = tag % 8;
    let value = 0, length = 0;
    if (type === 0) value = varint();
    else if (type === 1) length = 8;
    else if (type === 2) length = varint();
    else if (type === 5) length = 4;
    else throw fault(`field ${number} has the unknown wire type ${type}`);
    if (at + length > message.length) {
      throw fault(`field ${number} wants ${length} bytes of the ${message.length - at} left`);
    }
    const bytes = message.subarray(at, at + length);
    at += length;
    yield { number, type, varint: value, bytes, raw: message.subarray(start, at) };
  }
}

/** Collects the fields of a message. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Appends bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** A varint field; negative numbers as 64-bit two's complement. */
  varint(number: number, value: number): this {
    this.#varint(number * 8);
    return this.#varint(value);
  }

  /** A boolean field. */
  bool(number: number, value: boolean): this {
    return this.varint(number, value ? 1 : 0);
  }

  /** A 32-bit float field. */
  float(number: number, value: number): this {
    this.#varint(number * 8 + 5);
    return this.raw(new Uint8Array(Float32Array.of(value).buffer));
  }

  /** A 64-bit float field. */
  double(number: number, value: number): this {
    this.#varint(number * 8 + 1);
    return this.raw(new Uint8Array(Float64Array.of(value).buffer));
  }

  /** A list of 64-bit floats, packed into one field. */
  doubles(number: number, values: readonly number[]): this {
    return this.bytes(number, new Uint8Array(Float64Array.from(values).buffer));
  }

  /** A 32-bit unsigned field of fixed width. */
  fixed32(number: number, value: number): this {
    this.#varint(number * 8 + 5);
    return this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  /** A message field; its bytes are not copied. */
  message(number: number, value: WireWriter): this {
    this.#varint(number * 8 + 2);
    this.#varint(value.#length);
    for (const part of value.#parts) this.raw(part);
    return this;
  }

  /** A bytes, string or message field. */
  bytes(number: number, value: Uint8Array | string): this {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    this.#varint(number * 8 + 2);
    this.#varint(bytes.length);
    return this.raw(bytes);
  }

  /** The message. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #varint(value: number): this {
    let left = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    do {
      const low = Number(left & 127n);
      left >>= 7n;
      bytes.push(left > 0n ? low | 128 : low);
    } while (left > 0n);
    return this.raw(Uint8Array.from(bytes));
  }
}
