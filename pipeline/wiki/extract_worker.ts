/** A worker of `extract`: pieces of a dump in, compressed documents and counts out. */

import { Buffer } from "node:buffer";
import { PipelineError } from "../errors.ts";
import { serve } from "../ordered_workers.ts";
import { compressSegment, type GzipSegment } from "../text/gzip_segments.ts";
import { ByteInput } from "./byte_input.ts";
import { decodeStreams } from "./bzip2.ts";
import { type CleanOptions, cleanWikitext } from "./clean.ts";
import { addCounts, noCounts, type PageCounts } from "./counts.ts";
import type { DumpPiece } from "./dump.ts";
import { dropReason } from "./filter.ts";
import { countLeftovers } from "./leftovers.ts";
import { PageParser, type WikiPage } from "./pages.ts";
import { StepLimit } from "./steps.ts";

/** What each worker is told once. */
export interface ExtractSetup {
  /** The dump's path; undefined where pieces bring their XML with them. */
  dump: string | undefined;
  /** Its size. */
  size: number | undefined;
  /** Its name, for messages. */
  name: string;
  /** Whether its text was converted to UTF-8. */
  converted: boolean;
  /** How pages are cleaned. */
  clean: CleanOptions;
  /** Characters below which a document is left out. */
  minLength: number;
  /** Whether pages named …の一覧 are left out. */
  dropLists: boolean;
}

/** What came of a piece. */
export interface ExtractedPiece {
  /** The part it belongs to. */
  part: number;
  /** Bytes of the dump that were read for it. */
  read: number;
  /** Its documents, one JSON object a line; undefined where there are none. */
  segment: GzipSegment | undefined;
  /** What was counted. */
  counts: PageCounts;
}

serve<ExtractSetup, DumpPiece, ExtractedPiece>((setup) => (piece) => {
  const lines: string[] = [];
  const counts = noCounts();
  const take = (page: WikiPage): void => {
    const line = documentLine(page, setup, counts);
    if (line !== undefined) lines.push(line);
  };
  if (piece.kind === "streams") readStreams(piece, setup, take);
  else readXml(piece, setup, take);
  const segment = lines.length > 0 ? compressSegment(lines.join("")) : undefined;
  const result = { part: piece.part, read: piece.read, segment, counts };
  return Promise.resolve({ result, transfer: segment ? [segment.bytes.buffer] : [] });
});

/** A page as a line of output; undefined where it is left out. */
function documentLine(
  page: WikiPage,
  { clean, minLength, dropLists }: ExtractSetup,
  total: PageCounts,
): string | undefined {
  const counts = { ...noCounts(), pages: 1 };
  let reason = dropReason(page, dropLists);
  let text = "";
  try {
    if (reason === undefined) text = cleanWikitext(page.wikitext, { ...clean, title: page.title });
    if (reason === undefined && text.length < minLength) reason = "short";
  } catch (error) {
    if (!(error instanceof StepLimit)) throw error;
    reason = "too complex";
  }
  if (reason === undefined) {
    counts.documents = 1;
    counts.characters = text.length;
    const leftovers = countLeftovers(text);
    if (leftovers) {
      const kinds = (Object.keys(leftovers) as (keyof typeof leftovers)[])
        .filter((kind) => leftovers[kind] > 0);
      const sum = kinds.reduce((sum, kind) => sum + leftovers[kind], 0);
      counts.pagesWithLeftovers = 1;
      counts.leftovers = leftovers;
      counts.worst = [{ id: page.id, title: page.title, leftovers: sum, kinds }];
    }
  } else {
    counts.dropped[reason]++;
  }
  addCounts(total, counts);
  const { id, title } = page;
  return reason === undefined ? JSON.stringify({ id, title, text }) + "\n" : undefined;
}

/** Parses XML that was decoded before. */
function readXml(
  piece: DumpPiece & { kind: "xml" },
  { name, converted }: ExtractSetup,
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
  { dump, size, name }: ExtractSetup,
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
    throw new PipelineError(`${what} inside <${open.join("><")}>; download it again`);
  }
}
