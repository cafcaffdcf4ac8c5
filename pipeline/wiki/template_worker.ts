/** A worker that collects templates: pieces of a dump in, those pages out that a library can use. */

import { serve } from "../ordered_workers.ts";
import type { DumpPiece } from "./dump.ts";
import { type DumpSetup, readPiece } from "./piece_pages.ts";
import { isUseful, type TemplatePage } from "./template_library.ts";

const TEMPLATES = 10;

/** What came of a piece. */
export interface CollectedPiece {
  /** Bytes of the dump that were read for it. */
  read: number;
  /** Pages seen. */
  pages: number;
  /** Templates of them. */
  templates: TemplatePage[];
}

serve<DumpSetup, DumpPiece, CollectedPiece>((setup) => (piece) => {
  const templates: TemplatePage[] = [];
  let pages = 0;
  readPiece(piece, setup, ({ title, namespace, wikitext, model = "wikitext" }) => {
    pages++;
    if (namespace !== TEMPLATES || model !== "wikitext") return;
    if (isUseful({ title, wikitext })) templates.push({ title, wikitext });
  });
  return Promise.resolve({ result: { read: piece.read, pages, templates }, transfer: [] });
});
