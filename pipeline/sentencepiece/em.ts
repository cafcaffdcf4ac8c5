/**
 * Expectation maximisation and pruning of the unigram model (Kudo, ACL 2018).
 *
 * @module
 */
import { Lattice } from "./lattice.ts";
import type { PieceTable } from "./seeds.ts";

/** Texts with their counts. */
export type WordCounts = readonly (readonly [string, number])[];

/** Pieces expected less often than this are dropped. */
const LEAST_EXPECTED = 0.5;

/** The logarithmic derivative of Γ. */
export function digamma(x: number): number {
  let result = 0;
  for (; x < 7; x++) result -= 1 / x;
  x -= 0.5;
  const inverse = 1 / (x * x);
  return result + Math.log(x) +
    inverse * (1 / 24 - inverse * (7 / 960 - inverse * (31 / 8064 - inverse * (127 / 30720))));
}

/** One round: expected counts, then scores from them; rare pieces go. */
export function maximize(pieces: PieceTable, words: WordCounts): PieceTable {
  const expected = new Float64Array(pieces.texts.length);
  const lattice = new Lattice(pieces);
  for (const [word, count] of words) lattice.addExpected(word, count, expected);
  const texts: string[] = [], counts: number[] = [];
  expected.forEach((count, id) => {
    if (count < LEAST_EXPECTED) return;
    texts.push(pieces.texts[id]);
    counts.push(count);
  });
  const total = digamma(counts.reduce((sum, count) => sum + count, 0));
  return { texts, scores: Float64Array.from(counts, (count) => digamma(count) - total) };
}

/**
 * Drops the pieces whose loss costs the least likelihood, until `target` are left or a share of
 * `shrinkingFactor`.
 */
export function prune(
  pieces: PieceTable,
  words: WordCounts,
  target: number,
  shrinkingFactor: number,
): PieceTable {
  const { texts, scores } = pieces;
  const lattice = new Lattice(pieces);
  // What would stand in a piece's place: nothing where it must stay, undefined where it may go.
  const alternatives = texts.map((text): number[] | undefined => {
    const paths = lattice.twoBest(text);
    if (paths.length === 1) return [];
    return paths[0].length > 1 ? undefined : paths[1];
  });
  const frequency = new Float64Array(texts.length);
  const share = new Float64Array(texts.length);
  let wordTotal = 0;
  for (const [word, count] of words) {
    wordTotal += count;
    const path = lattice.best(word);
    for (const id of path) if (id >= 0) frequency[id] += count;
    for (const id of new Set(path)) if (id >= 0) share[id] += count;
  }
  const total = frequency.reduce((sum, count) => sum + count, 0);
  const logTotal = Math.log(total);
  const kept: number[] = [];
  const candidates: { id: number; loss: number }[] = [];
  alternatives.forEach((alternative, id) => {
    if (frequency[id] === 0 || alternative === undefined) return;
    if (alternative.length === 0) {
      kept.push(id);
      return;
    }
    // If the piece goes, its alternatives stand in its place.
    const grown = Math.log(total + frequency[id] * (alternative.length - 1));
    let without = 0;
    for (const other of alternative) {
      without += Math.log((other < 0 ? 0 : frequency[other]) + frequency[id]) - grown;
    }
    const loss = share[id] / wordTotal * (Math.log(frequency[id]) - logTotal - without);
    candidates.push({ id, loss });
  });
  const size = Math.max(target, Math.floor(shrinkingFactor * texts.length));
  candidates.sort((a, b) => b.loss - a.loss || a.id - b.id);
  for (const { id } of candidates.slice(0, Math.max(0, size - kept.length))) kept.push(id);
  return {
    texts: kept.map((id) => texts[id]),
    scores: Float64Array.from(kept, (id) => scores[id]),
  };
}
