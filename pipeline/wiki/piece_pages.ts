/**
 * The pages of a piece of a dump.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { PipelineError } from "../errors.ts";
import { ByteInput } from "./byte_input.ts";
import { decodeStreams } from "./bzip2.ts";
import type { DumpPiece } from "./dump.ts";
import { PageParser, type WikiPage } from "./pages.ts";

/** What a worker must know of a dump to read its pieces. */
export interface DumpSetup {
  /** The dump's path; undefined where pieces bring their XML with them. */
  dump: string | undefined;
  /** Its size. */
  size: number | undefined;
  /** Its name, for messages. */
  name: string;
  /** Whether its text was converted to UTF-8. */
  converted: boolean;
}

/**
 * Gives the pages of a piece, in order.
 *
 * @throws {PipelineError} naming the byte at which the dump is damaged or cut short.
 */
export function readPiece(
  piece: DumpPiece,
  setup: DumpSetup,
  take: (page: WikiPage) => void,
): void {
  if (piece.kind === "streams") readStreams(piece, setup, take);
  else readXml(piece, setup, take);
}

/** Parses XML that was decoded before. */
function readXml(
  piece: DumpPiece & { kind: "xml" },
  { name, converted }: DumpSetup,
  take: (page: WikiPage) => void,
): void {
  const parser = new PageParser(
    { fragment: piece.start > 0, name, converted },
    ({ message, byte, advice }) =>
      new PipelineError(`${name}: ${message} at byte ${piece.start + byte} of XML: ${advice}`),
  );
  parser.write(piece.bytes).forEach(take);
  if (piece.last) {
    const end = piece.start + piece.bytes.length;
    checkEnd(parser, `${name} is cut short: it ends at byte ${end} of XML`);
  }
}

/**
 * Decodes and parses the streams of a range. Where a page reaches over the end of a stream, it belongs to
 * the range in which it starts.
 */
function readStreams(
  { start, end }: DumpPiece & { kind: "streams" },
  { dump, size, name }: DumpSetup,
  take: (page: WikiPage) => void,
): void {
  if (start === end) return;
  using file = Deno.openSync(dump!);
  file.seekSync(start, Deno.SeekMode.Start);
  const input = new ByteInput(file, start);
  /** Where in the parsed XML each stream begins. */
  const begun: { xml: number; stream: number }[] = [];
  const parser = new PageParser({ fragment: start > 0, name }, ({ message, byte, advice }) => {
    const { xml, stream } = begun.findLast(({ xml }) => xml <= byte)!;
    return new PipelineError(
      `${name}: ${message} at byte ${byte - xml} of the bzip2 stream at byte ${stream}: ${advice}`,
    );
  });
  const skipped = start > 0 ? new SkippedHead() : undefined;
  let beyond = false;
  for (const { bytes, stream, ended } of decodeStreams(input, name)) {
    if (begun.at(-1)?.stream !== stream) begun.push({ xml: parser.bytes, stream });
    if (!beyond) {
      parser.write(skipped?.skip(bytes) ?? bytes).forEach(take);
    } else if (bytes.length > 0) {
      const rest = skipped?.mayStart ? skipped.complete(bytes) : bytes;
      if (rest === undefined) return;
      finishPage(parser, rest, take);
    }
    beyond ||= ended && input.position >= end;
    if (beyond && end < size! && parser.betweenPages && !skipped?.mayStart) return;
  }
  if (skipped?.endsDump) return;
  checkEnd(parser, `${name} is cut short: it ends at byte ${size}`);
  return;
}

const PAGE = "<page>";

/** What stands before the first page that starts in a range: it belongs to the range before. */
class SkippedHead {
  #tail: Buffer = Buffer.alloc(0);
  #found = false;

  /** The bytes from the first page on. */
  skip(bytes: Uint8Array): Uint8Array {
    if (this.#found) return bytes;
    // The tag may lie over the end of a block.
    const joined = Buffer.concat([this.#tail, bytes]);
    const at = joined.indexOf(PAGE);
    this.#found = at !== -1;
    this.#tail = joined.subarray(-64);
    return this.#found ? joined.subarray(at) : new Uint8Array(0);
  }

  /** Whether no page was found, but what may be the beginning of its tag. */
  get mayStart(): boolean {
    return !this.#found && this.#begun() > 0;
  }

  /** A page whose tag was begun, from that on; undefined where it was another tag. */
  complete(bytes: Uint8Array): Uint8Array | undefined {
    const joined = Buffer.concat([this.#tail.subarray(-this.#begun()), bytes]);
    this.#found = joined.indexOf(PAGE) === 0;
    return this.#found ? joined : undefined;
  }

  /** How many characters of the tag stand at the end. */
  #begun(): number {
    const end = this.#tail.toString("latin1");
    for (let length = PAGE.length - 1; length > 0; length--) {
      if (end.endsWith(PAGE.slice(0, length))) return length;
    }
    return 0;
  }

  /** Whether there was no page, but the end of the dump, or of its last tag. */
  get endsDump(): boolean {
    const end = "</mediawiki>", tail = this.#tail.toString().trimEnd();
    return !this.#found && (tail.endsWith(end) || end.endsWith(tail));
  }
}

/** Writes what is missing of the page under way. */
function finishPage(
  parser: PageParser,
  bytes: Uint8Array,
  take: (page: WikiPage) => void,
): void {
  let at = 0;
  do {
    const close = bytes.indexOf(0x3e, at);
    const next = close === -1 ? bytes.length : close + 1;
    parser.write(bytes.subarray(at, next)).forEach(take);
    at = next;
  } while (at < bytes.length && !parser.betweenPages);
}

function checkEnd({ open }: PageParser, what: string): void {
  if (open.length > 0) {
    throw new PipelineError(`${what} inside <${open.join("><")}>; use a whole copy`);
  }
}
