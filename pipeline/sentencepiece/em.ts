/**
 * Expectation maximisation and pruning of the unigram model (Kudo, ACL 2018), in threads that share the
 * text.
 *
 * @module
 */
import { WorkerLane } from "../ordered_workers.ts";
import type { Codes, Corpus } from "./corpus.ts";
import type { EmResult, EmSetup, EmTask } from "./em_worker.ts";
import type { LatticePieces } from "./lattice.ts";
import type { PieceTable } from "./seeds.ts";
import { buildTrie, TrieCells } from "./trie.ts";

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

/** Runs EM on the words of a corpus. */
export class Expectation {
  readonly #text: Codes;
  readonly #greatest: number;
  readonly #words: number;
  readonly #lanes: readonly WorkerLane<EmResult>[];
  readonly #cells = new TrieCells(true);
  #scores = new Float64Array(new SharedArrayBuffer(0));

  /** Starts the threads. */
  constructor({ text, words, unknown }: Corpus, threads: number) {
    this.#text = text;
    this.#greatest = unknown;
    let counted = 0;
    for (let i = 2; i < words.length; i += 3) counted += words[i];
    this.#words = counted;
    this.#lanes = shares(words, threads).map((share) => {
      const setup: EmSetup = { text, words: share };
      return new WorkerLane<EmResult>(new URL("./em_worker.ts", import.meta.url), setup);
    });
  }

  /** Ends the threads. */
  stop(): void {
    for (const lane of this.#lanes) lane.stop();
  }

  /** One round: expected counts, then scores from them; rare pieces go. */
  async maximize(table: PieceTable): Promise<PieceTable> {
    const expected = await this.#count("expect", table, this.#index(table));
    const kept: number[] = [];
    let sum = 0;
    expected.forEach((count, id) => {
      if (count < LEAST_EXPECTED) return;
      kept.push(id);
      sum += count;
    });
    const total = digamma(sum);
    return {
      ...pick(table, kept),
      scores: Float64Array.from(kept, (id) => digamma(expected[id]) - total),
    };
  }

  /**
   * Drops the pieces whose loss costs the least likelihood, until `target` are left or a share of
   * `shrinkingFactor`.
   */
  async prune(table: PieceTable, target: number, shrinkingFactor: number): Promise<PieceTable> {
    const { places, lengths } = table;
    const pieces = this.#index(table);
    const frequency = await this.#count("count", table, pieces);
    const kept: number[] = [];
    const open: number[] = [];
    frequency.forEach((count, id) => {
      // A single character cannot be spelt by other pieces.
      if (count > 0) (lengths[id] === 1 ? kept : open).push(id);
    });
    const per = Math.ceil(open.length / this.#lanes.length);
    const answers = await Promise.all(this.#lanes.map((lane, i) => {
      const ranges = new Int32Array(3 * Math.max(0, Math.min(per, open.length - i * per)));
      for (let at = 0; at < ranges.length; at += 3) {
        const id = open[i * per + at / 3];
        ranges[at] = places[id];
        ranges[at + 1] = places[id] + lengths[id];
        ranges[at + 2] = id;
      }
      return lane.send({ kind: "replace", pieces, ranges } satisfies EmTask, []);
    }));
    const total = frequency.reduce((sum, count) => sum + count, 0);
    const logTotal = Math.log(total);
    const candidates: number[] = [], losses = new Float64Array(places.length);
    let next = 0;
    for (const { numbers } of answers) {
      for (let at = 0; at < numbers.length; at += numbers[at] + 1) {
        const id = open[next++], size = numbers[at], count = frequency[id];
        if (size === 0) continue;
        // If the piece goes, its replacement grows as often as it stood, and the sum of all by count ·
        // (size − 1). The original's program has the number of all pieces for the size; so have we, for
        // equal vocabularies.
        const grown = Math.log(total + count * (places.length - 1));
        let without = 0;
        for (let i = at + 1; i <= at + size; i++) {
          without += Math.log(frequency[numbers[i]] + count) - grown;
        }
        losses[id] = count / this.#words * (Math.log(count) - logTotal - without);
        candidates.push(id);
      }
    }
    const size = Math.max(target, Math.floor(shrinkingFactor * places.length));
    candidates.sort((a, b) => losses[b] - losses[a] || a - b);
    for (const id of candidates.slice(0, Math.max(0, size - kept.length))) kept.push(id);
    return pick(table, Int32Array.from(kept).sort());
  }

  async #count(
    kind: "expect" | "count",
    table: PieceTable,
    pieces: LatticePieces,
  ): Promise<Float64Array> {
    const counts = new Float64Array(table.places.length);
    const answers = this.#lanes.map((lane) => lane.send({ kind, pieces } satisfies EmTask, []));
    for (const answer of answers) {
      const { numbers } = await answer;
      for (let id = 0; id < counts.length; id++) counts[id] += numbers[id];
    }
    return counts;
  }

  /** The pieces for the threads, in memory that they share; what was there before is overwritten. */
  #index({ places, lengths, scores }: PieceTable): LatticePieces {
    const keys = { codes: this.#text, places, lengths, greatest: this.#greatest };
    const trie = buildTrie(keys, this.#cells);
    if (scores.length > this.#scores.length) {
      this.#scores = new Float64Array(new SharedArrayBuffer(scores.byteLength));
    }
    this.#scores.set(scores);
    return { trie, scores: this.#scores.subarray(0, scores.length) };
  }
}

/** Cuts the list of words into one part for each thread, of about equal length in characters. */
function shares(words: Int32Array, threads: number): Int32Array[] {
  let total = 0;
  for (let i = 0; i < words.length; i += 3) total += words[i + 1] - words[i];
  const parts: Int32Array[] = [];
  let start = 0, sum = 0;
  for (let i = 0; i < words.length; i += 3) {
    sum += words[i + 1] - words[i];
    if (sum * threads < total * (parts.length + 1)) continue;
    parts.push(words.subarray(start, i + 3));
    start = i + 3;
  }
  return parts;
}

function pick({ places, lengths, scores }: PieceTable, ids: ArrayLike<number>): PieceTable {
  return {
    places: Int32Array.from(ids, (id) => places[id]),
    lengths: Int32Array.from(ids, (id) => lengths[id]),
    scores: Float64Array.from(ids, (id) => scores[id]),
  };
}
