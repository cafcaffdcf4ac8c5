/**
 * The unigram encoder: the most probable way to cut a line into pieces (Kudo, ACL 2018).
 *
 * @module
 */
import { type Piece, PieceType } from "./model_proto.ts";
import { Trie } from "./trie.ts";

/** What the unknown character costs beside the least probable piece. */
export const UNKNOWN_PENALTY = 10;

/** Cuts normalised lines; details decide equal ids with the original, so they are kept. */
export class UnigramEncoder {
  readonly #trie = new Trie();
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  #best = new Float32Array(1024);
  #back = new Int32Array(1024);
  #ids = new Int32Array(1024);

  /** @param pieces in the order of their ids. */
  constructor(pieces: readonly Piece[]) {
    this.#scores = new Float64Array(pieces.length);
    let least = Infinity, most = -Infinity;
    for (const { score, type } of pieces) {
      if (type !== PieceType.NORMAL) continue;
      least = Math.min(least, score);
      most = Math.max(most, score);
    }
    if (least === Infinity) least = most = 0;
    const text = new TextEncoder();
    pieces.forEach(({ piece, score, type }, id) => {
      if (type !== PieceType.NORMAL && type !== PieceType.USER_DEFINED) return;
      this.#trie.set(piece, id);
      this.#scores[id] = type === PieceType.USER_DEFINED
        ? Math.fround(Math.fround(text.encode(piece).length * Math.fround(most)) - 0.1)
        : score;
    });
    this.#unknownScore = Math.fround(least - UNKNOWN_PENALTY);
  }

  /**
   * Visits the pieces of the best path from left to right.
   *
   * @param visit receives start, end (in UTF-16 units) and id; −1 for an unknown character.
   */
  encode(text: string, visit: (start: number, end: number, id: number) => void): void {
    const length = text.length;
    if (length === 0) return;
    this.#reserve(length + 1);
    const best = this.#best, back = this.#back, ids = this.#ids;
    const trie = this.#trie, values = trie.values, scores = this.#scores;
    back.fill(-1, 0, length + 1);
    best[0] = 0;
    for (let start = 0; start < length;) {
      const unit = text.charCodeAt(start);
      const width = unit >= 0xd800 && unit < 0xdc00 && start + 1 < length ? 2 : 1;
      const here = best[start];
      let single = false, node = 0;
      for (let end = start; end < length;) {
        node = trie.child(node, text.charCodeAt(end++));
        if (node === -1) break;
        const id = values[node];
        if (id < 0) continue;
        // In double, and compared before it is rounded into storage.
        const candidate = scores[id] + here;
        if (back[end] === -1 || candidate > best[end]) {
          best[end] = candidate;
          back[end] = start;
          ids[end] = id;
        }
        if (end - start === width) single = true;
      }
      if (!single) {
        const end = start + width;
        const candidate = Math.fround(here + this.#unknownScore);
        if (back[end] === -1 || candidate > best[end]) {
          best[end] = candidate;
          back[end] = start;
          ids[end] = -1;
        }
      }
      start += width;
    }
    // The path is found from its end; turn it around in place of a list.
    let count = 0;
    for (let end = length; end > 0; end = back[end]) count++;
    const ends = new Int32Array(count);
    for (let end = length; end > 0; end = back[end]) ends[--count] = end;
    for (const end of ends) visit(back[end], end, ids[end]);
  }

  #reserve(size: number): void {
    if (size <= this.#best.length) return;
    this.#best = new Float32Array(2 * size);
    this.#back = new Int32Array(2 * size);
    this.#ids = new Int32Array(2 * size);
  }
}
