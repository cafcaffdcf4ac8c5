/**
 * Sums and best paths over all ways to cut a text, for training.
 *
 * @module
 */
import type { PieceTable } from "./seeds.ts";
import { Trie } from "./trie.ts";
import { UNKNOWN_PENALTY } from "./unigram.ts";

/** log(eᵃ + eᵇ) */
function logAdd(a: number, b: number): number {
  if (a === -Infinity) return b;
  const [high, low] = a > b ? [a, b] : [b, a];
  return high + Math.log1p(Math.exp(low - high));
}

/** The lattice of one table of pieces; its arrays are reused from text to text. */
export class Lattice {
  readonly #trie = new Trie();
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  #edgeStart = new Int32Array(4096);
  #edgeEnd = new Int32Array(4096);
  #edgeId = new Int32Array(4096);
  #edges = 0;
  #alpha = new Float64Array(1024);
  #beta = new Float64Array(1024);

  /** Indexes the pieces. */
  constructor({ texts, scores }: PieceTable) {
    texts.forEach((text, id) => this.#trie.set(text, id));
    this.#scores = scores;
    this.#unknownScore = scores.reduce((least, score) => Math.min(least, score), 0) -
      UNKNOWN_PENALTY;
  }

  #score(id: number): number {
    return id < 0 ? this.#unknownScore : this.#scores[id];
  }

  /** Lists the edges of a text in the order of their starts. */
  #build(text: string): void {
    this.#edges = 0;
    const trie = this.#trie, values = trie.values, length = text.length;
    for (let start = 0; start < length;) {
      const unit = text.charCodeAt(start);
      const width = unit >= 0xd800 && unit < 0xdc00 && start + 1 < length ? 2 : 1;
      let single = false, node = 0;
      for (let end = start; end < length;) {
        node = trie.child(node, text.charCodeAt(end++));
        if (node === -1) break;
        if (values[node] < 0) continue;
        this.#edge(start, end, values[node]);
        if (end - start === width) single = true;
      }
      if (!single) this.#edge(start, start + width, -1);
      start += width;
    }
    if (this.#alpha.length <= length) {
      this.#alpha = new Float64Array(2 * length + 2);
      this.#beta = new Float64Array(2 * length + 2);
    }
  }

  #edge(start: number, end: number, id: number): void {
    if (this.#edges === this.#edgeStart.length) {
      for (const name of ["start", "end", "id"] as const) this.#grow(name);
    }
    this.#edgeStart[this.#edges] = start;
    this.#edgeEnd[this.#edges] = end;
    this.#edgeId[this.#edges++] = id;
  }

  #grow(name: "start" | "end" | "id"): void {
    const old = name === "start" ? this.#edgeStart : name === "end" ? this.#edgeEnd : this.#edgeId;
    const grown = new Int32Array(2 * old.length);
    grown.set(old);
    if (name === "start") this.#edgeStart = grown;
    else if (name === "end") this.#edgeEnd = grown;
    else this.#edgeId = grown;
  }

  /**
   * Adds to `expected` how often each piece is expected in a text that occurs `count` times
   * (forward–backward); returns count · log likelihood.
   */
  addExpected(text: string, count: number, expected: Float64Array): number {
    this.#build(text);
    const { length } = text;
    const alpha = this.#alpha, beta = this.#beta;
    alpha.fill(-Infinity, 0, length + 1);
    beta.fill(-Infinity, 0, length + 1);
    alpha[0] = 0;
    beta[length] = 0;
    for (let e = 0; e < this.#edges; e++) {
      const end = this.#edgeEnd[e];
      const reached = alpha[this.#edgeStart[e]] + this.#score(this.#edgeId[e]);
      alpha[end] = logAdd(alpha[end], reached);
    }
    for (let e = this.#edges - 1; e >= 0; e--) {
      const start = this.#edgeStart[e];
      const left = beta[this.#edgeEnd[e]] + this.#score(this.#edgeId[e]);
      beta[start] = logAdd(beta[start], left);
    }
    const total = alpha[length];
    for (let e = 0; e < this.#edges; e++) {
      const id = this.#edgeId[e];
      if (id < 0) continue;
      const path = alpha[this.#edgeStart[e]] + this.#scores[id] + beta[this.#edgeEnd[e]];
      expected[id] += count * Math.exp(path - total);
    }
    return count * total;
  }

  /** The ids of the best path; −1 for an unknown character. */
  best(text: string): number[] {
    return this.twoBest(text, 1)[0];
  }

  /** The ids of the best path and of the second best where there is one. */
  twoBest(text: string, count = 2): number[][] {
    this.#build(text);
    const { length } = text;
    // For each place, up to `count` ways to reach it: score, edge, and which way to the edge's start.
    const scores = new Float64Array(count * (length + 1)).fill(-Infinity);
    const edges = new Int32Array(count * (length + 1)).fill(-1);
    const ways = new Int32Array(count * (length + 1));
    scores[0] = 0;
    for (let e = 0; e < this.#edges; e++) {
      const from = count * this.#edgeStart[e], to = count * this.#edgeEnd[e];
      for (let way = 0; way < count && scores[from + way] > -Infinity; way++) {
        const score = scores[from + way] + this.#score(this.#edgeId[e]);
        let place = count;
        while (place > 0 && score > scores[to + place - 1]) place--;
        if (place === count) break;
        for (let i = count - 1; i > place; i--) {
          scores[to + i] = scores[to + i - 1];
          edges[to + i] = edges[to + i - 1];
          ways[to + i] = ways[to + i - 1];
        }
        scores[to + place] = score;
        edges[to + place] = e;
        ways[to + place] = way;
      }
    }
    const paths: number[][] = [];
    for (let way = 0; way < count && edges[count * length + way] >= 0; way++) {
      const path: number[] = [];
      for (let place = length, current = way; place > 0;) {
        const at = count * place + current;
        const edge = edges[at];
        path.push(this.#edgeId[edge]);
        current = ways[at];
        place = this.#edgeStart[edge];
      }
      paths.push(path.reverse());
    }
    return paths;
  }
}
