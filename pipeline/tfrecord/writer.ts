/**
 * Framing of records: u64 length (little endian), u32 masked CRC-32C of those eight bytes, the
 * data, u32 masked CRC-32C of the data. A TFRecord file is nothing but such frames.
 */

import { maskedCrc32c } from "../wire/crc32c.ts";

/** Bytes that a frame adds to its record. */
export const FRAME_BYTES = 16;

/** A growing run of framed records, ready to be appended to a file as it is. */
export class RecordBuffer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #ends: number[] = [];

  /** Frames `record` and appends it. */
  append(record: Uint8Array): void {
    const start = this.#length;
    this.#length += record.length + FRAME_BYTES;
    if (this.#length > this.#bytes.length) this.#grow();
    this.#view.setUint32(start, record.length, true);
    // Records beyond 4 GiB do not occur, and a Uint8Array that long neither.
    this.#view.setUint32(start + 4, 0, true);
    this.#view.setUint32(start + 8, maskedCrc32c(this.#bytes, start, start + 8), true);
    this.#bytes.set(record, start + 12);
    this.#view.setUint32(this.#length - 4, maskedCrc32c(record), true);
    this.#ends.push(this.#length);
  }

  /** The frames so far, valid until the next one is appended. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The frames so far, as bytes of their own, and where each of them ends; empties the buffer. */
  take(): { bytes: Uint8Array<ArrayBuffer>; ends: Uint32Array<ArrayBuffer> } {
    const taken = { bytes: this.#bytes.slice(0, this.#length), ends: Uint32Array.from(this.#ends) };
    this.#length = 0;
    this.#ends = [];
    return taken;
  }

  #grow(): void {
    const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
