/**
 * What the trainer reads: normalised sentences as numbers, the alphabet that covers them, and the words
 * that pieces are cut from.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import type { ModelType } from "./model_proto.ts";
import { type Normalizer, SPACE } from "./normalizer.ts";
import { Reservoir } from "./reservoir.ts";
import { wordEnds, type WordRules } from "./words.ts";

/** Stands for characters outside the alphabet; never part of a piece. */
export const UNKNOWN_MARK = "\u2585";

/** Codes of characters, in memory that threads share. */
export type Codes = Uint16Array<SharedArrayBuffer> | Int32Array<SharedArrayBuffer>;

/** Normalised sentences and their alphabet. */
export interface Corpus {
  /** Code of each character, 0 behind each sentence; 1 + its place for a character of the alphabet. */
  readonly text: Codes;
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
export interface CorpusOptions extends WordRules {
  /** What is trained: word models have words of their own. */
  readonly modelType: ModelType;
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
}

/** Seed of the sample of sentences, the original's. */
const SAMPLE_SEED = 12345678;

/** Lines that are read before others have a turn: a few hundredths of a second of work. */
const LINES_PER_TURN = 1024;

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
  signal?: AbortSignal,
): Promise<Corpus> {
  const { inputSentenceSize, maxSentenceLength } = options;
  const sampled = new Reservoir<string>(inputSentenceSize, SAMPLE_SEED);
  const selfTest = new Reservoir<string>(options.selfTestSampleSize, SAMPLE_SEED);
  const sentences = new Sentences();
  const pattern = anyOf(symbols);
  const add = (line: string): void => {
    sentences.add(normalizer.normalize(line).replace(pattern, UNKNOWN_MARK));
  };
  const utf8 = new TextEncoder();
  let tooLong = 0, taken = 0, seen = 0;
  for await (const line of lines) {
    if (++seen % LINES_PER_TURN === 0) await takeTurn(signal);
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
  if (sentences.count === 0) {
    throw new PipelineError("the input holds no sentence to train on; check --input");
  }
  const { alphabet, codes } = findAlphabet(sentences, options);
  const unknown = alphabet.size + 1;
  const { text, ends } = await encodeSentences(sentences, codes, unknown, signal);
  return {
    text,
    unknown,
    alphabet,
    words: await countWords(text, ends, codes[SPACE.charCodeAt(0)], options, signal),
    sentences: sentences.count,
    tooLong,
    selfTest: selfTest.items,
  };
}

/** Lets Ctrl-C be heard. */
async function takeTurn(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  signal?.throwIfAborted();
}

/** A pattern that finds any of the texts, longer ones first. */
function anyOf(texts: readonly string[]): RegExp {
  const escaped = [...texts].sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
  return new RegExp(["\t", ...escaped].join("|"), "g");
}

/** Stands behind each sentence: half a surrogate pair, which no normalised text holds. */
const SENTENCE_END = 0xdc00;

/** Units of a chunk of sentences. */
const CHUNK = 1 << 20;

/** Sentences as UTF-16 units, two bytes each: strings would take several times as much. */
class Sentences {
  /** How many there are. */
  count = 0;
  /** Their characters, the ends not counted. */
  characters = 0;
  /** How often each code point stands in them. */
  readonly counts = new Uint32Array(0x110000);
  #chunks: Uint16Array[] = [];
  #last = new Uint16Array(CHUNK);
  #size = 0;

  /** Adds a sentence, if it is not empty. */
  add(sentence: string): void {
    const { length } = sentence;
    if (length === 0) return;
    this.count++;
    if (this.#size + length + 1 > this.#last.length) {
      this.#chunks.push(this.#last.subarray(0, this.#size));
      this.#last = new Uint16Array(Math.max(CHUNK, length + 1));
      this.#size = 0;
    }
    const units = this.#last;
    for (let i = 0; i < length; i++) units[this.#size++] = sentence.charCodeAt(i);
    units[this.#size++] = SENTENCE_END;
    for (let i = 0; i < length; i++) {
      const code = sentence.codePointAt(i)!;
      if (code > 0xffff) i++;
      this.counts[code]++;
      this.characters++;
    }
  }

  /** Hands the chunks out one by one, for good. */
  *drain(): Generator<Uint16Array> {
    this.#chunks.push(this.#last.subarray(0, this.#size));
    for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) yield chunk;
  }
}

/** Characters by falling count until they cover enough, and the code of each code point. */
function findAlphabet(
  { counts, characters }: Sentences,
  { characterCoverage, requiredChars }: CorpusOptions,
): { alphabet: Map<string, number>; codes: Int32Array } {
  // NUL is in no piece: no reader of the model could look it up.
  const total = characters - counts[0];
  counts[0] = 0;
  const required = new Set(Array.from(requiredChars, (character) => character.codePointAt(0)!));
  required.delete(0);
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
  return { alphabet, codes };
}

/** The codes of all sentences, and where each sentence ends. */
async function encodeSentences(
  sentences: Sentences,
  codes: Int32Array,
  unknown: number,
  signal?: AbortSignal,
): Promise<{ text: Codes; ends: Int32Array }> {
  const length = sentences.characters + sentences.count;
  const text = unknown < 2 ** 16
    ? new Uint16Array(new SharedArrayBuffer(2 * length))
    : new Int32Array(new SharedArrayBuffer(4 * length));
  const ends = new Int32Array(sentences.count);
  let at = 0, sentence = 0;
  for (const units of sentences.drain()) {
    await takeTurn(signal);
    for (let i = 0; i < units.length; i++) {
      let code = units[i];
      if (code === SENTENCE_END) {
        ends[sentence++] = at++;
        continue;
      }
      if (code >= 0xd800 && code < 0xdc00) {
        code = 0x10000 + ((code - 0xd800) << 10 | units[++i] - 0xdc00);
      }
      text[at++] = codes[code] || unknown;
    }
  }
  return { text, ends };
}

/** Cuts sentences into words and counts them; each is kept as the place where it stands first. */
async function countWords(
  text: Codes,
  ends: Int32Array,
  space: number,
  options: CorpusOptions,
  signal?: AbortSignal,
): Promise<Int32Array<SharedArrayBuffer>> {
  const ofWords = options.modelType === "word";
  const rules: WordRules = ofWords
    ? { treatWhitespaceAsSuffix: false, allowWhitespaceOnlyPieces: false }
    : options;
  const words = new WordCounter(text);
  let start = 0;
  for (const [sentence, end] of ends.entries()) {
    if (sentence % LINES_PER_TURN === 0) await takeTurn(signal);
    if (ofWords || options.splitByWhitespace) {
      let from = 0;
      for (const to of wordEnds(end - start, (at) => text[start + at] === space, rules)) {
        words.add(start + from, start + to);
        from = to;
      }
    } else words.add(start, end);
    start = end + 1;
  }
  return words.finish();
}

/** Words as their first place, the end of that, and their count. */
class WordCounter {
  readonly #text: Codes;
  readonly #seen = new Map<string, number>();
  #words = new Int32Array(3 << 12);
  #size = 0;

  constructor(text: Codes) {
    this.#text = text;
  }

  add(from: number, to: number): void {
    const short = to - from <= LONGEST_SHARED_WORD;
    const key = short ? this.#key(from, to) : "";
    const known = short ? this.#seen.get(key) : undefined;
    if (known !== undefined) {
      this.#words[known + 2]++;
      return;
    }
    if (short) this.#seen.set(key, this.#size);
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

  #key(from: number, to: number): string {
    const codes = this.#text.subarray(from, to);
    return codes instanceof Uint16Array
      ? String.fromCharCode(...codes)
      : String.fromCodePoint(...codes);
  }
}
