/**
 * The compiled normalisation rules of a model, `precompiled_charsmap`: u32 length of the trie, the trie,
 * the replacements each ended by zero.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { buildDoubleArray, HAS_LEAF, offsetOf } from "./double_array.ts";
import { buildRules, type NormalizationRules, type RuleName } from "./rules.ts";

/** Looks rules up in a compiled table. */
export class Charsmap {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;
  /** Replacements that were read, by their places. */
  readonly #read = new Map<number, string>();
  readonly #text = new TextDecoder("utf-8", { ignoreBOM: true });

  /** @throws {PipelineError} naming `source` when the table is damaged. */
  constructor(bytes: Uint8Array, source: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (bytes.length > 0 && (size === 0 || size % 4 !== 0 || 4 + size > bytes.length)) {
      throw new PipelineError(`${source}: its normalisation table is damaged; use another copy`);
    }
    this.#units = new Uint32Array(size / 4);
    for (let i = 0; i < this.#units.length; i++) {
      this.#units[i] = view.getUint32(4 + 4 * i, true);
    }
    this.#replacements = bytes.subarray(4 + size);
  }

  /** Whether any rule may start with a UTF-16 unit that is no surrogate. */
  startsWith(unit: number): boolean {
    const units = this.#units;
    if (units.length === 0) return false;
    let node = offsetOf(units[0]);
    const step = (byte: number): boolean => {
      node ^= byte;
      if (node >= units.length || (units[node] & 0x800000ff) >>> 0 !== byte) return false;
      node ^= offsetOf(units[node]);
      return true;
    };
    if (unit < 0x80) return step(unit);
    if (unit < 0x800) return step(0xc0 | unit >> 6) && step(0x80 | unit & 63);
    return step(0xe0 | unit >> 12) && step(0x80 | unit >> 6 & 63) && step(0x80 | unit & 63);
  }

  /** The replacement of the longest rule that starts at a place of a text, and its length in units. */
  longest(text: string, at: number): { text: string; length: number } | undefined {
    const units = this.#units;
    if (units.length === 0) return undefined;
    let node = offsetOf(units[0]);
    let value = -1, length = 0;
    for (let end = at; end < text.length;) {
      const code = text.codePointAt(end)!;
      end += code > 0xffff ? 2 : 1;
      // The bytes of the character, each with its shift; the first tells how many there are.
      let shift = code < 0x80 ? 0 : code < 0x800 ? 6 : code < 0x10000 ? 12 : 18;
      let byte = shift === 0 ? code : LEAD[shift / 6] | code >> shift;
      for (let leaf = false;;) {
        node ^= byte;
        if (node >= units.length) return this.#found(value, length);
        const unit = units[node];
        if ((unit & 0x800000ff) >>> 0 !== byte) return this.#found(value, length);
        leaf = (unit & HAS_LEAF) !== 0;
        node ^= offsetOf(unit);
        if (shift === 0) {
          if (leaf) [value, length] = [units[node] & 0x7fffffff, end - at];
          break;
        }
        shift -= 6;
        byte = 0x80 | code >> shift & 63;
      }
    }
    return this.#found(value, length);
  }

  #found(value: number, length: number): { text: string; length: number } | undefined {
    if (value < 0) return undefined;
    let text = this.#read.get(value);
    if (text === undefined) {
      const end = this.#replacements.indexOf(0, value);
      text = this.#text.decode(this.#replacements.subarray(value, end));
      this.#read.set(value, text);
    }
    return { text, length };
  }
}

/** First bits of characters of one to four bytes. */
const LEAD = [0, 0xc0, 0xe0, 0xf0];

const compiled = new Map<RuleName, Uint8Array>();

/**
 * The compiled table of a rule set, made once.
 *
 * @throws {PipelineError} for a name that is not known.
 */
export function charsmapOf(name: RuleName): Uint8Array {
  let table = compiled.get(name);
  if (table === undefined) compiled.set(name, table = encodeCharsmap(buildRules(name)));
  return table;
}

/** Compiles rules. */
export function encodeCharsmap(rules: NormalizationRules): Uint8Array<ArrayBuffer> {
  if (rules.size === 0) return new Uint8Array();
  const text = new TextEncoder();
  const places = new Map<string, number>();
  const replacements: Uint8Array[] = [];
  let length = 0;
  for (const value of rules.values()) {
    if (places.has(value)) continue;
    places.set(value, length);
    const bytes = text.encode(value + "\0");
    replacements.push(bytes);
    length += bytes.length;
  }
  const keyed = [...rules].map(([key, value]) => [text.encode(key), places.get(value)!] as const);
  const units = buildDoubleArray(keyed);
  const out = new Uint8Array(4 + 4 * units.length + length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 4 * units.length, true);
  units.forEach((unit, i) => view.setUint32(4 + 4 * i, unit, true));
  let at = 4 + 4 * units.length;
  for (const bytes of replacements) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}
