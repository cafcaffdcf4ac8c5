/**
 * Lines to train a tokenizer on.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { readDocuments } from "./documents.ts";

/**
 * The lines of documents (a folder, `.jsonl` or `.jsonl.gz`) or of a plain text file.
 *
 * @throws {PipelineError} when there is nothing at that path, or it holds no documents.
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  const info = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${path} does not exist; make it with \`deno task extract\``);
  });
  if (info.isDirectory || /\.jsonl(\.gz)?$/.test(path)) {
    for await (const { text } of readDocuments(path)) yield* text.split("\n");
  } else {
    yield* splitLines((await Deno.open(path)).readable);
  }
}

/** The lines of a stream of UTF-8 bytes, the last one too where it has no end. */
export async function* splitLines(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
