/** Unwrapping gzip and zlib data while it streams. */

import { Readable } from "node:stream";
import { createUnzip } from "node:zlib";

/** Bytes that are unwrapped at once. */
const CHUNK_BYTES = 1 << 17;

/** Whether an error is zlib's own: it bears a code such as Z_BUF_ERROR. */
export function isUnzipError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
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
