/**
 * Seed pieces: the alphabet and the frequent substrings of the sentences.
 *
 * @module
 */
import type { Corpus } from "./corpus.ts";
import { type PieceRules, PieceShapes } from "./shapes.ts";
import { longestCommonPrefixes, suffixArray, visitRepeats } from "./suffix_array.ts";

/** Pieces under training, sorted by their codes. */
export interface PieceTable {
  /** Where in the text of the corpus each piece stands. */
  readonly places: Int32Array;
  /** Characters of each piece. */
  readonly lengths: Int32Array;
  /** Log probabilities. */
  readonly scores: Float64Array;
}

/** Pieces a place can start, for packing place and length into one number. */
const LENGTHS = 1024;

/** Alphabet and frequent substrings with log(score / Σ score), score = occurrences × length. */
export function makeSeeds(
  corpus: Pick<Corpus, "text" | "alphabet" | "unknown">,
  rules: PieceRules,
  seedSize: number,
): PieceTable {
  const { text, alphabet, unknown } = corpus;
  const shapes = new PieceShapes([...alphabet.keys()], rules);
  const sa = suffixArray(text, unknown + 1);
  const lcp = longestCommonPrefixes(text, sa);
  // Rank and length in one number: sorted by it, seeds are sorted by their codes.
  let keys = new Float64Array(1 << 16), scores = new Float64Array(1 << 16);
  let count = 0;
  const add = (rank: number, length: number, score: number): void => {
    if (count === keys.length) {
      const [k, s] = [new Float64Array(2 * count), new Float64Array(2 * count)];
      k.set(keys);
      s.set(scores);
      [keys, scores] = [k, s];
    }
    keys[count] = rank * LENGTHS + length;
    scores[count++] = score;
  };
  visitRepeats(lcp, (rank, length, occurrences) => {
    if (length < 2 || !shapes.isValid(text, sa[rank], length)) return;
    add(rank, length, occurrences * length);
  });
  if (count > seedSize) {
    const least = Float64Array.from(scores.subarray(0, count)).sort()[count - seedSize];
    let ties = seedSize;
    for (let i = 0; i < count; i++) if (scores[i] > least) ties--;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      if (scores[i] < least || (scores[i] === least && ties-- <= 0)) continue;
      keys[kept] = keys[i];
      scores[kept++] = scores[i];
    }
    count = kept;
  }
  // The suffixes that start with a character follow each other, in the order of the codes.
  let rank = 0;
  const starts = new Int32Array(unknown + 2);
  for (const code of text) starts[code + 1]++;
  for (let code = 1; code < starts.length; code++) starts[code] += starts[code - 1];
  for (const occurrences of alphabet.values()) {
    rank++;
    if (occurrences > 0) add(starts[rank], 1, occurrences);
  }
  const order = new Int32Array(count).map((_, i) => i);
  order.sort((a, b) => keys[a] - keys[b]);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += scores[i];
  const logSum = Math.log(sum);
  return {
    places: order.map((i) => sa[Math.floor(keys[i] / LENGTHS)]),
    lengths: order.map((i) => keys[i] % LENGTHS),
    scores: Float64Array.from(order, (i) => Math.log(scores[i]) - logSum),
  };
}
