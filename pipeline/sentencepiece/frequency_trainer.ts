/**
 * Training of word and character models: the most frequent words, or characters, are the pieces.
 *
 * @module
 */
import type { Corpus } from "./corpus.ts";
import { type Piece, PieceType } from "./model_proto.ts";
import { compareBytes } from "./text_order.ts";

/**
 * The most frequent words, of those that have no character outside the alphabet.
 *
 * @param size pieces wanted.
 */
export function frequentWords({ text, words, alphabet, unknown }: Corpus, size: number): Piece[] {
  const characters = [...alphabet.keys()];
  const counts = new Map<string, number>();
  let sum = 0;
  for (let i = 0; i < words.length; i += 3) {
    const codes = text.subarray(words[i], words[i + 1]);
    sum += words[i + 2];
    if (codes.includes(unknown)) continue;
    const word = Array.from(codes, (code) => characters[code - 1]).join("");
    counts.set(word, (counts.get(word) ?? 0) + words[i + 2]);
  }
  return mostFrequent(counts, sum, size);
}

/**
 * The most frequent characters of the alphabet.
 *
 * @param size pieces wanted.
 */
export function frequentCharacters({ alphabet }: Corpus, size: number): Piece[] {
  const sum = alphabet.values().reduce((sum, count) => sum + count, 0);
  return mostFrequent(alphabet, sum, size);
}

/** Scores are logarithms of shares, in single precision as in the original. */
function mostFrequent(counts: ReadonlyMap<string, number>, sum: number, size: number): Piece[] {
  const log = (count: number): number => Math.fround(Math.log(Math.fround(count)));
  return [...counts].sort(([a, m], [b, n]) => n - m || compareBytes(a, b)).slice(0, size)
    .map(([piece, count]) => ({
      piece,
      score: Math.fround(log(count) - log(sum)),
      type: PieceType.NORMAL,
    }));
}
