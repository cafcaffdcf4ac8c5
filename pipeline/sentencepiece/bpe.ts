/**
 * The BPE encoder: neighbours are merged, best-scored pair first (Sennrich et al., ACL 2016).
 *
 * @module
 */
import { type Piece, PieceType } from "./model_proto.ts";
import { StringTrie } from "./trie.ts";
import type { Path } from "./unigram.ts";

interface Symbol {
  start: number;
  end: number;
  previous: number;
  next: number;
  readonly frozen: boolean;
}

interface Merge {
  readonly left: number;
  readonly right: number;
  readonly id: number;
  readonly score: number;
  readonly length: number;
}

/** Cuts normalised lines with a BPE model. */
export class BpeEncoder {
  readonly #ids = new Map<string, number>();
  readonly #pieces: readonly Piece[];
  readonly #symbols: StringTrie;

  /** @param pieces in the order of their ids. */
  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    const symbols: [string, number][] = [];
    pieces.forEach(({ piece, type }, id) => {
      if (
        type === PieceType.NORMAL || type === PieceType.USER_DEFINED || type === PieceType.UNUSED
      ) this.#ids.set(piece, id);
      if (type === PieceType.USER_DEFINED) symbols.push([piece, id]);
    });
    this.#symbols = new StringTrie(symbols);
  }

  /**
   * Cuts a text.
   *
   * @param out receives the end and the id of each piece, from left to right; −1 for what is unknown.
   * @returns how many pieces there are.
   */
  encode(text: string, out: Path): number {
    let count = 0;
    const symbols = this.#split(text);
    const queue: Merge[] = [];
    // What an unused piece was merged from, to take it apart again.
    const parts = new Map<string, [string, string]>();
    const offer = (left: number, right: number): void => {
      if (left < 0 || right < 0 || symbols[left].frozen || symbols[right].frozen) return;
      const piece = text.slice(symbols[left].start, symbols[right].end);
      const id = this.#ids.get(piece);
      if (id === undefined) return;
      if (this.#pieces[id].type === PieceType.UNUSED) {
        const cut = symbols[right].start;
        parts.set(piece, [
          text.slice(symbols[left].start, cut),
          text.slice(cut, symbols[right].end),
        ]);
      }
      push(queue, { left, right, id, score: this.#pieces[id].score, length: piece.length });
    };
    for (let i = 1; i < symbols.length; i++) offer(i - 1, i);
    while (queue.length > 0) {
      const { left, right, length } = pop(queue);
      const [a, b] = [symbols[left], symbols[right]];
      if (a.end === a.start || b.end === b.start || b.end - a.start !== length) continue;
      a.end = b.end;
      a.next = b.next;
      if (b.next >= 0) symbols[b.next].previous = left;
      b.end = b.start;
      offer(a.previous, left);
      offer(left, a.next);
    }
    const emit = (start: number, piece: string): void => {
      const id = this.#ids.get(piece);
      const pair = id !== undefined && this.#pieces[id].type === PieceType.UNUSED
        ? parts.get(piece)
        : undefined;
      if (pair) {
        emit(start, pair[0]);
        emit(start + pair[0].length, pair[1]);
      } else {
        out.reserve(count + 1);
        out.ends[count] = start + piece.length;
        out.ids[count++] = id ?? -1;
      }
    };
    for (let i = symbols.length > 0 ? 0 : -1; i >= 0; i = symbols[i].next) {
      emit(symbols[i].start, text.slice(symbols[i].start, symbols[i].end));
    }
    return count;
  }

  #split(text: string): Symbol[] {
    const symbols: Symbol[] = [];
    for (let start = 0; start < text.length;) {
      let length = this.#symbols.longest(text, start)?.length ?? 0;
      const frozen = length > 0;
      length ||= String.fromCodePoint(text.codePointAt(start)!).length;
      const index = symbols.length;
      const end = start + length;
      symbols.push({
        start,
        end,
        previous: index - 1,
        next: end < text.length ? index + 1 : -1,
        frozen,
      });
      start = end;
    }
    return symbols;
  }
}

/** Whether a merge goes before another: higher score, then further left. */
function before(a: Merge, b: Merge): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}

function push(heap: Merge[], merge: Merge): void {
  let at = heap.push(merge) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(heap[at], heap[parent])) break;
    [heap[at], heap[parent]] = [heap[parent], heap[at]];
    at = parent;
  }
}

function pop(heap: Merge[]): Merge {
  const top = heap[0], last = heap.pop()!;
  if (heap.length > 0) {
    heap[0] = last;
    for (let at = 0;;) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && before(heap[child], heap[best])) best = child;
      }
      if (best === at) break;
      [heap[at], heap[best]] = [heap[best], heap[at]];
      at = best;
    }
  }
  return top;
}
