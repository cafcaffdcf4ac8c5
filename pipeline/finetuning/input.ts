/**
 * What goes into the encoder: special tokens, segments, and the places of what was read.
 *
 * @module
 */
import type { SpecialIds } from "../examples/builder.ts";
import type { Token } from "./tokens.ts";
import type { Window } from "./windows.ts";

/** One sequence for the encoder, without padding. */
export interface EncoderInput {
  /** Token ids, special ones included. */
  readonly inputIds: readonly number[];
  /** 0 for [CLS], the first text and its [SEP]; 1 for the second text and its [SEP]. */
  readonly tokenTypeIds: readonly number[];
}

/** [CLS] first [SEP], or [CLS] first [SEP] second [SEP]. */
export function joinTexts(
  special: SpecialIds,
  first: readonly Token[],
  second?: readonly Token[],
): EncoderInput {
  const { cls, sep } = special;
  const inputIds = [cls, ...first.map(({ id }) => id), sep];
  const tokenTypeIds = new Array<number>(inputIds.length).fill(0);
  for (const id of second ? [...second.map((token) => token.id), sep] : []) {
    inputIds.push(id);
    tokenTypeIds.push(1);
  }
  return { inputIds, tokenTypeIds };
}

/**
 * Shortens a pair from its ends until both fit, a token at a time from the longer one, as the original does.
 *
 * @param room tokens for both, special ones not counted.
 * @returns how many tokens were cut.
 */
export function shortenPair(
  first: readonly Token[],
  second: readonly Token[],
  room: number,
): { first: readonly Token[]; second: readonly Token[]; cut: number } {
  let [a, b] = [first.length, second.length];
  const cut = Math.max(0, a + b - room);
  for (let left = cut; left > 0; left--) {
    if (a > b) a--;
    else b--;
  }
  return { first: first.slice(0, a), second: second.slice(0, b), cut };
}

/** A window of a text behind [CLS], and behind another text where there is one. */
export interface WindowInput extends EncoderInput {
  /** Which tokens of the text it holds. */
  readonly window: Window;
  /** Where in `inputIds` the window's first token stands. */
  readonly offset: number;
}

/** [CLS] text [SEP], or [CLS] other [SEP] text [SEP], for one window of the text. */
export function windowInput(
  special: SpecialIds,
  tokens: readonly Token[],
  window: Window,
  other?: readonly Token[],
): WindowInput {
  const seen = tokens.slice(window.start, window.end);
  const input = other ? joinTexts(special, other, seen) : joinTexts(special, seen);
  return { ...input, window, offset: other ? other.length + 2 : 1 };
}
