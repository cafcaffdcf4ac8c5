/**
 * What the trainer reads: normalised sentences and the alphabet that covers them.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import type { Normalizer } from "./normalizer.ts";

/** Stands for characters outside the alphabet; never part of a piece. */
export const UNKNOWN_MARK = "\u2585";

/** Normalised sentences and their alphabet. */
export interface Corpus {
  /** Normalised sentences, characters outside the alphabet replaced. */
  readonly sentences: readonly string[];
  /** Characters with their counts, most frequent first. */
  readonly alphabet: ReadonlyMap<string, number>;
  /** Sentences left out because they are too long. */
  readonly tooLong: number;
}

/** Options of loading. */
export interface CorpusOptions {
  /** Share of characters that the alphabet covers. */
  readonly characterCoverage: number;
  /** Sentences sampled; 0 for all. */
  readonly inputSentenceSize: number;
  /** Bytes of the longest sentence used. */
  readonly maxSentenceLength: number;
}

/** Seed of the sample when not all sentences are used. */
const SAMPLE_SEED = 0x2545f491;

/**
 * Normalises sentences and finds their alphabet.
 *
 * @throws {PipelineError} when there is no sentence.
 */
export async function loadCorpus(
  lines: AsyncIterable<string> | Iterable<string>,
  normalizer: Normalizer,
  options: CorpusOptions,
): Promise<Corpus> {
  const { inputSentenceSize, maxSentenceLength } = options;
  const raw: string[] = [];
  const text = new TextEncoder();
  let tooLong = 0, seen = 0, state = SAMPLE_SEED;
  for await (const line of lines) {
    if (line === "" || line.includes(UNKNOWN_MARK)) continue;
    if (3 * line.length > maxSentenceLength && text.encode(line).length > maxSentenceLength) {
      tooLong++;
      continue;
    }
    seen++;
    if (inputSentenceSize === 0 || raw.length < inputSentenceSize) {
      raw.push(line);
      continue;
    }
    // Reservoir sampling: each sentence stays with the same chance.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const place = Math.floor(state / 4294967296 * seen);
    if (place < inputSentenceSize) raw[place] = line;
  }
  const sentences: string[] = [];
  const counts = new Map<string, number>();
  let total = 0;
  for (const line of raw) {
    const sentence = normalizer.normalize(line);
    if (sentence === "") continue;
    sentences.push(sentence);
    for (const character of sentence) {
      if (character === "\t") continue;
      counts.set(character, (counts.get(character) ?? 0) + 1);
      total++;
    }
  }
  if (sentences.length === 0) {
    throw new PipelineError("the input holds no sentence to train on; check --input");
  }
  const order = [...counts].sort(([a, x], [b, y]) =>
    y - x || a.codePointAt(0)! - b.codePointAt(0)!
  );
  const alphabet = new Map<string, number>();
  let covered = 0;
  for (const [character, count] of order) {
    if (covered / total >= options.characterCoverage) break;
    covered += count;
    alphabet.set(character, count);
  }
  for (let i = 0; i < sentences.length && alphabet.size < counts.size; i++) {
    let known = true;
    for (const character of sentences[i]) known &&= alphabet.has(character);
    if (!known) {
      sentences[i] = Array.from(sentences[i], (c) => alphabet.has(c) ? c : UNKNOWN_MARK).join("");
    }
  }
  return { sentences, alphabet, tooLong };
}
