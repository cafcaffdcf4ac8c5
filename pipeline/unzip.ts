/** Unwrapping gzip, zlib and Zstandard data while it streams. */

import { Decompress } from "fzstd";
import { Readable } from "node:stream";
import { createUnzip } from "node:zlib";

/** Bytes that are unwrapped at once. */
const CHUNK_BYTES = 1 << 17;

/** Damage in Zstandard data. */
class ZstandardError extends Error {}

/** Whether an error is of unwrapping: zlib's own bear a code such as Z_BUF_ERROR. */
export function isUnzipError(error: unknown): error is Error {
  return error instanceof ZstandardError ||
    error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

/** Endings of file names whose content is wrapped. */
export const WRAPPINGS: readonly string[] = [".gz", ".zst"];

/** Unwraps the content of a file as the ending of its name says; other content passes as it is. */
export function unwrap(
  name: string,
  source: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  if (name.endsWith(".gz")) return unzip(source);
  return name.endsWith(".zst") ? unwrapZstandard(source) : source;
}

/**
 * Unwraps Zstandard data of any number of frames.
 *
 * @throws an error for which {@linkcode isUnzipError} holds, for data that is damaged or cut short.
 */
export async function* unwrapZstandard(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let ready: Uint8Array<ArrayBuffer>[] = [];
  const stream = new Decompress((bytes) => ready.push(bytes.slice()));
  const push = (bytes: Uint8Array, last: boolean): void => {
    try {
      stream.push(bytes, last);
    } catch (error) {
      // The decoder fails in ways of its own, and where it reads past what is there, in the runtime's.
      throw new ZstandardError(error instanceof Error ? error.message : String(error));
    }
  };
  for await (const bytes of source) {
    push(bytes, false);
    const done = ready;
    ready = [];
    yield* done;
  }
  push(new Uint8Array(0), true);
  yield* ready;
}

/**
 * Unwraps gzip or zlib data, told apart by their first bytes. All members of a gzip file count, as
 * joined files and block-wise compressors leave them (the web's `DecompressionStream` refuses any
 * but the first). Throws zlib's error for data that is damaged or cut short, and whatever `source`
 * throws.
 */
export async function* unzip(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const input = Readable.from(source, { highWaterMark: 1 });
  const output = createUnzip({ chunkSize: CHUNK_BYTES });
  input.on("error", (error: Error) => output.destroy(error));
  input.pipe(output);
  try {
    yield* output;
  } finally {
    input.destroy();
    output.destroy();
  }
}
