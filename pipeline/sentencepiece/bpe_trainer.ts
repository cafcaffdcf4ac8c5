/**
 * Training of a BPE model: the most frequent pair of neighbours becomes a piece, again and again
 * (Sennrich et al., ACL 2016).
 *
 * @module
 */
import type { Corpus } from "./corpus.ts";
import { type Piece, PieceType } from "./model_proto.ts";
import { type PieceRules, PieceShapes } from "./shapes.ts";

/** No place, no pair. */
const NONE = -1;

/** Factor that packs two symbols into one number. */
const SYMBOLS = 2 ** 26;

/** Merges between two reports. */
export const MERGES_PER_REPORT = 256;

/**
 * Finds merges in the order in which they are made. Of pairs of equal frequency the shorter goes first,
 * then the one whose text stands first.
 *
 * @param size pieces wanted; fewer come of text that has no more pairs.
 * @param report is awaited now and then with the number of pieces found.
 */
export async function findMerges(
  corpus: Corpus,
  rules: PieceRules,
  size: number,
  report: (pieces: number) => Promise<void>,
): Promise<Piece[]> {
  const characters = [...corpus.alphabet.keys()];
  const pairs = new PairTable(corpus, characters, rules);
  const queue = new PairQueue(pairs);
  for (let pair = 0; pair < pairs.size; pair++) queue.push(pair);
  const pieces = new Set<string>();
  while (pieces.size < size) {
    const pair = queue.pop();
    if (pair === NONE) break;
    const piece = pairs.textOf(pair, characters);
    // The same text by another cut is found where it is encoded.
    if (pieces.has(piece)) continue;
    pieces.add(piece);
    for (const made of pairs.merge(pair)) queue.push(made);
    if (pieces.size % MERGES_PER_REPORT === 0) await report(pieces.size);
  }
  return [...pieces].map((piece, i) => ({ piece, score: -i, type: PieceType.NORMAL }));
}

/** Numbers that grow in number. */
class Growing {
  values = new Int32Array(1 << 12);
  size = 0;

  push(value: number): void {
    if (this.size === this.values.length) {
      const grown = new Int32Array(2 * this.size);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.size++] = value;
  }
}

/**
 * Words as rows of symbols, and the pairs of neighbours in them, each with the list of its places. A
 * symbol is a character's code, or a number behind them for what was merged.
 */
class PairTable {
  /** Codes of the words' characters, 0 before and behind each word. */
  readonly #codes: Int32Array;
  /** Where a symbol starts, the symbol; where one of several characters ends, its length, negative. */
  readonly #symbols: Int32Array;
  /** How often the word of a place is counted. */
  readonly #weights: Int32Array;
  /** The pair that starts at a place, and the places of the same pair before and after it. */
  readonly #pairs: Int32Array;
  readonly #before: Int32Array;
  readonly #after: Int32Array;
  /** Characters of each symbol, from the first merged on. */
  readonly #lengths: number[] = [];
  readonly #firstMerged: number;
  readonly #known = new Map<number, number>();
  readonly #shapes: PieceShapes;
  /** Code points, by code. */
  readonly #order: Int32Array;
  /** Of each pair: its first place in the list, a place of its text, the length of that. */
  readonly #heads = new Growing();
  readonly #places = new Growing();
  readonly #sizes = new Growing();
  /** Length of the left symbol of each pair. */
  readonly #cuts = new Growing();
  /** How often each pair stands in the text. */
  readonly counts: number[] = [];

  constructor({ text, words, unknown }: Corpus, characters: readonly string[], rules: PieceRules) {
    this.#shapes = new PieceShapes(characters, rules);
    this.#order = Int32Array.from(
      ["", ...characters],
      (character) => character.codePointAt(0) ?? 0,
    );
    this.#firstMerged = unknown + 1;
    let length = 1;
    for (let i = 0; i < words.length; i += 3) length += words[i + 1] - words[i] + 1;
    this.#codes = new Int32Array(length);
    this.#weights = new Int32Array(length);
    this.#pairs = new Int32Array(length).fill(NONE);
    this.#before = new Int32Array(length);
    this.#after = new Int32Array(length);
    let at = 1;
    for (let i = 0; i < words.length; i += 3) {
      const end = at + words[i + 1] - words[i];
      this.#codes.set(text.subarray(words[i], words[i + 1]), at);
      this.#weights.fill(words[i + 2], at, end);
      at = end + 1;
    }
    this.#symbols = this.#codes.slice();
    for (let place = 1; place < length; place++) this.#link(place);
  }

  /** Pairs seen so far. */
  get size(): number {
    return this.counts.length;
  }

  /** The text of a pair. */
  textOf(pair: number, characters: readonly string[]): string {
    const place = this.#places.values[pair];
    let text = "";
    for (let i = 0; i < this.#sizes.values[pair]; i++) {
      text += characters[this.#codes[place + i] - 1];
    }
    return text;
  }

  /** Whether of pairs of equal frequency one goes before another: shorter, then by its text. */
  isBefore(a: number, b: number): boolean {
    const size = this.#sizes.values[a];
    if (size !== this.#sizes.values[b]) return size < this.#sizes.values[b];
    const [x, y] = [this.#places.values[a], this.#places.values[b]];
    for (let i = 0; i < size; i++) {
      const [m, n] = [this.#order[this.#codes[x + i]], this.#order[this.#codes[y + i]]];
      if (m !== n) return m < n;
    }
    return false;
  }

  /** Makes one symbol of a pair wherever it stands; the pairs that come of it. */
  merge(pair: number): Iterable<number> {
    const symbols = this.#symbols, first = this.size;
    const symbol = this.#firstMerged + this.#lengths.length;
    const length = this.#sizes.values[pair], cut = this.#cuts.values[pair];
    this.#lengths.push(length);
    const places = new Growing();
    for (let at = this.#heads.values[pair]; at !== NONE; at = this.#after[at]) places.push(at);
    // From left to right, so that of three equal characters the first two are merged.
    for (const place of places.values.subarray(0, places.size).sort()) {
      if (this.#pairs[place] !== pair) continue;
      const previous = this.#previous(place);
      if (previous !== NONE) this.#unlink(previous);
      this.#unlink(place);
      this.#unlink(place + cut);
      symbols[place] = symbol;
      symbols[place + length - 1] = -length;
      if (previous !== NONE) this.#link(previous);
      this.#link(place);
    }
    return Array.from({ length: this.size - first }, (_, i) => first + i);
  }

  #lengthOf(symbol: number): number {
    return symbol < this.#firstMerged ? 1 : this.#lengths[symbol - this.#firstMerged];
  }

  /** Where the symbol before a place starts. */
  #previous(place: number): number {
    const before = this.#symbols[place - 1];
    return before === 0 ? NONE : before < 0 ? place + before : place - 1;
  }

  /** Adds the pair that starts at a place to its list. */
  #link(place: number): void {
    const left = this.#symbols[place];
    if (left === 0) return;
    const right = this.#symbols[place + this.#lengthOf(left)];
    if (right === 0) return;
    const pair = this.#pairOf(left, right, place);
    if (pair === NONE) return;
    // Of three equal neighbours the first two are a pair, and the last two never are.
    if (left === right && this.#pairs[this.#previous(place)] === pair) return;
    const heads = this.#heads.values, next = heads[pair];
    this.#pairs[place] = pair;
    this.#before[place] = NONE;
    this.#after[place] = next;
    if (next !== NONE) this.#before[next] = place;
    heads[pair] = place;
    this.counts[pair] += this.#weights[place];
  }

  /** Takes the pair that starts at a place, if there is one, from its list. */
  #unlink(place: number): void {
    const pair = this.#pairs[place];
    if (pair === NONE) return;
    const [before, after] = [this.#before[place], this.#after[place]];
    if (before === NONE) this.#heads.values[pair] = after;
    else this.#after[before] = after;
    if (after !== NONE) this.#before[after] = before;
    this.#pairs[place] = NONE;
    this.counts[pair] -= this.#weights[place];
  }

  /** The number of a pair that stands at a place; none where it is no piece. */
  #pairOf(left: number, right: number, place: number): number {
    const key = left * SYMBOLS + right;
    let pair = this.#known.get(key);
    if (pair === undefined) {
      const cut = this.#lengthOf(left), size = cut + this.#lengthOf(right);
      pair = NONE;
      if (this.#shapes.isValid(this.#codes, place, size)) {
        pair = this.size;
        this.counts.push(0);
        this.#heads.push(NONE);
        this.#places.push(place);
        this.#sizes.push(size);
        this.#cuts.push(cut);
      }
      this.#known.set(key, pair);
    }
    return pair;
  }
}

/** Pairs by falling frequency. An entry may be too high by now: it is put right when its turn comes. */
class PairQueue {
  readonly #table: PairTable;
  readonly #pairs: number[] = [];
  readonly #counts: number[] = [];

  constructor(table: PairTable) {
    this.#table = table;
  }

  /** Adds a pair with the frequency that it has now. */
  push(pair: number): void {
    const pairs = this.#pairs, counts = this.#counts;
    let at = pairs.length;
    pairs.push(pair);
    counts.push(this.#table.counts[pair]);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes the most frequent pair; {@linkcode NONE} where there is none. */
  pop(): number {
    while (this.#pairs.length > 0) {
      const pair = this.#pairs[0], count = this.#counts[0];
      this.#swap(0, this.#pairs.length - 1);
      this.#pairs.pop();
      this.#counts.pop();
      this.#sink();
      if (count === this.#table.counts[pair]) return pair;
      this.push(pair);
    }
    return NONE;
  }

  #sink(): void {
    for (let at = 0;;) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#pairs.length && this.#before(child, best)) best = child;
      }
      if (best === at) return;
      this.#swap(at, best);
      at = best;
    }
  }

  #before(a: number, b: number): boolean {
    const difference = this.#counts[a] - this.#counts[b];
    return difference > 0 ||
      (difference === 0 && this.#table.isBefore(this.#pairs[a], this.#pairs[b]));
  }

  #swap(a: number, b: number): void {
    const pairs = this.#pairs, counts = this.#counts;
    [pairs[a], pairs[b]] = [pairs[b], pairs[a]];
    [counts[a], counts[b]] = [counts[b], counts[a]];
  }
}
