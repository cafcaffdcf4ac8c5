/** Bytes to standard output. */

/** Writes all of these bytes to standard output. */
export async function writeOut(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}
