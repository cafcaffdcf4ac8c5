/**
 * bzip2: where the streams of a file start, and what they hold.
 *
 * A multistream dump is a row of bzip2 streams of some hundred pages each. A stream starts on a byte,
 * with `BZh`, a digit and the magic number of a block (the first digits of π), so the starts can be
 * found without decoding and streams can be decoded apart from each other.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { PipelineError } from "../errors.ts";
import type { ByteInput } from "./byte_input.ts";
import { Bzip2Decoder, Bzip2Fault } from "./bzip2_decoder.ts";

const BLOCK_MAGIC = Buffer.from([0x31, 0x41, 0x59, 0x26, 0x53, 0x59]);

/** Bytes of `BZh9` before the magic number of the first block. */
const HEAD_BYTES = 4;

const WINDOW_BYTES = 1 << 20;

/** Yields the bytes at which streams start, from one byte of a file up to before another. */
export function* findStreams(
  file: Deno.FsFile,
  from: number,
  to = Infinity,
): Generator<number> {
  const window = Buffer.alloc(WINDOW_BYTES);
  let start = from, held = 0;
  file.seekSync(from, Deno.SeekMode.Start);
  while (start < to) {
    const count = file.readSync(window.subarray(held));
    if (count === null) return;
    held += count;
    const found = window.subarray(0, held);
    let at = found.indexOf(BLOCK_MAGIC, HEAD_BYTES);
    for (; at !== -1; at = found.indexOf(BLOCK_MAGIC, at + 1)) {
      if (!startsStream(found, at - HEAD_BYTES)) continue;
      if (start + at - HEAD_BYTES >= to) return;
      yield start + at - HEAD_BYTES;
    }
    // A start may lie over the end of the window.
    const keep = Math.min(held, HEAD_BYTES + BLOCK_MAGIC.length - 1);
    window.copyWithin(0, held - keep, held);
    start += held - keep;
    held = keep;
  }
}

function startsStream(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x42 && bytes[at + 1] === 0x5a && bytes[at + 2] === 0x68 &&
    bytes[at + 3] >= 0x31 && bytes[at + 3] <= 0x39;
}

/** What one block of a stream holds. */
export interface DecodedBlock {
  /** Decoded bytes; none at the end of a stream. */
  readonly bytes: Uint8Array;
  /** The byte of the file at which its stream starts. */
  readonly stream: number;
  /** Whether this stream ends here. */
  readonly ended: boolean;
}

/**
 * Decodes streams from where the input stands to the end of the file, with the memory of one block.
 *
 * @param name of the file, for messages.
 * @throws {PipelineError} naming the byte at which the file is damaged or cut short.
 */
export function* decodeStreams(input: ByteInput, name: string): Generator<DecodedBlock> {
  let stream = input.position;
  const decoder = new Bzip2Decoder(input);
  try {
    do {
      stream = input.position;
      decoder.begin();
      for (let bytes = decoder.block(); bytes; bytes = decoder.block()) {
        yield { bytes, stream, ended: false };
      }
      const ended = decoder.atEnd();
      yield { bytes: new Uint8Array(0), stream, ended: true };
      if (ended) return;
    } while (true);
  } catch (error) {
    if (!(error instanceof Bzip2Fault)) throw error;
    const what = input.eof() ? "is cut short" : "is damaged";
    throw new PipelineError(
      `${name} ${what} at byte ${decoder.position}, in the bzip2 stream that starts at byte ` +
        `${stream} (${error.message}); use a whole copy, and compare its checksum with the published one`,
    );
  }
}
