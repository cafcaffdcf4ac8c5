/**
 * Which substrings may be pieces.
 *
 * @module
 */
import { SPACE } from "./normalizer.ts";

/** What a piece may look like. */
export interface PieceRules {
  /** Characters of the longest piece. */
  readonly maxSentencepieceLength: number;
  /** No piece joins two scripts. */
  readonly splitByUnicodeScript: boolean;
  /** No piece joins digits and letters. */
  readonly splitByNumber: boolean;
  /** Digits stand alone. */
  readonly splitDigits: boolean;
  /** Spaces stand only where words start. */
  readonly splitByWhitespace: boolean;
  /** ▁ stands behind words instead of before them. */
  readonly treatWhitespaceAsSuffix: boolean;
  /** Runs of spaces may be pieces. */
  readonly allowWhitespaceOnlyPieces: boolean;
}

/** Scripts told apart; all others count as one. Kana and ー count as Han. */
const SCRIPTS = [
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]$/u,
  ...[
    "Common",
    "Latin",
    "Cyrillic",
    "Greek",
    "Hangul",
    "Arabic",
    "Hebrew",
    "Thai",
    "Devanagari",
    "Armenian",
    "Bengali",
    "Bopomofo",
    "Braille",
    "Ethiopic",
    "Georgian",
    "Gujarati",
    "Gurmukhi",
    "Kannada",
    "Khmer",
    "Lao",
    "Malayalam",
    "Mongolian",
    "Myanmar",
    "Oriya",
    "Runic",
    "Sinhala",
    "Syriac",
    "Tamil",
    "Telugu",
    "Thaana",
    "Tibetan",
    "Yi",
  ].map((name) => new RegExp(`^\\p{Script=${name}}$`, "u")),
];

/** Classes of characters beside the scripts, which are numbered from here down to 1. */
const ANY = 0, OTHER = 251, NONE = 252, INHERITED = 253, SPACES = 254;

const inherited = /^\p{Script=Inherited}$/u;
const digit = /^[0-9０-９]$/;

/** Judges substrings of a text by the codes of their characters. */
export class PieceShapes {
  readonly #rules: PieceRules;
  readonly #classes: Uint8Array;
  readonly #digits: Uint8Array;

  /** @param alphabet the characters of codes 1, 2, …; all other codes are in no piece. */
  constructor(alphabet: readonly string[], rules: PieceRules) {
    this.#rules = rules;
    this.#classes = new Uint8Array(alphabet.length + 2).fill(NONE);
    this.#digits = new Uint8Array(alphabet.length + 2);
    alphabet.forEach((character, i) => {
      this.#digits[i + 1] = Number(digit.test(character));
      this.#classes[i + 1] = classOf(character, rules);
    });
  }

  /** Whether `length` characters from `place` on may be a piece. */
  isValid(text: ArrayLike<number>, place: number, length: number): boolean {
    const rules = this.#rules, classes = this.#classes;
    if (length === 0 || length > rules.maxSentencepieceLength) return false;
    let script = ANY, spaces = 0, misplaced = false;
    for (let i = 0; i < length; i++) {
      let kind = classes[text[place + i]];
      if (kind === NONE) return false;
      if (kind === SPACES) {
        spaces++;
        // A space belongs to the word behind it, or, as a suffix, to that before it.
        const head = rules.treatWhitespaceAsSuffix ? length - 1 - i : i;
        if (rules.splitByWhitespace ? head > 0 : head > 0 && head === length - 1) misplaced = true;
        continue;
      }
      if (rules.splitDigits && length > 1 && this.#digits[text[place + i]] === 1) return false;
      if (kind === INHERITED) kind = script;
      if (rules.splitByUnicodeScript && kind !== ANY && script !== ANY && kind !== script) {
        return false;
      }
      script = kind;
    }
    return !misplaced || (rules.allowWhitespaceOnlyPieces && spaces === length);
  }
}

function classOf(character: string, rules: PieceRules): number {
  if (character === SPACE) return SPACES;
  if (character === "\0" || character === "\t" || character === " ") return NONE;
  if (!rules.splitByNumber && digit.test(character)) return ANY;
  if (inherited.test(character)) return INHERITED;
  const script = SCRIPTS.findIndex((pattern) => pattern.test(character));
  return script < 0 ? OTHER : 1 + script;
}
