/**
 * Buffered, synchronous reading of a file, as the bzip2 decoder wants it.
 *
 * @module
 */

/** What can be read without waiting for a promise: a file or standard input. */
export type SyncSource = Pick<Deno.FsFile, "readSync">;

const READ_BYTES = 1 << 18;

/** Reads on from where a file stands. */
export class ByteInput {
  readonly #file: SyncSource;
  readonly #chunk = new Uint8Array(READ_BYTES);
  #buffer = new Uint8Array(0);
  #at = 0;
  #read: number;
  #ended = false;

  /** @param position the byte at which the file stands. */
  constructor(file: SyncSource, position = 0) {
    this.#file = file;
    this.#read = position;
  }

  /** The byte of the file that comes next. */
  get position(): number {
    return this.#read - (this.#buffer.length - this.#at);
  }

  #fill(least: number): void {
    while (!this.#ended && this.#buffer.length - this.#at < least) {
      const count = this.#file.readSync(this.#chunk);
      if (count === null) {
        this.#ended = true;
        return;
      }
      const left = this.#buffer.subarray(this.#at);
      const joined = new Uint8Array(left.length + count);
      joined.set(left);
      joined.set(this.#chunk.subarray(0, count), left.length);
      this.#buffer = joined;
      this.#at = 0;
      this.#read += count;
    }
  }

  /** The next bytes, fewer at the end, which stay to be read. */
  peek(count: number): Uint8Array {
    this.#fill(count);
    return this.#buffer.subarray(this.#at, this.#at + count);
  }

  /** Passes bytes that were seen by {@linkcode peek}. */
  skip(count: number): void {
    this.#at += count;
  }

  /** Some bytes; none at the end. */
  take(): Uint8Array<ArrayBuffer> {
    this.#fill(1);
    const bytes = this.#buffer.slice(this.#at);
    this.#at = this.#buffer.length;
    return bytes;
  }

  /** Reads into a target and says how many bytes there were. */
  read(target: Uint8Array, offset: number, count: number): number {
    const bytes = this.peek(count);
    target.set(bytes, offset);
    this.#at += bytes.length;
    return bytes.length;
  }

  /** The next byte; -1 at the end. */
  readByte(): number {
    if (this.#at === this.#buffer.length) this.#fill(1);
    return this.#at < this.#buffer.length ? this.#buffer[this.#at++] : -1;
  }

  /** Whether nothing comes any more. */
  eof(): boolean {
    if (this.#at === this.#buffer.length) this.#fill(1);
    return this.#at === this.#buffer.length;
  }
}
