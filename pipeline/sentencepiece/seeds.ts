/**
 * Seed pieces: the alphabet and the frequent substrings of the sentences.
 *
 * @module
 */
import { type Corpus, UNKNOWN_MARK } from "./corpus.ts";
import { SPACE } from "./normalizer.ts";
import { longestCommonPrefixes, suffixArray, visitRepeats } from "./suffix_array.ts";

/** Pieces under training: texts and log probabilities in parallel. */
export interface PieceTable {
  /** Texts. */
  readonly texts: string[];
  /** Log probabilities. */
  readonly scores: Float64Array;
}

/** What a piece may look like. */
export interface PieceRules {
  /** Characters of the longest piece. */
  readonly maxSentencepieceLength: number;
  /** Digits stand alone. */
  readonly splitDigits: boolean;
}

type Script = string;

const SCRIPTS = [
  "Latin",
  "Cyrillic",
  "Greek",
  "Hangul",
  "Arabic",
  "Hebrew",
  "Thai",
  "Devanagari",
  "Common",
] as const;

const scriptPatterns = SCRIPTS.map((name) =>
  [name, new RegExp(`^\\p{Script=${name}}$`, "u")] as const
);
const hanLike = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]$/u;
const inherited = /^\p{Script=Inherited}$/u;
const digit = /^[0-9０-９]$/;
const scripts = new Map<string, Script>();

/** Script of a character; Hiragana, Katakana and ー count as Han. */
function scriptOf(character: string): Script {
  let script = scripts.get(character);
  if (script === undefined) {
    script = hanLike.test(character)
      ? "Han"
      : inherited.test(character)
      ? "Inherited"
      : scriptPatterns.find(([, pattern]) => pattern.test(character))?.[0] ?? "Other";
    scripts.set(character, script);
  }
  return script;
}

/** Whether a string may be a piece: one script, ▁ only first, not too long. */
export function isValidPiece(characters: readonly string[], rules: PieceRules): boolean {
  const { length } = characters;
  if (length === 0 || length > rules.maxSentencepieceLength) return false;
  let previous: Script | undefined;
  for (let i = 0; i < length; i++) {
    const character = characters[i];
    if (character === UNKNOWN_MARK || character === "\t" || character === "\0") return false;
    if (character === SPACE) {
      if (i > 0) return false;
      continue;
    }
    if (rules.splitDigits && length > 1 && digit.test(character)) return false;
    let script = scriptOf(character);
    if (script === "Inherited" && previous !== undefined) script = previous;
    if (previous !== undefined && script !== previous) return false;
    previous = script;
  }
  return true;
}

/** Alphabet and frequent substrings with log(score / Σ score), score = occurrences × length. */
export function makeSeeds(corpus: Corpus, rules: PieceRules, seedSize: number): PieceTable {
  const { sentences, alphabet } = corpus;
  const symbols = [...alphabet.keys(), UNKNOWN_MARK, "\t"];
  const ids = new Map(symbols.map((character, i) => [character, i + 1]));
  let length = 0;
  for (const sentence of sentences) length += sentence.length + 1;
  const text = new Int32Array(length);
  let at = 0;
  for (const sentence of sentences) {
    for (const character of sentence) text[at++] = ids.get(character)!;
    text[at++] = 0;
  }
  const used = text.subarray(0, at);
  const sa = suffixArray(used, symbols.length + 1);
  const lcp = longestCommonPrefixes(used, sa);
  const found: { text: string; score: number }[] = [];
  visitRepeats(sa, lcp, (place, size, occurrences) => {
    if (size < 2 || size > rules.maxSentencepieceLength) return;
    const characters: string[] = [];
    for (let i = place; i < place + size; i++) {
      if (used[i] === 0) return;
      characters.push(symbols[used[i] - 1]);
    }
    if (isValidPiece(characters, rules)) {
      found.push({ text: characters.join(""), score: occurrences * size });
    }
  });
  found.sort((a, b) => b.score - a.score || (a.text < b.text ? -1 : 1));
  const kept = found.slice(0, Math.max(0, seedSize - alphabet.size));
  const texts = [...alphabet.keys(), ...kept.map((piece) => piece.text)];
  const scores = Float64Array.of(...alphabet.values());
  const all = new Float64Array(texts.length);
  all.set(scores);
  kept.forEach((piece, i) => all[alphabet.size + i] = piece.score);
  const logTotal = Math.log(all.reduce((sum, score) => sum + score, 0));
  return { texts, scores: all.map((score) => Math.log(score) - logTotal) };
}
