/**
 * The unigram encoder: the most probable way to cut a line into pieces (Kudo, ACL 2018).
 *
 * @module
 */
import { type Piece, PieceType } from "./model_proto.ts";
import { StringTrie } from "./trie.ts";

/** A path: the end and the id of each piece, with room to spare. */
export class Path {
  /** Ends in UTF-16 units. */
  ends = new Int32Array(256);
  /** Ids; −1 for an unknown character. */
  ids = new Int32Array(256);

  /** Makes room for so many pieces; what is there stays. */
  reserve(count: number): void {
    if (count <= this.ends.length) return;
    const [ends, ids] = [new Int32Array(2 * count), new Int32Array(2 * count)];
    ends.set(this.ends);
    ids.set(this.ids);
    [this.ends, this.ids] = [ends, ids];
  }
}

/** The original looks for the greatest score from here on up, so that log probabilities do not count. */
const SMALLEST_FLOAT = 2 ** -126;

/** What the unknown character costs beside the least probable piece. */
export const UNKNOWN_PENALTY = 10;

/** Cuts normalised lines; details decide equal ids with the original, so they are kept. */
export class UnigramEncoder {
  readonly #trie: StringTrie;
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  #best = new Float32Array(1024);
  #back = new Int32Array(1024);
  #ids = new Int32Array(1024);

  /** @param pieces in the order of their ids. */
  constructor(pieces: readonly Piece[]) {
    this.#scores = new Float64Array(pieces.length);
    let least = Infinity, most = SMALLEST_FLOAT;
    for (const { score, type } of pieces) {
      if (type !== PieceType.NORMAL) continue;
      least = Math.min(least, score);
      most = Math.max(most, score);
    }
    if (least === Infinity) least = 0;
    const text = new TextEncoder();
    const entries: [string, number][] = [];
    pieces.forEach(({ piece, score, type }, id) => {
      if (type !== PieceType.NORMAL && type !== PieceType.USER_DEFINED) return;
      entries.push([piece, id]);
      this.#scores[id] = type === PieceType.USER_DEFINED
        ? Math.fround(text.encode(piece).length * Math.fround(most)) - 0.1
        : score;
    });
    this.#trie = new StringTrie(entries);
    this.#unknownScore = Math.fround(least - UNKNOWN_PENALTY);
  }

  /**
   * Finds the best path.
   *
   * @param out receives for each piece, from left to right, its end (in UTF-16 units) and its id,
   *   −1 for an unknown character; it grows where it must.
   * @returns how many pieces there are.
   */
  encode(text: string, out: Path): number {
    const length = text.length;
    if (length === 0) return 0;
    this.#reserve(length + 1);
    const best = this.#best, back = this.#back, ids = this.#ids, scores = this.#scores;
    const { cells, values, codes } = this.#trie;
    back.fill(-1, 0, length + 1);
    best[0] = 0;
    for (let start = 0; start < length;) {
      const unit = text.charCodeAt(start);
      const width = unit >= 0xd800 && unit < 0xdc00 && start + 1 < length ? 2 : 1;
      const here = best[start], first = start + width;
      let single = false, node = 0;
      for (let end = start; end < length;) {
        const code = codes[text.charCodeAt(end++)];
        if (code === 0) break;
        const next = cells[2 * node] + code;
        if (cells[2 * next + 1] !== node) break;
        node = next;
        const id = values[node];
        if (id < 0) continue;
        // In double, and compared before it is rounded into storage.
        const candidate = scores[id] + here;
        if (back[end] === -1 || candidate > best[end]) {
          best[end] = candidate;
          back[end] = start;
          ids[end] = id;
        }
        if (end === first) single = true;
      }
      if (!single) {
        const candidate = Math.fround(here + this.#unknownScore);
        if (back[first] === -1 || candidate > best[first]) {
          best[first] = candidate;
          back[first] = start;
          ids[first] = -1;
        }
      }
      start = first;
    }
    // The path is found from its end.
    let count = 0;
    for (let end = length; end > 0; end = back[end]) count++;
    out.reserve(count);
    for (let end = length, i = count; end > 0; end = back[end]) {
      out.ends[--i] = end;
      out.ids[i] = ids[end];
    }
    return count;
  }

  #reserve(size: number): void {
    if (size <= this.#best.length) return;
    this.#best = new Float32Array(2 * size);
    this.#back = new Int32Array(2 * size);
    this.#ids = new Int32Array(2 * size);
  }
}
