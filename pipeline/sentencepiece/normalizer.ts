/**
 * Normalisation of a line before it is cut into pieces.
 *
 * @module
 */
import { Charsmap } from "./charsmap.ts";
import type { NormalizerSpec } from "./model_proto.ts";
import { StringTrie } from "./trie.ts";

/** The space of SentencePiece, ▁. */
export const SPACE = "\u2581";

/** Applies a model's rules to lines. */
export class Normalizer {
  readonly #spec: NormalizerSpec;
  readonly #charsmap: Charsmap;
  /** 1 for units that cannot simply be copied: spaces, and those that start a rule or a symbol. */
  readonly #special = new Uint8Array(65536);
  readonly #symbols: StringTrie | undefined;
  readonly #suffix: boolean;

  /**
   * @param symbols user-defined symbols, which are copied as they stand.
   * @param suffix ▁ stands behind words instead of before them.
   */
  constructor(spec: NormalizerSpec, source: string, symbols: readonly string[], suffix: boolean) {
    this.#spec = spec;
    this.#suffix = suffix;
    this.#charsmap = new Charsmap(spec.precompiledCharsmap, source);
    for (let unit = 0; unit < 65536; unit++) {
      const surrogate = unit >= 0xd800 && unit < 0xe000;
      if (unit === 0x20 || surrogate || this.#charsmap.startsWith(unit)) this.#special[unit] = 1;
    }
    if (symbols.length > 0) {
      this.#symbols = new StringTrie(symbols.map((symbol, i) => [symbol, i]));
      for (const symbol of symbols) this.#special[symbol.charCodeAt(0)] = 1;
    }
  }

  /** The normalised line, spaces as ▁. */
  normalize(line: string): string {
    return this.#run(line, undefined);
  }

  /** The normalised line, and for each of its units (and its end) the place in the original line. */
  normalizeWithOffsets(line: string): { text: string; offsets: Int32Array } {
    const offsets: number[] = [];
    const text = this.#run(line, offsets);
    return { text, offsets: Int32Array.from(offsets.slice(0, text.length).concat(line.length)) };
  }

  #run(line: string, offsets: number[] | undefined): string {
    const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = this.#spec;
    const space = escapeWhitespaces ? SPACE : " ";
    let out = "";
    let at = 0;
    const push = (text: string, from: number): void => {
      out += text;
      if (offsets) { for (let i = 0; i < text.length; i++) offsets.push(from); }
    };
    if (removeExtraWhitespaces) {
      while (at < line.length) {
        const { text, length } = this.#next(line, at);
        if (text !== " ") break;
        at += length;
      }
    }
    // Nothing, or nothing but spaces: no space is put beside it.
    if (at === line.length) return "";
    if (addDummyPrefix && !this.#suffix) push(space, at);
    let previousIsSpace = removeExtraWhitespaces;
    const special = this.#special, { length: end } = line;
    while (at < end) {
      const from = at;
      while (at < end && special[line.charCodeAt(at)] === 0) at++;
      if (at > from) {
        out += line.slice(from, at);
        if (offsets) { for (let i = from; i < at; i++) offsets.push(i); }
        previousIsSpace = false;
        continue;
      }
      const { text, length } = this.#next(line, at);
      let start = 0;
      while (previousIsSpace && text[start] === " ") start++;
      if (start < text.length) {
        const rest = start === 0 ? text : text.slice(start);
        push(escapeWhitespaces ? rest.replaceAll(" ", SPACE) : rest, at);
        previousIsSpace = removeExtraWhitespaces && rest.endsWith(" ");
      }
      if (!removeExtraWhitespaces) previousIsSpace = false;
      at += length;
    }
    if (removeExtraWhitespaces) {
      let end = out.length;
      while (end > 0 && out[end - 1] === space) end--;
      out = out.slice(0, end);
    }
    if (addDummyPrefix && this.#suffix) push(space, line.length);
    return out;
  }

  /** The replacement of what stands at a place, and how many units it replaces. */
  #next(line: string, at: number): { text: string; length: number } {
    const symbol = this.#symbols?.longest(line, at);
    if (symbol) return { text: line.slice(at, at + symbol.length), length: symbol.length };
    const code = line.codePointAt(at)!;
    // Half a surrogate pair stands for a byte that was no UTF-8.
    if (code >= 0xd800 && code < 0xe000) return { text: "\ufffd", length: 1 };
    const rule = this.#charsmap.longest(line, at);
    if (rule) return rule;
    const length = code > 0xffff ? 2 : 1;
    return { text: line.slice(at, at + length), length };
  }
}
