/** A worker of `extract`: pieces of a dump in, compressed documents and counts out. */

import { serve } from "../ordered_workers.ts";
import { compressSegment, type GzipSegment } from "../text/gzip_segments.ts";
import { type CleanOptions, cleanWikitext } from "./clean.ts";
import { addCounts, noCounts, type PageCounts } from "./counts.ts";
import type { DumpPiece } from "./dump.ts";
import { dropReason } from "./filter.ts";
import { countLeftovers } from "./leftovers.ts";
import { countHeadings, countHoles, droppedTemplates, noLosses } from "./losses.ts";
import type { WikiPage } from "./pages.ts";
import { type DumpSetup, readPiece } from "./piece_pages.ts";
import { StepLimit } from "./steps.ts";

/** What each worker is told once. */
export interface ExtractSetup extends DumpSetup {
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
  readPiece(piece, setup, take);
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
  const losses = noLosses();
  let text = "";
  try {
    if (reason === undefined) {
      text = cleanWikitext(page.wikitext, { ...clean, title: page.title }, undefined, losses);
    }
    if (reason === undefined && text.length < minLength) reason = "short";
  } catch (error) {
    if (!(error instanceof StepLimit)) throw error;
    reason = "too complex";
  }
  if (reason === undefined) {
    counts.documents = 1;
    counts.characters = text.length;
    counts.wikitext = page.wikitext.length;
    counts.losses = losses;
    counts.holes = countHoles(text);
    counts.headings = countHeadings(text);
    const lost = droppedTemplates(losses) + losses.listItems + losses.sentences + counts.holes +
      counts.headings;
    if (lost > 0) {
      const shown = Number((text.length / page.wikitext.length).toFixed(3));
      counts.lossiest = [{ id: page.id, title: page.title, lost, shown }];
    }
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
