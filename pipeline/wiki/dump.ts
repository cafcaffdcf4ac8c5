/**
 * A dump: what kind of file it is, and how it is divided into pieces that can be worked on apart from
 * each other.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { PipelineError } from "../errors.ts";
import { isUnzipError, unzip } from "../unzip.ts";
import { TextReader } from "../text/encoding.ts";
import { ByteInput, type SyncSource } from "./byte_input.ts";
import { decodeStreams, findStreams } from "./bzip2.ts";
import { readCommand } from "./decompressor.ts";
import { type DumpKind, tellKind } from "./dump_kind.ts";
import { PageCutter } from "./page_cutter.ts";

/** A dump that is open. */
export interface Dump {
  /** Its path; undefined for standard input. */
  readonly path: string | undefined;
  /** What to call it in messages. */
  readonly name: string;
  /** Its size in bytes; undefined for standard input. */
  readonly size: number | undefined;
  /** Its bytes from the first on. */
  readonly input: ByteInput;
  /** How it is packed. */
  readonly kind: DumpKind;
  /** Closes the file. */
  close(): void;
}

/** A piece of a dump: streams of a file, or XML that was decoded already. */
export type DumpPiece =
  | {
    /** Streams that start from one byte of the dump up to before another. */
    readonly kind: "streams";
    readonly part: number;
    readonly start: number;
    readonly end: number;
    /** Bytes of the dump in it. */
    readonly read: number;
  }
  | {
    /** Whole pages, with what stands between them. */
    readonly kind: "xml";
    readonly part: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
    /** The byte of the XML at which it starts. */
    readonly start: number;
    readonly last: boolean;
    /** Bytes of the dump read since the piece before. */
    readonly read: number;
  };

/** How a dump is divided into parts, and which of them are wanted. */
export interface Division {
  /** Bytes of a part: packed where streams are divided, else of XML. */
  readonly partBytes: number;
  /** How many parts there are; set once the division knows. */
  parts?: number;
  /** Whether a part is to be worked on. */
  wants(part: number): boolean;
}

/** Packed bytes of streams in a piece, and bytes of XML in a piece of XML. */
const PIECE_BYTES = { streams: 1 << 18, xml: 1 << 20 };

/** The second stream of a multistream dump starts well within this many bytes. */
const MULTISTREAM_BYTES = 16 << 20;

/** A page does not grow past this; more without an end of a page is no dump. */
const LONGEST_PAGE = 256 << 20;

/**
 * Opens a dump and tells its kind by its first bytes, not by its name.
 *
 * @param hasTool whether a tool is given that decodes what is not decoded here.
 * @throws {PipelineError} when it is missing, a folder, empty or of another kind.
 */
export async function openDump(dump: string, hasTool: boolean): Promise<Dump> {
  if (dump === "-") return tell(Deno.stdin, undefined, undefined, hasTool);
  const info = await Deno.stat(dump).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${dump} does not exist; give a MediaWiki dump (.xml, .bz2, .gz)`);
  });
  if (info.isDirectory) throw new PipelineError(`${dump} is a folder; give a MediaWiki dump`);
  const file = await Deno.open(dump);
  try {
    return tell(file, dump, info.isFile ? info.size : undefined, hasTool);
  } catch (error) {
    file.close();
    throw error;
  }
}

function tell(
  file: SyncSource & { close(): void },
  path: string | undefined,
  size: number | undefined,
  hasTool: boolean,
): Dump {
  const name = path ?? "standard input";
  const input = new ByteInput(file);
  const kind = tellKind(input.peek(64), name, hasTool);
  return { path, name, size, input, kind, close: () => file.close() };
}

/** Whether a dump is a row of bzip2 streams in a file, which workers can decode. */
export function isMultistream({ path, kind, size }: Dump): boolean {
  if (kind !== "bzip2" || path === undefined || size === undefined) return false;
  using file = Deno.openSync(path);
  return !findStreams(file, 1, MULTISTREAM_BYTES).next().done;
}

/**
 * Divides a multistream dump. Parts are cut by bytes of the file and hold the streams that start within,
 * so that each can be found without reading what lies before it.
 *
 * @param index where streams start, where known.
 */
export function* divideStreams(
  { path, size }: Dump,
  division: Division,
  index?: readonly number[],
): Generator<DumpPiece> {
  using file = Deno.openSync(path!);
  const { partBytes } = division;
  division.parts = Math.ceil(size! / partBytes);
  for (let part = 0; part < division.parts; part++) {
    if (!division.wants(part)) continue;
    const limit = (part + 1) * partBytes;
    const starts = index
      ? index.filter((start) => start >= part * partBytes)
      : findStreams(file, part * partBytes);
    let start = -1, end = size!;
    const piece = (): DumpPiece => ({ kind: "streams", part, start, end, read: end - start });
    for (const next of starts) {
      if (next >= limit) {
        end = next;
        break;
      }
      if (start === -1) start = next;
      else if (next - start >= PIECE_BYTES.streams) {
        end = next;
        yield piece();
        start = next;
        end = size!;
      }
    }
    // A part in which no stream starts is empty, but it is a part.
    if (start === -1) start = end;
    yield piece();
  }
}

/** How a dump is decoded that is not decoded by workers. */
export interface DecodeOptions {
  /** A command that decodes what is packed. */
  readonly decompressor?: readonly string[];
  /** The encoding of its text. Default: UTF-8, which is left as it is. */
  readonly encoding?: string;
}

/** Divides a dump that must be decoded from its beginning. Parts are cut by bytes of UTF-8. */
export async function* divideXml(
  dump: Dump,
  division: Division,
  options: DecodeOptions,
  signal: AbortSignal,
): AsyncGenerator<DumpPiece> {
  const cutter = new PageCutter(PIECE_BYTES.xml);
  let start = 0, part = -1, read = 0, told = 0;
  const piece = (bytes: Uint8Array<ArrayBuffer>, last: boolean): DumpPiece => {
    const before = told;
    told = read;
    return { kind: "xml", part, bytes, start, last, read: read - before };
  };
  function* cut(bytes: Buffer, last: boolean): Generator<DumpPiece> {
    const next = Math.floor(start / division.partBytes);
    // A page longer than a part leaves parts without any.
    while (part + 1 < next) if (division.wants(++part)) yield piece(new Uint8Array(0), false);
    part = next;
    if (division.wants(part)) yield piece(Uint8Array.from(bytes), last);
    start += bytes.length;
  }
  let turn = 0;
  for await (const chunk of decode(dump, options, signal)) {
    read = chunk.read;
    turn += chunk.bytes.length;
    if (turn >= PIECE_BYTES.xml) {
      // Decoding waits for nothing: let Ctrl-C have a turn.
      turn = 0;
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
    }
    for (const bytes of cutter.push(chunk.bytes)) yield* cut(bytes, false);
    if (cutter.held > LONGEST_PAGE) {
      throw new PipelineError(
        `${dump.name}: no page ends within ${LONGEST_PAGE} bytes from byte ${start} of XML on; ` +
          "give a MediaWiki dump",
      );
    }
  }
  yield* cut(cutter.end(), true);
  division.parts = part + 1;
}

/** A piece of decoded XML and how many bytes of the dump have been read so far. */
interface DecodedChunk {
  readonly bytes: Uint8Array;
  readonly read: number;
}

/** The XML of a dump as UTF-8. What is UTF-8 already is checked where it is parsed. */
async function* decode(
  dump: Dump,
  { decompressor, encoding = "utf-8" }: DecodeOptions,
  signal: AbortSignal,
): AsyncGenerator<DecodedChunk> {
  const chunks = unpack(dump, decompressor, signal);
  if (encoding === "utf-8") return yield* chunks;
  const reader = TextReader.ofFile(dump.name, encoding);
  const encoder = new TextEncoder();
  for await (const { bytes, read } of chunks) {
    yield { bytes: encoder.encode(reader.decode(bytes)), read };
  }
  yield { bytes: encoder.encode(reader.end()), read: dump.input.position };
}

async function* unpack(
  { input, kind, name, path }: Dump,
  decompressor: readonly string[] | undefined,
  signal: AbortSignal,
): AsyncGenerator<DecodedChunk> {
  if (kind === "7z") {
    // An archive is read from its end on, not as it comes.
    if (path === undefined) {
      throw new PipelineError("a 7z archive must be a file, not standard input");
    }
    for await (const bytes of readCommand([...decompressor!, path], undefined, name, signal)) {
      yield { bytes, read: 0 };
    }
  } else if (decompressor && kind !== "gzip" && kind !== "xml") {
    for await (const bytes of readCommand(decompressor, input, name, signal)) {
      yield { bytes, read: input.position };
    }
  } else if (kind === "bzip2") {
    for (const { bytes } of decodeStreams(input, name)) yield { bytes, read: input.position };
  } else if (kind === "gzip") {
    yield* readGzip(input, name);
  } else {
    for (const bytes of chunksOf(input)) yield { bytes, read: input.position };
  }
}

async function* readGzip(input: ByteInput, name: string): AsyncGenerator<DecodedChunk> {
  try {
    for await (const bytes of unzip(chunksOf(input))) yield { bytes, read: input.position };
  } catch (error) {
    if (!isUnzipError(error)) throw error;
    throw new PipelineError(
      `${name} is cut short or damaged near byte ${input.position}; use a whole copy`,
    );
  }
}

function* chunksOf(input: ByteInput): Generator<Uint8Array<ArrayBuffer>> {
  for (let bytes = input.take(); bytes.length > 0; bytes = input.take()) yield bytes;
}
