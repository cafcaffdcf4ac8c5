/**
 * Lines to train a tokenizer on.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { isUnzipError, unzip } from "../unzip.ts";
import { readDocuments } from "./documents.ts";
import { TextReader } from "./encoding.ts";

/**
 * The lines of documents (a folder, `.jsonl` or `.jsonl.gz`) or of a text file, which may be packed (`.gz`).
 *
 * @param encoding of the text; UTF-8 by default.
 * @throws {PipelineError} when there is nothing at that path, it holds no documents, or text in another
 *   encoding.
 */
export async function* readLines(path: string, encoding?: string): AsyncGenerator<string> {
  const info = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${path} does not exist; make it with \`deno task extract\``);
  });
  if (info.isDirectory || /\.jsonl(\.gz)?$/.test(path)) {
    for await (const { text } of readDocuments(path, undefined, encoding)) yield* text.split("\n");
    return;
  }
  const { readable } = await Deno.open(path);
  try {
    const bytes = path.endsWith(".gz") ? unzip(readable) : readable;
    yield* splitLines(bytes, TextReader.ofFile(path, encoding));
  } catch (error) {
    if (!isUnzipError(error)) throw error;
    throw new PipelineError(`${path}: damaged (${error.message}); use another copy`);
  }
}

/** The lines of a stream of bytes, the last one too where it has no end. */
export async function* splitLines(
  bytes: AsyncIterable<Uint8Array>,
  reader: TextReader,
): AsyncGenerator<string> {
  // Pieces of a line that has not ended; joined once, so that a long line takes linear time.
  let pieces: string[] = [];
  for await (const chunk of bytes) {
    const lines = reader.decode(chunk).split("\n");
    if (lines.length > 1) {
      lines[0] = pieces.join("") + lines[0];
      pieces = [];
    }
    pieces.push(lines.pop()!);
    yield* lines;
  }
  const last = pieces.join("") + reader.end();
  if (last !== "") yield last;
}
