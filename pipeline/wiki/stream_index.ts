/**
 * The index that is published beside a multistream dump.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { ByteInput } from "./byte_input.ts";
import { decodeStreams } from "./bzip2.ts";

/**
 * The bytes at which streams start: of `offset:page id:title` lines, the offsets, once each and in order.
 *
 * @param path of the index, as text or bzip2.
 * @throws {PipelineError} naming the line that is none of an index.
 */
export async function readStreamIndex(path: string): Promise<number[]> {
  using file = await Deno.open(path);
  const input = new ByteInput(file);
  // The head of the dump is a stream of its own, which has no pages.
  const starts = [0];
  const decoder = new TextDecoder();
  let rest = "", number = 0;
  const take = (line: string): void => {
    number++;
    const offset = Number(/^(\d+):\d+:/.exec(line)?.[1]);
    if (!(offset >= starts[starts.length - 1])) {
      throw new PipelineError(
        `${path}, line ${number}: not of an index (offset:page id:title, offsets in order); ` +
          "leave it out, it is not needed",
      );
    }
    if (offset > starts[starts.length - 1]) starts.push(offset);
  };
  for (const bytes of pieces(input, path)) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
  return starts;
}

function* pieces(input: ByteInput, path: string): Generator<Uint8Array> {
  const head = input.peek(3);
  if (head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68) {
    for (const { bytes } of decodeStreams(input, path)) yield bytes;
  } else {
    for (let bytes = input.take(); bytes.length > 0; bytes = input.take()) yield bytes;
  }
}
