/**
 * Bytes as lines of text.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import type { TextReader } from "./encoding.ts";

/** A longer line is no text but a file of another kind. */
const LONGEST_LINE = 1 << 28;

/**
 * The lines of a stream of bytes, the last one too where it has no end.
 *
 * @param name of the file, for messages.
 * @throws {PipelineError} for a line of more than 2^28 characters.
 */
export async function* splitLines(
  bytes: AsyncIterable<Uint8Array>,
  reader: TextReader,
  name = "the text",
): AsyncGenerator<string> {
  // Pieces of a line that has not ended; joined once, so that a long line takes linear time.
  let pieces: string[] = [], length = 0, number = 1;
  for await (const chunk of bytes) {
    const lines = reader.decode(chunk).split("\n");
    if (lines.length > 1) {
      lines[0] = pieces.join("") + lines[0];
      [pieces, length] = [[], 0];
    }
    const rest = lines.pop()!;
    pieces.push(rest);
    length += rest.length;
    yield* lines;
    number += lines.length;
    if (length > LONGEST_LINE) {
      throw new PipelineError(
        `${name}, line ${number}: longer than ${LONGEST_LINE} characters; not text in lines`,
      );
    }
  }
  const last = pieces.join("") + reader.end();
  if (last !== "") yield last;
}
