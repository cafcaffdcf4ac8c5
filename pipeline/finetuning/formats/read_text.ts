/**
 * Whole files of text.
 *
 * @module
 */
import { PipelineError } from "../../errors.ts";
import { TextReader } from "../../text/encoding.ts";

/**
 * The text of a UTF-8 file, plain or gzip, without a byte order mark.
 *
 * @throws {PipelineError} when the file is damaged or not UTF-8.
 */
export async function readText(file: string): Promise<string> {
  let bytes = await Deno.readFile(file);
  if (file.endsWith(".gz")) {
    try {
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    } catch {
      throw new PipelineError(`${file}: damaged gzip; make it again`);
    }
  }
  const reader = TextReader.ofFile(file);
  return reader.decode(bytes) + reader.end();
}
