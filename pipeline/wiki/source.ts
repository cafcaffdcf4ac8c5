/**
 * The bytes of a dump: plain, gzipped or bzip2 (one stream or many), with bounded memory.
 *
 * @module
 */
import Bunzip from "seek-bzip";
import { PipelineError } from "../errors.ts";

/** A piece of decoded XML and how many bytes of the dump have been read so far. */
export interface DumpChunk {
  /** Decoded bytes. */
  readonly bytes: Uint8Array;
  /** Bytes of the dump file read. */
  readonly read: number;
}

/** What can be read without waiting for a promise: a file or standard input. */
export type SyncSource = Pick<Deno.FsFile, "readSync">;

const READ_BYTES = 1 << 18;

/**
 * Decodes a dump. The kind is told by its first bytes, not by its name.
 *
 * @param file the open dump.
 * @param name for messages.
 * @throws {PipelineError} when the dump is empty, of another kind, damaged or cut short.
 */
export async function* readDump(file: SyncSource, name: string): AsyncGenerator<DumpChunk> {
  const input = new ByteInput(file);
  const head = input.peek(6);
  if (head.length === 0) throw new PipelineError(`${name} is empty; download the dump again`);
  if (head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68) {
    yield* readBzip2(input, name);
  } else if (head[0] === 0x1f && head[1] === 0x8b) {
    yield* readGzip(input, name);
  } else {
    const start = new TextDecoder().decode(head).replace(/^\ufeff?\s*/, "");
    if (!start.startsWith("<")) {
      throw new PipelineError(
        `${name} is neither XML nor bzip2 nor gzip (it starts with ${
          [...head].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
        }); give a MediaWiki dump`,
      );
    }
    for (let bytes = input.take(); bytes.length > 0; bytes = input.take()) {
      yield { bytes, read: input.consumed };
    }
  }
}

/** Buffered, synchronous reading, as the bzip2 decoder wants it. */
class ByteInput {
  readonly #file: SyncSource;
  #buffer = new Uint8Array(0);
  #at = 0;
  #read = 0;
  #ended = false;

  constructor(file: SyncSource) {
    this.#file = file;
  }

  /** Bytes handed out so far. */
  get consumed(): number {
    return this.#read - (this.#buffer.length - this.#at);
  }

  #fill(least: number): void {
    while (!this.#ended && this.#buffer.length - this.#at < least) {
      const next = new Uint8Array(READ_BYTES);
      const count = this.#file.readSync(next);
      if (count === null) {
        this.#ended = true;
        return;
      }
      const left = this.#buffer.subarray(this.#at);
      const joined = new Uint8Array(left.length + count);
      joined.set(left);
      joined.set(next.subarray(0, count), left.length);
      this.#buffer = joined;
      this.#at = 0;
      this.#read += count;
    }
  }

  peek(count: number): Uint8Array {
    this.#fill(count);
    return this.#buffer.subarray(this.#at, this.#at + count);
  }

  take(): Uint8Array<ArrayBuffer> {
    this.#fill(1);
    const bytes = this.#buffer.slice(this.#at);
    this.#at = this.#buffer.length;
    return bytes;
  }

  read(target: Uint8Array, offset: number, count: number): number {
    const bytes = this.peek(count);
    target.set(bytes, offset);
    this.#at += bytes.length;
    return bytes.length;
  }

  readByte(): number {
    if (this.#at === this.#buffer.length) this.#fill(1);
    return this.#at < this.#buffer.length ? this.#buffer[this.#at++] : -1;
  }

  eof(): boolean {
    if (this.#at === this.#buffer.length) this.#fill(1);
    return this.#at === this.#buffer.length;
  }
}

/** Collects what the decoder writes. */
class ByteOutput {
  #buffer = new Uint8Array(1 << 20);
  #length = 0;

  writeByte(byte: number): void {
    if (this.#length === this.#buffer.length) {
      const grown = new Uint8Array(2 * this.#length);
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#buffer[this.#length++] = byte;
  }

  take(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }
}

/** Block by block, so that a stream of any length takes the memory of one block. */
function* readBzip2(input: ByteInput, name: string): Generator<DumpChunk> {
  const output = new ByteOutput();
  let decoded = 0;
  try {
    const decoder = new Bunzip(input, output);
    for (;;) {
      if (decoder._init_block()) {
        decoder._read_bunzip();
        const bytes = output.take();
        decoded += bytes.length;
        yield { bytes, read: input.consumed };
        continue;
      }
      const expected = decoder.reader.read(32) >>> 0;
      if (expected !== decoder.streamCRC) throw new Error("wrong checksum of a stream");
      if (input.eof()) return;
      decoder._start_bunzip(input, output);
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const what = input.eof() ? "is cut short" : "is damaged";
    throw new PipelineError(
      `${name} ${what} at byte ${input.consumed} (${decoded} bytes of XML were decoded; ` +
        `${error.message}); download it again`,
    );
  }
}

async function* readGzip(input: ByteInput, name: string): AsyncGenerator<DumpChunk> {
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller): void {
      const bytes = input.take();
      if (bytes.length === 0) controller.close();
      else controller.enqueue(bytes);
    },
  }, { highWaterMark: 1 });
  try {
    for await (const bytes of stream.pipeThrough(new DecompressionStream("gzip"))) {
      yield { bytes, read: input.consumed };
    }
  } catch (error) {
    if (error instanceof PipelineError || !(error instanceof TypeError)) throw error;
    throw new PipelineError(
      `${name} is cut short or damaged near byte ${input.consumed}; download it again`,
    );
  }
}
