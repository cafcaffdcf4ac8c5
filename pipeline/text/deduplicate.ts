/**
 * Texts that are there already: equal ones by a hash, similar ones by MinHash.
 *
 * Two texts are near duplicates when the sets of their runs of five characters (white space aside) have
 * a Jaccard similarity of about 0.8. It is estimated from one permutation hashing with optimal
 * densification (Li, Owen, Zhang 2012; Shrivastava 2017), and candidates are found by locality-sensitive
 * hashing: ten bands of six hashes, so that of pairs with similarity 0.8, 0.9 and 0.7 about 95, 99.9
 * and 71 % are compared at all.
 *
 * The first of a set is kept, and only texts that were kept are compared with. The outcome is a function
 * of the texts and their order.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Whether a text is new, equal to one before, or similar to one. */
export type Verdict = "new" | "exact" | "near";

const RUN = 5;
const HASHES = 64;
const BANDS = 10;
const ROWS = 6;
const THRESHOLD = 0.8;

/** Texts that are looked at in a row of the table; more would make a crowd of look-alikes slow. */
const MOST_CANDIDATES = 256;

/** Remembers the texts that were kept: about 300 bytes each, however long they are. */
export class Deduplicator {
  readonly #near: boolean;
  readonly #exact = new Set<string>();
  readonly #minima = new Uint32Array(HASHES);
  /** Eight bits of each hash of each text. */
  #signatures = new Uint8Array(HASHES << 10);
  /** Open addressing: the number of a text plus one, under the hash of each of its bands. */
  #table = new Uint32Array(1 << 16);
  #texts = 0;

  /** Remembers nothing yet; `near` says whether similar texts count as well. */
  constructor(near: boolean) {
    this.#near = near;
  }

  /** Says whether a text is new, and remembers it if it is. */
  add(text: string): Verdict {
    const digest = createHash("sha256").update(text).digest("base64").slice(0, 22);
    if (this.#exact.has(digest)) return "exact";
    if (this.#near && !this.#remember(text)) return "near";
    this.#exact.add(digest);
    return "new";
  }

  #remember(text: string): boolean {
    // Too short for a single run: only equal ones count.
    if (!minHash(text, this.#minima)) return true;
    if (2 * BANDS * (this.#texts + 1) > this.#table.length) this.#growTable();
    const base = HASHES * this.#texts;
    if (base === this.#signatures.length) {
      const grown = new Uint8Array(2 * base);
      grown.set(this.#signatures);
      this.#signatures = grown;
    }
    for (let i = 0; i < HASHES; i++) this.#signatures[base + i] = this.#minima[i];
    const mask = this.#table.length - 1;
    for (let band = 0; band < BANDS; band++) {
      let slot = this.#bandHash(this.#texts, band) & mask;
      for (let tried = 0; this.#table[slot] !== 0 && tried < MOST_CANDIDATES; tried++) {
        if (this.#similar(this.#table[slot] - 1)) return false;
        slot = (slot + 1) & mask;
      }
    }
    this.#insert(this.#texts++);
    return true;
  }

  /** A hash of one band of a text's signature. */
  #bandHash(text: number, band: number): number {
    const from = HASHES * text + ROWS * band;
    let hash = band + 1;
    for (let i = from; i < from + ROWS; i++) {
      hash = Math.imul(hash ^ this.#signatures[i], 0x01000193);
    }
    return mix(hash);
  }

  #insert(text: number): void {
    const mask = this.#table.length - 1;
    for (let band = 0; band < BANDS; band++) {
      let slot = this.#bandHash(text, band) & mask, tried = 0;
      while (this.#table[slot] !== 0 && ++tried < MOST_CANDIDATES) slot = (slot + 1) & mask;
      if (this.#table[slot] === 0) this.#table[slot] = text + 1;
    }
  }

  #growTable(): void {
    this.#table = new Uint32Array(2 * this.#table.length);
    for (let text = 0; text < this.#texts; text++) this.#insert(text);
  }

  /** Whether the text under way is similar enough to one before. */
  #similar(text: number): boolean {
    const a = HASHES * text, b = HASHES * this.#texts;
    let equal = 0;
    for (let i = 0; i < HASHES; i++) {
      if (this.#signatures[a + i] === this.#signatures[b + i]) equal++;
    }
    // Eight bits are equal by chance once in 256.
    return (equal / HASHES - 1 / 256) / (1 - 1 / 256) >= THRESHOLD;
  }
}

/** The finalizer of MurmurHash3 (Appleby, public domain): every bit depends on every bit. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

const EMPTY = 0xffffffff;
const BASE = 0x01000193;

/** BASE to the power of RUN: what a character weighs when it leaves the run. */
const LEAVING = Array.from({ length: RUN }).reduce<number>((power) => Math.imul(power, BASE), 1);

/**
 * Fills in eight bits of each of the minima over the runs of a text, where one hash of a run chooses
 * whose minimum it is and what it weighs; a minimum without any run borrows that of another.
 * Returns false where there is no run at all.
 */
function minHash(text: string, minima: Uint32Array): boolean {
  minima.fill(EMPTY);
  const recent = new Uint16Array(RUN);
  let hash = 0, length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code === 0x3000) continue;
    const slot = length % RUN;
    hash = (Math.imul(hash, BASE) + code + 1) | 0;
    if (length >= RUN) hash = (hash - Math.imul(recent[slot] + 1, LEAVING)) | 0;
    recent[slot] = code;
    if (++length < RUN) continue;
    const mixed = mix(hash), place = mixed % HASHES, weight = mixed >>> 6;
    if (weight < minima[place]) minima[place] = weight;
  }
  if (length < RUN) return false;
  const found = minima.map((minimum) => minimum === EMPTY ? 0 : 1);
  for (let i = 0; i < HASHES; i++) {
    let from = i;
    for (let attempt = 1; found[from] === 0; attempt++) from = mix(i * 0x10000 + attempt) % HASHES;
    minima[i] = mix(minima[from]) & 0xff;
  }
  return true;
}
