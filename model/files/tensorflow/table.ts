/**
 * The sorted table in which TensorFlow keeps a checkpoint's index (LevelDB's format): blocks of entries whose
 * keys share their beginnings, each with a checksum, an index of the blocks, and a footer with a magic number.
 *
 * @module
 */
import { maskedCrc32c } from "../../../pipeline/wire/crc32c.ts";
import { ModelError } from "../../errors.ts";

const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;

/** Behind each block: one byte for its compression, four for the checksum of the block and that byte. */
const TRAILER_BYTES = 5;

/** Entries between two keys that are written in full. */
const RESTART_INTERVAL = 16;

/** Bytes of a block, about; TensorFlow's own. */
const BLOCK_BYTES = 1 << 18;

/** Bytes as a string of one character each: keys are compared and looked up so. */
export function bytesToKey(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}

/** The bytes of such a string. */
export function keyToBytes(key: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}

/**
 * All entries of a table, by their keys.
 *
 * @param source the file's name, for messages.
 * @throws {ModelError} naming the byte where the file is damaged, cut short or no table.
 */
export function readTable(file: Uint8Array, source: string): Map<string, Uint8Array> {
  const fault = (what: string, at: number): ModelError =>
    new ModelError(`${source}: ${what} at byte ${at}; the file is damaged, use another copy`);
  const end = file.length - FOOTER_BYTES;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (end < 0 || view.getBigUint64(file.length - 8, true) !== MAGIC) {
    throw new ModelError(
      `${source}: no TensorFlow index: the magic number at its end is missing; name the prefix of a ` +
        "checkpoint such as model.ckpt-1000, and see that its .index file is whole",
    );
  }
  const footer = new Reader(file, end, file.length - 8, fault);
  const [metaOffset, metaBytes] = [footer.varint(), footer.varint()];
  readBlock(file, metaOffset, metaBytes, end, fault);
  const index = readBlock(file, footer.varint(), footer.varint(), end, fault);
  const entries = new Map<string, Uint8Array>();
  let last: string | undefined;
  for (const { value, at } of index) {
    const handle = new Reader(value, 0, value.length, (what) => fault(what, at));
    for (const entry of readBlock(file, handle.varint(), handle.varint(), end, fault)) {
      if (last !== undefined && entry.key <= last) throw fault("a key is out of order", entry.at);
      last = entry.key;
      entries.set(entry.key, entry.value);
    }
  }
  return entries;
}

interface BlockEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Where in the file it starts. */
  readonly at: number;
}

type Fault = (what: string, at: number) => ModelError;

/** The entries of a block of `bytes` bytes, which must end with its trailer before `limit`. */
function readBlock(
  file: Uint8Array,
  offset: number,
  bytes: number,
  limit: number,
  fault: Fault,
): BlockEntry[] {
  const end = offset + bytes;
  if (bytes < 4 || end + TRAILER_BYTES > limit) {
    throw fault(`a block of ${bytes} bytes does not fit`, offset);
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(end + 1, true) !== maskedCrc32c(file, offset, end + 1)) {
    throw fault("the checksum of a block does not match", offset);
  }
  if (file[end] !== 0) {
    const how = file[end] === 1 ? "by Snappy" : `in an unknown way (${file[end]})`;
    throw new ModelError(
      fault(`a block is compressed ${how}, which TensorFlow's checkpoints are not`, offset).message,
    );
  }
  const restarts = view.getUint32(end - 4, true);
  const entriesEnd = end - 4 - 4 * restarts;
  if (entriesEnd < offset) throw fault(`a block has ${restarts} restarts`, end - 4);
  const reader = new Reader(file, offset, entriesEnd, fault);
  const entries: BlockEntry[] = [];
  let previous = "";
  while (!reader.done) {
    const at = reader.at;
    const shared = reader.varint(), rest = reader.varint(), size = reader.varint();
    if (shared > previous.length) {
      throw fault(`a key shares ${shared} bytes with a shorter one`, at);
    }
    const key = previous.slice(0, shared) + bytesToKey(reader.bytes(rest));
    entries.push({ key, value: reader.bytes(size), at });
    previous = key;
  }
  return entries;
}

/** Reads varints and bytes of a range. */
class Reader {
  constructor(
    readonly file: Uint8Array,
    public at: number,
    readonly end: number,
    readonly fault: Fault,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  varint(): number {
    let value = 0, scale = 1;
    for (let i = 0; i < 8; i++) {
      if (this.done) throw this.fault("ends inside a number", this.at);
      const byte = this.file[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw this.fault("a number is too long", this.at);
  }

  bytes(count: number): Uint8Array {
    if (count > this.end - this.at) {
      throw this.fault(`${count} bytes are wanted of the ${this.end - this.at} left`, this.at);
    }
    return this.file.subarray(this.at, this.at += count);
  }
}

/**
 * A table of entries.
 *
 * @param entries by their keys, a character a byte.
 * @param blockBytes how long blocks may grow, about.
 */
export function writeTable(
  entries: ReadonlyMap<string, Uint8Array>,
  blockBytes = BLOCK_BYTES,
): Uint8Array<ArrayBuffer> {
  const file: number[][] = [];
  let length = 0;
  const put = (block: readonly number[]): number[] => {
    const bytes = Uint8Array.from([...block, 0]);
    const checksum = new Uint8Array(Uint32Array.of(maskedCrc32c(bytes)).buffer);
    file.push([...bytes, ...checksum]);
    const handle = [...varint(length), ...varint(block.length)];
    length += block.length + TRAILER_BYTES;
    return handle;
  };
  const index = new BlockBuilder(1);
  let block = new BlockBuilder(RESTART_INTERVAL), last = "";
  const close = (): void => {
    if (block.empty) return;
    index.add(last, put(block.finish()));
    block = new BlockBuilder(RESTART_INTERVAL);
  };
  for (const key of [...entries.keys()].sort()) {
    block.add(key, [...entries.get(key)!]);
    last = key;
    if (block.length >= blockBytes) close();
  }
  close();
  const handles = [...put(new BlockBuilder(1).finish()), ...put(index.finish())];
  const footer = new Uint8Array(FOOTER_BYTES);
  footer.set(handles);
  new DataView(footer.buffer).setBigUint64(FOOTER_BYTES - 8, MAGIC, true);
  file.push([...footer]);
  return Uint8Array.from(file.flat());
}

/** Collects the entries of a block. */
class BlockBuilder {
  readonly #bytes: number[] = [];
  readonly #restarts: number[] = [0];
  #previous = "";
  #count = 0;

  constructor(readonly interval: number) {}

  get empty(): boolean {
    return this.#count === 0;
  }

  get length(): number {
    return this.#bytes.length;
  }

  add(key: string, value: readonly number[]): void {
    let shared = 0;
    if (this.#count > 0 && this.#count % this.interval === 0) {
      this.#restarts.push(this.#bytes.length);
    } else while (shared < key.length && key[shared] === this.#previous[shared]) shared++;
    const rest = [...keyToBytes(key.slice(shared))];
    this.#bytes.push(...varint(shared), ...varint(rest.length), ...varint(value.length));
    this.#bytes.push(...rest, ...value);
    this.#previous = key;
    this.#count++;
  }

  finish(): number[] {
    const tail = Uint32Array.from([...this.#restarts, this.#restarts.length]);
    return [...this.#bytes, ...new Uint8Array(tail.buffer)];
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return [...bytes, value];
}
