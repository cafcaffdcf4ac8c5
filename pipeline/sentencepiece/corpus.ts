/**
 * What the trainer reads: normalised sentences as numbers, the alphabet that covers them, and the words
 * that pieces are cut from.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { type Normalizer, SPACE } from "./normalizer.ts";
import { Reservoir } from "./reservoir.ts";

/** Stands for characters outside the alphabet; never part of a piece. */
export const UNKNOWN_MARK = "\u2585";

/** Normalised sentences and their alphabet. */
export interface Corpus {
  /** Code of each character, 0 behind each sentence; 1 + its place for a character of the alphabet. */
  readonly text: Int32Array<SharedArrayBuffer>;
  /** Code of every character outside the alphabet. */
  readonly unknown: number;
  /** Characters with their counts, most frequent first. */
  readonly alphabet: ReadonlyMap<string, number>;
  /** Words: first and last + 1 place in the text, and how often each is counted. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Sentences used. */
  readonly sentences: number;
  /** Sentences left out because they are too long. */
  readonly tooLong: number;
  /** Lines as they were, to test the model with. */
  readonly selfTest: readonly string[];
}

/** Options of loading. */
export interface CorpusOptions {
  /** Share of characters that the alphabet covers. */
  readonly characterCoverage: number;
  /** Characters that are in the alphabet in any case. */
  readonly requiredChars: string;
  /** Sentences used; 0 for all. */
  readonly inputSentenceSize: number;
  /** Whether they are drawn at random; else the first ones are used. */
  readonly shuffleInputSentence: boolean;
  /** Bytes of the longest sentence used. */
  readonly maxSentenceLength: number;
  /** Lines kept to test the model with. */
  readonly selfTestSampleSize: number;
  /** Whether words end at spaces. */
  readonly splitByWhitespace: boolean;
  /** Whether ▁ stands behind words instead of before them. */
  readonly treatWhitespaceAsSuffix: boolean;
}

/** Seed of the sample of sentences, the original's. */
const SAMPLE_SEED = 12345678;

/** Longer words are not looked for among those seen: they hardly ever come twice. */
const LONGEST_SHARED_WORD = 64;

/**
 * Normalises sentences, finds their alphabet and counts their words.
 *
 * @param symbols texts that no piece may reach over.
 * @throws {PipelineError} when there is no sentence.
 */
export async function loadCorpus(
  lines: AsyncIterable<string> | Iterable<string>,
  normalizer: Normalizer,
  symbols: readonly string[],
  options: CorpusOptions,
): Promise<Corpus> {
  const { inputSentenceSize, maxSentenceLength } = options;
  const sampled = new Reservoir<string>(inputSentenceSize, SAMPLE_SEED);
  const selfTest = new Reservoir<string>(options.selfTestSampleSize, SAMPLE_SEED);
  const sentences: string[] = [];
  const pattern = anyOf(symbols);
  const add = (line: string): void => {
    const sentence = normalizer.normalize(line).replace(pattern, UNKNOWN_MARK);
    if (sentence !== "") sentences.push(sentence);
  };
  const utf8 = new TextEncoder();
  let tooLong = 0, taken = 0;
  for await (const line of lines) {
    if (line === "") continue;
    if (3 * line.length > maxSentenceLength && utf8.encode(line).length > maxSentenceLength) {
      tooLong++;
      continue;
    }
    if (line.includes(UNKNOWN_MARK)) continue;
    selfTest.offer(line);
    if (inputSentenceSize > 0 && options.shuffleInputSentence) {
      sampled.offer(line);
      continue;
    }
    add(line);
    if (++taken === inputSentenceSize) break;
  }
  for (const line of sampled.items) add(line);
  if (sentences.length === 0) {
    throw new PipelineError("the input holds no sentence to train on; check --input");
  }
  const { alphabet, codes, length } = findAlphabet(sentences, options);
  const unknown = alphabet.size + 1;
  const text = new Int32Array(new SharedArrayBuffer(4 * length));
  const words = new WordCounter();
  let at = 0;
  for (const sentence of sentences) {
    const start = at;
    for (let i = 0; i < sentence.length; i++) {
      const code = sentence.codePointAt(i)!;
      if (code > 0xffff) i++;
      text[at++] = codes[code] || unknown;
    }
    if (options.splitByWhitespace) {
      words.addParts(sentence, text, start, at, codes[SPACE.codePointAt(0)!], options);
    } else words.add(sentence, start, at);
    at++;
  }
  return {
    text,
    unknown,
    alphabet,
    words: words.finish(),
    sentences: sentences.length,
    tooLong,
    selfTest: selfTest.items,
  };
}

/** A pattern that finds any of the texts, longer ones first. */
function anyOf(texts: readonly string[]): RegExp {
  const escaped = [...texts].sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return new RegExp(["\t", ...escaped].join("|"), "g");
}

/** Characters by falling count until they cover enough, and the code of each code point. */
function findAlphabet(
  sentences: readonly string[],
  { characterCoverage, requiredChars }: CorpusOptions,
): { alphabet: Map<string, number>; codes: Int32Array; length: number } {
  const counts = new Uint32Array(0x110000);
  let length = sentences.length;
  for (const sentence of sentences) {
    for (let i = 0; i < sentence.length; i++) {
      const code = sentence.codePointAt(i)!;
      if (code > 0xffff) i++;
      counts[code]++;
      length++;
    }
  }
  // NUL is in no piece: no reader of the model could look it up.
  const total = length - sentences.length - counts[0];
  counts[0] = 0;
  const required = new Set(Array.from(requiredChars, (character) => character.codePointAt(0)!));
  const order: number[] = [];
  counts.forEach((count, code) => {
    if (count > 0 || required.has(code)) order.push(code);
  });
  const rank = (code: number): number => Number(required.has(code));
  order.sort((a, b) => rank(b) - rank(a) || counts[b] - counts[a] || a - b);
  const alphabet = new Map<string, number>();
  const codes = new Int32Array(0x110000);
  // The original compares in single precision.
  const enough = Math.fround(characterCoverage);
  let covered = 0;
  for (const code of order) {
    if (Math.fround(covered / total) >= enough && rank(code) === 0) break;
    covered += counts[code];
    const character = String.fromCodePoint(code);
    if (character === UNKNOWN_MARK) continue;
    alphabet.set(character, counts[code]);
    codes[code] = alphabet.size;
  }
  return { alphabet, codes, length };
}

/** Counts words; each is kept as the place where it stands first. */
class WordCounter {
  readonly #seen = new Map<string, number>();
  #words = new Int32Array(3 << 12);
  #size = 0;

  /** Cuts a sentence into words at its spaces. */
  addParts(
    sentence: string,
    text: Int32Array,
    start: number,
    end: number,
    space: number,
    { treatWhitespaceAsSuffix }: CorpusOptions,
  ): void {
    let from = start, unit = 0;
    for (let at = start, units = 0; at < end; at++) {
      const width = sentence.codePointAt(units)! > 0xffff ? 2 : 1;
      const cut = treatWhitespaceAsSuffix
        ? at > from && text[at - 1] === space && text[at] !== space
        : at > from && text[at] === space;
      if (cut) {
        this.add(sentence.slice(unit, units), from, at);
        [from, unit] = [at, units];
      }
      units += width;
    }
    this.add(sentence.slice(unit), from, end);
  }

  add(word: string, from: number, to: number): void {
    const short = to - from <= LONGEST_SHARED_WORD;
    const known = short ? this.#seen.get(word) : undefined;
    if (known !== undefined) {
      this.#words[known + 2]++;
      return;
    }
    if (short) this.#seen.set(word, this.#size);
    if (this.#size === this.#words.length) {
      const grown = new Int32Array(2 * this.#size);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words.set([from, to, 1], this.#size);
    this.#size += 3;
  }

  finish(): Int32Array<SharedArrayBuffer> {
    const words = new Int32Array(new SharedArrayBuffer(4 * this.#size));
    words.set(this.#words.subarray(0, this.#size));
    return words;
  }
}
