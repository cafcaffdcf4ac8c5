/**
 * Texts with holes, written as [MASK].
 *
 * @module
 */
import type { Token, Tokenizer } from "./tokens.ts";

/** How a hole is written in a text. */
export const MASK = "[MASK]";

/** The tokens of a text with holes. */
export interface MaskedTokens {
  /** All tokens; a hole is [MASK]'s id. Their places are of no meaning. */
  readonly tokens: readonly Token[];
  /** Where the holes are among the tokens, one for each [MASK]. */
  readonly places: readonly number[];
  /** Where they are in the text as written: the first UTF-16 unit of each. */
  readonly starts: readonly number[];
}

/**
 * Cuts a text with holes into tokens. While it is cut, a character that no text uses and no vocabulary holds
 * stands in each hole, so that what surrounds it is cut as beside any other token.
 *
 * @param maskId the id of [MASK].
 */
export function encodeMasked(tokenizer: Tokenizer, text: string, maskId: number): MaskedTokens {
  const starts = Array.from(text.matchAll(/\[MASK\]/g), ({ index }) => index);
  const hole = unusedCharacter(text);
  const seen = text.replaceAll(MASK, hole);
  const tokens: Token[] = [], places: number[] = [];
  // A stretch of unknown characters is one token, which may hold holes; bytes of one hole are several tokens.
  let done = 0;
  for (const token of tokenizer.encode(seen)) {
    const { id, start, end } = token;
    if (!seen.slice(start, end).includes(hole)) {
      tokens.push(token);
      continue;
    }
    for (let at = Math.max(start, done); at < end;) {
      if (seen[at] === hole) {
        places.push(tokens.length);
        tokens.push({ id: maskId, start: at, end: ++at });
        continue;
      }
      const next = seen.indexOf(hole, at);
      const stop = next < 0 ? end : Math.min(end, next);
      tokens.push({ id, start: at, end: stop });
      at = stop;
    }
    done = Math.max(done, end);
  }
  return { tokens, places, starts };
}

/** A character for private use that the text does not have. */
function unusedCharacter(text: string): string {
  for (let code = 0xe000; code < 0xf8ff; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) return character;
  }
  return "\uf8ff";
}
