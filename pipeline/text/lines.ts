/**
 * Lines to train a tokenizer on.
 *
 * @module
 */
import { readSources, type TextSource } from "./sources.ts";
import type { TextOptions } from "./documents.ts";

export { splitLines } from "./lines_of_bytes.ts";

/**
 * The lines of documents.
 *
 * @param sources a path, or several sources with weights.
 * @throws {PipelineError} when there is nothing at a path, it holds no documents, or text in another
 *   encoding.
 */
export async function* readLines(
  sources: string | readonly TextSource[],
  options: TextOptions = {},
): AsyncGenerator<string> {
  const list = typeof sources === "string" ? [{ path: sources, weight: 1 }] : sources;
  for await (const { text } of readSources(list, options)) yield* text.split("\n");
}
