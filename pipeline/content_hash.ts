/** What tells one input from another: its content, not its name, size or time. */

import { createHash } from "node:crypto";

const CHUNK_BYTES = 1 << 20;

/**
 * SHA-256 over all bytes of a file, in hexadecimal. Throws the file system's error, or the signal's
 * reason.
 *
 * @param onBytes is told how many bytes were read, for progress.
 */
export async function hashFile(
  path: string,
  signal?: AbortSignal,
  onBytes?: (count: number) => void,
): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    signal?.throwIfAborted();
    const count = await file.read(buffer);
    if (count === null) return hash.digest("hex");
    hash.update(buffer.subarray(0, count));
    onBytes?.(count);
  }
}
