/** Standard input that Ctrl-C ends, and bytes to standard output. */

/** Standard input; at the signal, whoever reads it gets the signal's reason at once, also on an idle line. */
export function standardInput(signal: AbortSignal): ReadableStream<Uint8Array<ArrayBuffer>> {
  const through = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  return Deno.stdin.readable.pipeThrough(through, { signal });
}

/** Writes all of these bytes to standard output. Throws where nobody reads them, or the disk is full. */
export async function writeOut(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}
