/** A thread that makes the seeds: minutes of work in one piece, during which Ctrl-C must still be heard. */
import { serve } from "../ordered_workers.ts";
import type { Corpus } from "./corpus.ts";
import { makeSeeds, type PieceTable } from "./seeds.ts";
import type { PieceRules } from "./shapes.ts";

/** What seeds are made from. */
export interface SeedItem {
  readonly corpus: Pick<Corpus, "text" | "alphabet" | "unknown">;
  readonly rules: PieceRules;
  readonly seedSize: number;
}

serve<undefined, SeedItem, PieceTable>(() => ({ corpus, rules, seedSize }) => {
  const result = makeSeeds(corpus, rules, seedSize);
  const transfer = [result.places.buffer, result.lengths.buffer, result.scores.buffer];
  return Promise.resolve({ result, transfer: transfer as ArrayBuffer[] });
});
