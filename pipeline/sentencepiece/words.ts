/**
 * Words, as spaces part them, and the encoders of word and character models.
 *
 * @module
 */
import { type Piece, PieceType } from "./model_proto.ts";
import { SPACE } from "./normalizer.ts";
import { StringTrie } from "./trie.ts";
import type { Path } from "./unigram.ts";

/** How spaces part words. */
export interface WordRules {
  /** ▁ stands behind words instead of before them. */
  readonly treatWhitespaceAsSuffix: boolean;
  /** Runs of spaces stay together. */
  readonly allowWhitespaceOnlyPieces: boolean;
}

/** The end of each word of a text of so many characters. */
export function wordEnds(
  length: number,
  isSpace: (at: number) => boolean,
  { treatWhitespaceAsSuffix: suffix, allowWhitespaceOnlyPieces: runs }: WordRules,
): number[] {
  const ends: number[] = [];
  for (let at = 1; at < length; at++) {
    const before = isSpace(at - 1), here = isSpace(at);
    // A word starts with its space, or ends with it; where runs stay together, with the whole run.
    const cut = suffix ? before && !(runs && here) : here && !(runs && before);
    if (cut) ends.push(at);
  }
  if (length > 0) ends.push(length);
  return ends;
}

/** What a text is as a whole; −1 where it is unknown. */
type Lookup = (text: string) => number;

function lookupOf(pieces: readonly Piece[], ids: ReadonlyMap<string, number>): Lookup {
  return (text) => {
    const id = ids.get(text) ?? -1;
    const type = pieces[id]?.type;
    return type === PieceType.UNKNOWN || type === PieceType.CONTROL ? -1 : id;
  };
}

/** Cuts normalised lines into words. */
export class WordEncoder {
  readonly #lookup: Lookup;

  /** @param ids the id of each piece. */
  constructor(pieces: readonly Piece[], ids: ReadonlyMap<string, number>) {
    this.#lookup = lookupOf(pieces, ids);
  }

  /** Cuts a text; see {@linkcode Path}. */
  encode(text: string, out: Path): number {
    const space = SPACE.charCodeAt(0);
    const ends = wordEnds(text.length, (at) => text.charCodeAt(at) === space, {
      treatWhitespaceAsSuffix: false,
      allowWhitespaceOnlyPieces: false,
    });
    out.reserve(ends.length);
    ends.forEach((end, i) => {
      out.ends[i] = end;
      out.ids[i] = this.#lookup(text.slice(i > 0 ? ends[i - 1] : 0, end));
    });
    return ends.length;
  }
}

/** Cuts normalised lines into characters and user-defined symbols. */
export class CharEncoder {
  readonly #lookup: Lookup;
  readonly #symbols: StringTrie;

  /** @param ids the id of each piece. */
  constructor(pieces: readonly Piece[], ids: ReadonlyMap<string, number>) {
    this.#lookup = lookupOf(pieces, ids);
    const symbols = pieces.filter(({ type }) => type === PieceType.USER_DEFINED);
    this.#symbols = new StringTrie(symbols.map(({ piece }, i) => [piece, i]));
  }

  /** Cuts a text; see {@linkcode Path}. */
  encode(text: string, out: Path): number {
    let count = 0;
    for (let start = 0; start < text.length; count++) {
      const end = start + (this.#symbols.longest(text, start)?.length ??
        (text.codePointAt(start)! > 0xffff ? 2 : 1));
      out.reserve(count + 1);
      out.ends[count] = end;
      out.ids[count] = this.#lookup(text.slice(start, end));
      start = end;
    }
    return count;
  }
}
