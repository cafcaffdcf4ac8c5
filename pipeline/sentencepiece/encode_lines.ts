/**
 * Whole blocks of text to ids or pieces, as bytes.
 *
 * @module
 */
import { mapInOrder } from "../ordered_workers.ts";
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

/** Bytes that one thread encodes at a time, and a line or more beyond. */
const BLOCK = 1 << 19;

const LINE_END = 10;

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
    for await (const block of blocks(stream)) {
      signal.throwIfAborted();
      yield encodeBlock(processor, block, setup.format);
    }
    return;
  }
  yield* mapInOrder<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>(blocks(stream), {
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
  const lines = decodeText(block).split("\n");
  // Behind the last line end nothing begins.
  if (lines[lines.length - 1] === "") lines.pop();
  for (let i = 0; i < lines.length; i++) {
    const parts = format === "id"
      ? processor.encodeIds(lines[i])
      : processor.encodePieces(lines[i]);
    lines[i] = parts.join(" ");
  }
  return new TextEncoder().encode(lines.join("\n") + "\n");
}

/** UTF-8 to text; a byte that is no UTF-8 becomes half a surrogate pair, which no text can hold. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return decodeDamaged(bytes);
  }
}

function decodeDamaged(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    try {
      parts.push(decoder.decode(bytes.subarray(at, at + length)));
      at += length;
    } catch {
      parts.push(String.fromCharCode(0xdc00 | first));
      at++;
    }
  }
  return parts.join("");
}

/** Cuts a stream behind line ends into blocks. */
async function* blocks(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): Uint8Array<ArrayBuffer> => {
    const block = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      block.set(part, at);
      at += part.length;
    }
    [parts, length] = [[], 0];
    return block;
  };
  for await (const chunk of stream) {
    const cut = length + chunk.length < BLOCK ? 0 : chunk.lastIndexOf(LINE_END) + 1;
    if (cut > 0) {
      parts.push(chunk.subarray(0, cut));
      length += cut;
      yield take();
    }
    if (cut < chunk.length) {
      parts.push(chunk.subarray(cut));
      length += chunk.length - cut;
    }
  }
  if (length > 0) yield take();
}
