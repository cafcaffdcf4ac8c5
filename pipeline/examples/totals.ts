/** Counting examples. */

import { LENGTH_BINS, type SplitTotals } from "./manifest.ts";

/** Totals that count nothing yet. */
export function emptyTotals(): SplitTotals {
  return {
    documents: 0,
    examples: 0,
    tokens: 0,
    cutTokens: 0,
    lengthHistogram: new Array<number>(LENGTH_BINS).fill(0),
  };
}

/** Counts one example of `length` real tokens, 1 … maxSeqLength. */
export function countExample(totals: SplitTotals, length: number, maxSeqLength: number): void {
  totals.examples++;
  totals.tokens += length;
  totals.lengthHistogram[Math.ceil(length * LENGTH_BINS / maxSeqLength) - 1]++;
}

/** Adds `more` to `totals`, in place. */
export function addTotals(totals: SplitTotals, more: SplitTotals): void {
  totals.documents += more.documents;
  totals.examples += more.examples;
  totals.tokens += more.tokens;
  totals.cutTokens += more.cutTokens;
  more.lengthHistogram.forEach((count, bin) => totals.lengthHistogram[bin] += count);
}
