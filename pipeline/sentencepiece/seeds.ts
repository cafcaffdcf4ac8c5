/**
 * Seed pieces: the alphabet and the frequent substrings of the sentences.
 *
 * @module
 */
import type { Corpus } from "./corpus.ts";
import { type PieceRules, PieceShapes } from "./shapes.ts";
import { commonPrefixes, suffixArray, visitRepeats } from "./suffix_array.ts";

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
  const found = new Substrings();
  visitRepeats(sa, commonPrefixes(text, sa), (rank, length, occurrences) => {
    if (length < 2 || !shapes.isValid(text, sa[rank], length)) return;
    found.add(rank, length, occurrences * length);
  });
  found.keepBest(seedSize);
  // The suffixes that start with a character follow each other, in the order of the codes.
  let rank = 0;
  const starts = new Int32Array(unknown + 2);
  for (const code of text) starts[code + 1]++;
  for (let code = 1; code < starts.length; code++) starts[code] += starts[code - 1];
  for (const occurrences of alphabet.values()) {
    rank++;
    if (occurrences > 0) found.add(starts[rank], 1, occurrences);
  }
  const { count, ranks, lengths, scores } = found;
  // Sorted by rank, then by length, seeds are sorted by their codes.
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = ranks[i] * LENGTHS + lengths[i];
  const order = new Int32Array(count).map((_, i) => i);
  order.sort((a, b) => keys[a] - keys[b]);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += scores[i];
  const logSum = Math.log(sum);
  return {
    places: order.map((i) => sa[ranks[i]]),
    lengths: order.map((i) => lengths[i]),
    scores: Float64Array.from(order, (i) => Math.log(scores[i]) - logSum),
  };
}

/** Substrings as the rank of a suffix that starts with them, their length and their score. */
class Substrings {
  count = 0;
  ranks = new Int32Array(1 << 16);
  lengths = new Uint16Array(1 << 16);
  scores = new Float64Array(1 << 16);

  add(rank: number, length: number, score: number): void {
    if (this.count === this.ranks.length) this.#resize(1.5 * this.count);
    this.ranks[this.count] = rank;
    this.lengths[this.count] = length;
    this.scores[this.count++] = score;
  }

  /** Keeps those of highest score; of equals, the first. */
  keepBest(size: number): void {
    if (this.count <= size) return;
    const { ranks, lengths, scores } = this;
    const least = scores.slice(0, this.count).sort()[this.count - size];
    let ties = size;
    for (let i = 0; i < this.count; i++) if (scores[i] > least) ties--;
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      if (scores[i] < least || (scores[i] === least && ties-- <= 0)) continue;
      ranks[kept] = ranks[i];
      lengths[kept] = lengths[i];
      scores[kept++] = scores[i];
    }
    this.count = kept;
    this.#resize(kept);
  }

  #resize(size: number): void {
    const { ranks, lengths, scores } = this;
    this.ranks = new Int32Array(size);
    this.lengths = new Uint16Array(size);
    this.scores = new Float64Array(size);
    this.ranks.set(ranks.subarray(0, size));
    this.lengths.set(lengths.subarray(0, size));
    this.scores.set(scores.subarray(0, size));
  }
}
