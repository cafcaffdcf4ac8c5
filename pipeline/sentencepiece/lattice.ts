/**
 * Sums and best paths over all ways to cut a word into pieces, for training.
 *
 * @module
 */
import type { Trie } from "./trie.ts";
import { UNKNOWN_PENALTY } from "./unigram.ts";

/** The pieces of one round. */
export interface LatticePieces {
  /** Finds pieces by their codes. */
  readonly trie: Trie;
  /** Log probabilities. */
  readonly scores: Float64Array;
}

/**
 * What an unknown character counts for: the original's trainer takes it for the first piece, which is
 * the most frequent character.
 */
export const UNKNOWN_ID = 0;

/** Sums smaller than this are scaled up, so that long words do not vanish. */
const SMALL = 2 ** -300, SCALE = 2 ** 300;

/**
 * Adding and taking away this rounds to a multiple of 2⁻²⁰. Sums of such numbers are exact, so that
 * they do not depend on the order in which threads add.
 */
const ROUND = 1.5 * 2 ** 32;

/** The lattices of words; arrays are reused from word to word. */
export class Lattice {
  readonly #text: ArrayLike<number>;
  #trie: Trie;
  #probabilities = new Float64Array(0);
  #scores = new Float32Array(0);
  #unknownProbability = 0;
  #unknownScore = 0;
  #ends = new Int32Array(4096);
  #ids = new Int32Array(4096);
  /** Where the edges from each place start. */
  #first = new Int32Array(0);
  #alpha = new Float64Array(0);
  #beta = new Float64Array(0);
  /** Where a scaling took place, the furthest place that it touched; else 0. */
  #reaches = new Int32Array(0);
  #best = new Float32Array(0);
  #back = new Int32Array(0);
  #through = new Int32Array(0);

  /** @param text codes of characters, in which words are ranges. */
  constructor(text: ArrayLike<number>, pieces: LatticePieces) {
    this.#text = text;
    this.#trie = pieces.trie;
    this.use(pieces);
  }

  /** Goes on with other pieces. */
  use({ trie, scores }: LatticePieces): void {
    this.#trie = trie;
    if (scores.length > this.#scores.length) {
      this.#scores = new Float32Array(scores.length);
      this.#probabilities = new Float64Array(scores.length);
    }
    let least = 0;
    for (let id = 0; id < scores.length; id++) {
      this.#scores[id] = scores[id];
      this.#probabilities[id] = Math.exp(scores[id]);
      least = Math.min(least, scores[id]);
    }
    this.#unknownScore = least - UNKNOWN_PENALTY;
    this.#unknownProbability = Math.exp(this.#unknownScore);
  }

  /**
   * Adds to `expected` how often each piece is expected in a word that is counted `count` times
   * (forward–backward in probabilities, scaled); returns count · log likelihood.
   */
  addExpected(from: number, to: number, count: number, expected: Float64Array): number {
    const length = to - from;
    this.#reserve(length);
    const text = this.#text, { cells, values } = this.#trie, probabilities = this.#probabilities;
    const alpha = this.#alpha, beta = this.#beta, first = this.#first, reaches = this.#reaches;
    let ends = this.#ends, ids = this.#ids;
    alpha.fill(0, 0, length + 1);
    alpha[0] = 1;
    let edges = 0, reach = 1, scalings = 0;
    for (let start = 0; start < length; start++) {
      reaches[start] = 0;
      if (alpha[start] < SMALL) {
        for (let at = start; at <= reach; at++) alpha[at] *= SCALE;
        reaches[start] = reach;
        scalings++;
      }
      if (edges + length - start + 1 > ends.length) [ends, ids] = this.#growEdges(edges + length);
      first[start] = edges;
      const here = alpha[start];
      let single = false, node = 0;
      for (let end = start; end < length;) {
        const next = cells[2 * node] + text[from + end];
        if (cells[2 * next + 1] !== node) break;
        node = next;
        end++;
        const id = values[node];
        if (id < 0) continue;
        if (end === start + 1) single = true;
        alpha[end] += here * probabilities[id];
        ends[edges] = end;
        ids[edges++] = id;
        if (end > reach) reach = end;
      }
      if (!single) {
        alpha[start + 1] += here * this.#unknownProbability;
        ends[edges] = start + 1;
        ids[edges++] = -1;
        if (start + 1 > reach) reach = start + 1;
      }
    }
    first[length] = edges;
    const total = alpha[length];
    // Counting from the end, each edge's share is known once the sum behind it is.
    beta.fill(0, 0, length + 1);
    beta[length] = 1 / total;
    for (let start = length - 1; start >= 0; start--) {
      let sum = 0;
      for (let edge = first[start]; edge < first[start + 1]; edge++) {
        const id = ids[edge];
        const probability = id < 0 ? this.#unknownProbability : probabilities[id];
        const behind = probability * beta[ends[edge]];
        sum += behind;
        const share = count * alpha[start] * behind;
        expected[id < 0 ? UNKNOWN_ID : id] += (share + ROUND) - ROUND;
      }
      beta[start] = sum;
      if (reaches[start] > 0) {
        // Sums before this place were not scaled up; those behind it were.
        for (let at = start; at <= reaches[start]; at++) beta[at] *= SCALE;
      }
    }
    return count * (Math.log(total) - scalings * Math.log(SCALE));
  }

  /**
   * Finds the best path of a range: its ids from right to left, −1 for an unknown character. Without
   * `whole`, the piece that is the range itself does not take part.
   */
  best(from: number, to: number, whole: boolean, path: number[]): number {
    const length = to - from;
    this.#reserve(length);
    const text = this.#text, { cells, values } = this.#trie, scores = this.#scores;
    const best = this.#best, back = this.#back, through = this.#through;
    back.fill(-1, 0, length + 1);
    best[0] = 0;
    for (let start = 0; start < length; start++) {
      const here = best[start];
      let single = false, node = 0;
      for (let end = start; end < length;) {
        const next = cells[2 * node] + text[from + end];
        if (cells[2 * next + 1] !== node) break;
        node = next;
        end++;
        const id = values[node];
        if (id < 0 || (!whole && end - start === length)) continue;
        if (end === start + 1) single = true;
        const candidate = Math.fround(here + scores[id]);
        if (back[end] < 0 || candidate > best[end]) {
          best[end] = candidate;
          back[end] = start;
          through[end] = id;
        }
      }
      if (!single) {
        const candidate = Math.fround(here + this.#unknownScore);
        if (back[start + 1] < 0 || candidate > best[start + 1]) {
          best[start + 1] = candidate;
          back[start + 1] = start;
          through[start + 1] = -1;
        }
      }
    }
    path.length = 0;
    for (let end = length; end > 0; end = back[end]) path.push(through[end]);
    return best[length];
  }

  #growEdges(size: number): [Int32Array<ArrayBuffer>, Int32Array<ArrayBuffer>] {
    const [ends, ids] = [new Int32Array(2 * size), new Int32Array(2 * size)];
    ends.set(this.#ends);
    ids.set(this.#ids);
    return [this.#ends = ends, this.#ids = ids];
  }

  #reserve(length: number): void {
    if (length < this.#alpha.length) return;
    const size = 2 * length + 64;
    this.#first = new Int32Array(size);
    this.#alpha = new Float64Array(size);
    this.#beta = new Float64Array(size);
    this.#reaches = new Int32Array(size);
    this.#best = new Float32Array(size);
    this.#back = new Int32Array(size);
    this.#through = new Int32Array(size);
  }
}
