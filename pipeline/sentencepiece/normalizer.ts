/**
 * Normalisation of a line before it is cut into pieces.
 *
 * @module
 */
import { decodeCharsmap } from "./charsmap.ts";
import type { NormalizerSpec } from "./model_proto.ts";
import { Trie } from "./trie.ts";

/** The space of SentencePiece, ▁. */
export const SPACE = "\u2581";

/** Applies a model's rules to lines. */
export class Normalizer {
  readonly #spec: NormalizerSpec;
  readonly #rules = new Trie();
  readonly #replacements: string[] = [];
  /** Whether any rule or symbol starts with a UTF-16 unit. */
  readonly #starts = new Uint8Array(65536);
  readonly #symbols: Trie | undefined;
  readonly #suffix: boolean;

  /**
   * @param symbols user-defined symbols, which are copied as they stand.
   * @param suffix ▁ stands behind words instead of before them.
   */
  constructor(spec: NormalizerSpec, source: string, symbols: readonly string[], suffix: boolean) {
    this.#spec = spec;
    this.#suffix = suffix;
    for (const [key, value] of decodeCharsmap(spec.precompiledCharsmap, source)) {
      this.#rules.set(key, this.#replacements.push(value) - 1);
      this.#starts[key.charCodeAt(0)] = 1;
    }
    if (symbols.length > 0) {
      this.#symbols = new Trie();
      symbols.forEach((symbol, i) => this.#symbols!.set(symbol, i));
      for (const symbol of symbols) this.#starts[symbol.charCodeAt(0)] = 1;
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
        if (text !== " " && text !== "") break;
        at += length;
      }
      if (at === line.length) return "";
    }
    if (addDummyPrefix && !this.#suffix) push(space, at);
    let previousIsSpace = removeExtraWhitespaces;
    while (at < line.length) {
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
      if (out === "") return "";
    }
    if (addDummyPrefix && this.#suffix) push(space, line.length);
    return out;
  }

  /** The replacement of what stands at a place, and how many units it replaces. */
  #next(line: string, at: number): { text: string; length: number } {
    const unit = line.charCodeAt(at);
    if (this.#starts[unit] === 1) {
      const symbol = this.#symbols ? longest(this.#symbols, line, at) : undefined;
      if (symbol) return { text: line.slice(at, at + symbol.length), length: symbol.length };
      const rule = longest(this.#rules, line, at);
      if (rule) return { text: this.#replacements[rule.value], length: rule.length };
    }
    const length = unit >= 0xd800 && unit < 0xdc00 && at + 1 < line.length ? 2 : 1;
    return { text: length === 1 ? line[at] : line.slice(at, at + 2), length };
  }
}

function longest(
  trie: Trie,
  text: string,
  at: number,
): { value: number; length: number } | undefined {
  let node = 0, value = -1, length = 0;
  for (let i = at; i < text.length; i++) {
    node = trie.child(node, text.charCodeAt(i));
    if (node === -1) break;
    if (trie.values[node] >= 0) [value, length] = [trie.values[node], i + 1 - at];
  }
  return value >= 0 ? { value, length } : undefined;
}
