/**
 * Whole blocks of text to ids or pieces, as bytes.
 *
 * @module
 */
import { mapInOrder } from "../ordered_workers.ts";
import { lineBlocks, linesOf } from "./line_blocks.ts";
import { SentencePieceProcessor } from "./processor.ts";

/** What is written for a piece. */
export type OutputFormat = "id" | "piece";

/** What a thread needs to begin. */
export interface EncodeSetup {
  /** The bytes of the model's file. */
  readonly model: Uint8Array;
  /** Its name, for messages. */
  readonly name: string;
  /** What to write. */
  readonly format: OutputFormat;
}

/**
 * Encodes the lines of a stream: each becomes a line of ids or pieces, separated by spaces. The output
 * does not depend on the number of threads; one works without any.
 *
 * @throws {PipelineError} when the model is damaged.
 */
export async function* encodeLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  setup: EncodeSetup,
  threads: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // Here first, so that a damaged model is told before anything is read.
  const processor = SentencePieceProcessor.fromBytes(setup.model, setup.name);
  if (threads === 1) {
    for await (const block of lineBlocks(stream)) {
      signal.throwIfAborted();
      yield encodeBlock(processor, block, setup.format);
    }
    return;
  }
  yield* mapInOrder<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>(lineBlocks(stream), {
    worker: new URL("./encode_worker.ts", import.meta.url),
    workers: threads,
    setup,
    transfer: (block) => [block.buffer],
    signal,
  });
}

/** Encodes a block of whole lines. */
export function encodeBlock(
  processor: SentencePieceProcessor,
  block: Uint8Array,
  format: OutputFormat,
): Uint8Array<ArrayBuffer> {
  const lines = linesOf(block);
  for (let i = 0; i < lines.length; i++) {
    const parts = format === "id"
      ? processor.encodeIds(lines[i])
      : processor.encodePieces(lines[i]);
    lines[i] = parts.join(" ");
  }
  return new TextEncoder().encode(lines.join("\n") + "\n");
}
