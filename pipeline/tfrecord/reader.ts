/**
 * Reading TFRecord files as a stream: plain, or wrapped whole in gzip or zlib, told apart by
 * their first bytes. Every checksum is verified; a fault names file, record and byte.
 */

import { PipelineError } from "../errors.ts";
import { isUnzipError, unzip } from "../unzip.ts";
import { maskedCrc32c } from "../wire/crc32c.ts";
import { FRAME_BYTES } from "./writer.ts";

/** How a whole file is wrapped. */
export type Wrapping = "none" | "gzip" | "zlib";

/** Longest record that is believed; a longer length is taken for damage. */
const MAX_RECORD_BYTES = 1 << 30;

/** Bytes that are read from the disk at once. */
const CHUNK_BYTES = 1 << 17;

/** Says how a TFRecord file is wrapped, from its first bytes (12 or more where there are). */
export function detectWrapping(head: Uint8Array): Wrapping {
  // A plain file may begin with any length, even one that looks like a zlib header: its checksum
  // decides first.
  if (head.length >= 12) {
    const stored = new DataView(head.buffer, head.byteOffset).getUint32(8, true);
    if (maskedCrc32c(head, 0, 8) === stored) return "none";
  }
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if ((head[0] & 0x0f) === 8 && (head[0] << 8 | head[1]) % 31 === 0 && head.length >= 2) {
    return "zlib";
  }
  return "none";
}

/** The bytes of a file as they lie on the disk, each piece shown to `onBytes` first. */
async function* readFile(
  file: Deno.FsFile,
  onBytes: ((bytes: Uint8Array) => void) | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (;;) {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const count = await file.read(buffer);
    if (count === null) return;
    const bytes = buffer.subarray(0, count);
    onBytes?.(bytes);
    yield bytes;
  }
}

/** Reads one TFRecord file from its beginning, record by record. */
export class RecordReader {
  /** The file's path, as it was opened. */
  readonly path: string;
  /** How the file is wrapped; byte positions count the unwrapped bytes. */
  readonly wrapping: Wrapping;
  #file: Deno.FsFile | undefined;
  #source: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #records = 0;
  #offset = 0;
  #lastOffset = 0;

  private constructor(
    path: string,
    file: Deno.FsFile,
    wrapping: Wrapping,
    onBytes: ((bytes: Uint8Array) => void) | undefined,
  ) {
    this.path = path;
    this.#file = file;
    this.wrapping = wrapping;
    const bytes = readFile(file, onBytes);
    this.#source = wrapping === "none" ? bytes : unzip(bytes);
  }

  /**
   * Opens a file. `onBytes` is shown all of its bytes as they lie on the disk, still wrapped, while
   * records are read. Throws the file system's error where it cannot be read.
   */
  static async open(
    path: string,
    onBytes?: (bytes: Uint8Array) => void,
  ): Promise<RecordReader> {
    const file = await Deno.open(path, { read: true });
    try {
      const head = new Uint8Array(12);
      let filled = 0;
      for (let n: number | null = 0; n !== null && filled < 12; filled += n ?? 0) {
        n = await file.read(head.subarray(filled));
      }
      await file.seek(0, Deno.SeekMode.Start);
      return new RecordReader(path, file, detectWrapping(head.subarray(0, filled)), onBytes);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** How many records have been read. */
  get records(): number {
    return this.#records;
  }

  /** Names the record that {@linkcode next} gave last: file, number from 1 on, byte. */
  describeLast(): string {
    return this.#describe(this.#records, this.#lastOffset);
  }

  /**
   * The next record's data, or undefined at the end. The bytes are valid until the next call.
   * Throws a PipelineError for a checksum that is wrong or a file that ends inside a record.
   */
  async next(): Promise<Uint8Array | undefined> {
    if (!await this.#fill(12, true)) return undefined;
    const view = new DataView(this.#chunk.buffer, this.#chunk.byteOffset + this.#at);
    if (maskedCrc32c(this.#chunk, this.#at, this.#at + 8) !== view.getUint32(8, true)) {
      this.#fail("the checksum of its length is wrong: the file is damaged or not a TFRecord");
    }
    const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
    if (length > MAX_RECORD_BYTES) this.#fail(`it claims ${length} bytes, which cannot be right`);
    await this.#fill(12 + length + 4, false);
    const start = this.#at + 12;
    const end = start + length;
    const stored = new DataView(this.#chunk.buffer, this.#chunk.byteOffset + end);
    if (maskedCrc32c(this.#chunk, start, end) !== stored.getUint32(0, true)) {
      this.#fail("the checksum of its data is wrong: the file is damaged");
    }
    this.#at = end + 4;
    this.#lastOffset = this.#offset;
    this.#offset += length + FRAME_BYTES;
    this.#records++;
    return this.#chunk.subarray(start, end);
  }

  /** Stops reading and closes the file. */
  async close(): Promise<void> {
    await this.#source.return(undefined);
    this.#file?.close();
    this.#file = undefined;
  }

  /**
   * Makes at least `count` unread bytes available at `#at`. At the end of the file: false if
   * there is not one byte more and `mayEnd`, else an error.
   */
  async #fill(count: number, mayEnd: boolean): Promise<boolean> {
    let have = this.#chunk.length - this.#at;
    if (have >= count) return true;
    const parts = [this.#chunk.subarray(this.#at)];
    while (have < count) {
      const { done, value } = await this.#read();
      if (done) {
        if (have === 0 && mayEnd) return false;
        this.#fail(`the file ends inside it (${have} of at least ${count} bytes are there)`);
      }
      parts.push(value);
      have += value.length;
    }
    const joined = new Uint8Array(have);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    this.#chunk = joined;
    this.#at = 0;
    return true;
  }

  async #read(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    try {
      return await this.#source.next();
    } catch (error) {
      if (this.wrapping === "none" || !isUnzipError(error)) throw error;
      this.#fail(`the ${this.wrapping} data around it is damaged or cut short`);
    }
  }

  #describe(record: number, offset: number): string {
    const inside = this.wrapping === "none" ? "" : ` of what its ${this.wrapping} wraps`;
    return `${this.path}: record ${record} (at byte ${offset}${inside})`;
  }

  #fail(what: string): never {
    const where = this.#describe(this.#records + 1, this.#offset);
    throw new PipelineError(`${where}: ${what}; build or fetch the file again`);
  }
}

/**
 * All records of a file in order. Each is valid until the next is asked for. Throws as
 * {@linkcode RecordReader.next} does.
 */
export async function* readRecords(path: string): AsyncGenerator<Uint8Array> {
  const reader = await RecordReader.open(path);
  try {
    for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
      yield record;
    }
  } finally {
    await reader.close();
  }
}
