/**
 * Whole blocks of ids or pieces to text, as bytes.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import type { OutputFormat } from "./encode_lines.ts";
import { encodeText, lineBlocks, linesOf } from "./line_blocks.ts";
import type { SentencePieceProcessor } from "./processor.ts";

/**
 * Decodes the lines of a stream: ids or pieces, separated by spaces.
 *
 * @throws {PipelineError} naming the line that holds something else than ids of the model.
 */
export async function* decodeLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  processor: SentencePieceProcessor,
  format: OutputFormat,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let done = 0;
  for await (const block of lineBlocks(stream)) {
    const lines = linesOf(block);
    for (let i = 0; i < lines.length; i++) {
      lines[i] = decodeLine(lines[i], processor, format, done + i + 1);
    }
    done += lines.length;
    yield encodeText(lines.join("\n") + "\n");
  }
}

function decodeLine(
  line: string,
  processor: SentencePieceProcessor,
  format: OutputFormat,
  number: number,
): string {
  const parts = line.split(" ").filter((part) => part !== "");
  if (format === "piece") return processor.decodePieces(parts);
  const wrong = parts.find((part) => !/^\d+$/.test(part));
  if (wrong !== undefined) {
    throw new PipelineError(
      `line ${number}: "${wrong}" is not an id; use --input-format piece for pieces`,
    );
  }
  const ids = parts.map(Number);
  const outside = ids.find((id) => id >= processor.vocabSize);
  if (outside !== undefined) {
    throw new PipelineError(
      `line ${number}: there is no piece ${outside} in a model of ${processor.vocabSize} pieces; ` +
        "decode with the model that encoded",
    );
  }
  return processor.decodeIds(ids);
}
