/**
 * Tokens of a text and the places they stand for in it as written.
 *
 * Normalisation changes lengths (㌔ becomes キロ, カ゛ becomes ガ), so a token's place is taken through it: the
 * tokens of ㌔ all stand for the one character, and a token that is only a space stands for nothing.
 *
 * @module
 */
import type { SentencePieceProcessor } from "../sentencepiece/mod.ts";
import { SPACE } from "../sentencepiece/normalizer.ts";

/** A token and its place. */
export interface Token {
  /** Its id. */
  readonly id: number;
  /** First UTF-16 unit of the text as written. */
  readonly start: number;
  /** One past the last; `start` for a token that stands for nothing. */
  readonly end: number;
}

/** Text to tokens, lower-cased first where the model was trained so. */
export class Tokenizer {
  readonly #processor: SentencePieceProcessor;
  readonly #lowerCase: boolean;

  constructor(processor: SentencePieceProcessor, lowerCase = false) {
    this.#processor = processor;
    this.#lowerCase = lowerCase;
  }

  /** The tokens of a text, without special ones. */
  encode(text: string): Token[] {
    const seen = this.#lowerCase ? lowerCase(text) : text;
    const pieces = this.#processor.encodeWithOffsets(seen);
    const tokens = new Array<Token>(pieces.length);
    // A piece that ends within the replacement of a character reaches as far as the next that does not.
    let reach = text.length;
    for (let i = pieces.length - 1; i >= 0; i--) {
      const { id, piece, start, end } = pieces[i];
      if (end > start) reach = end;
      const blank = piece.replaceAll(SPACE, "") === "";
      tokens[i] = { id, ...trimmed(text, start, blank ? start : end > start ? end : reach) };
    }
    return tokens;
  }
}

/** The tokens that a run of the text touches, and whether they end where it does; undefined without any. */
export function tokensOf(
  tokens: readonly Token[],
  start: number,
  end: number,
): { first: number; last: number; exact: boolean } | undefined {
  const touches = (token: Token): boolean =>
    token.end > token.start && token.end > start && token.start < end;
  const first = tokens.findIndex(touches);
  if (first < 0) return undefined;
  const last = tokens.findLastIndex(touches);
  return { first, last, exact: tokens[first].start === start && tokens[last].end === end };
}

/** A place without the white space at its ends. */
function trimmed(text: string, start: number, end: number): { start: number; end: number } {
  while (start < end && /\s/.test(text[start])) start++;
  while (end > start && /\s/.test(text[end - 1])) end--;
  return { start, end };
}

/** Lower case in which every character keeps its place: those whose lower case is longer stay. */
function lowerCase(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  return Array.from(text, (character) => {
    const small = character.toLowerCase();
    return small.length === character.length ? small : character;
  }).join("");
}
