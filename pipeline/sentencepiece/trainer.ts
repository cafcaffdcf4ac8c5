/**
 * Training of a unigram model: alphabet, seeds, EM with pruning, finish.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { buildRules, encodeCharsmap, type RuleName } from "./charsmap.ts";
import { loadCorpus } from "./corpus.ts";
import { maximize, prune, type WordCounts } from "./em.ts";
import {
  encodeModel,
  type NormalizerSpec,
  type Piece,
  PieceType,
  type TrainerSpec,
} from "./model_proto.ts";
import { Normalizer, SPACE } from "./normalizer.ts";
import { bytePiece } from "./processor.ts";
import { makeSeeds, type PieceTable } from "./seeds.ts";

/** What to train. */
export interface UnigramTrainerOptions extends TrainerSpec {
  /** How text is normalised. */
  readonly normalizationRuleName: RuleName;
}

/** The original's defaults, and the control symbols of the Japanese recipe. */
export const TRAINER_DEFAULTS: Omit<UnigramTrainerOptions, "modelPrefix"> = {
  vocabSize: 32_000,
  characterCoverage: 0.9995,
  inputSentenceSize: 0,
  seedSentencepieceSize: 1_000_000,
  shrinkingFactor: 0.75,
  numSubIterations: 2,
  maxSentenceLength: 4192,
  maxSentencepieceLength: 16,
  controlSymbols: ["[PAD]", "[CLS]", "[SEP]", "[MASK]"],
  userDefinedSymbols: [],
  byteFallback: false,
  splitDigits: false,
  normalizationRuleName: "nmt_nfkc",
};

/** A trained model. */
export interface TrainedModel {
  /** The `.model` file. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** The `.vocab` file: piece, tab, score. */
  readonly vocab: string;
  /** The first column of the vocabulary, a piece a line. */
  readonly vocabText: string;
  /** Sentences trained on. */
  readonly sentences: number;
  /** Sentences left out because they are too long. */
  readonly tooLong: number;
}

/** How far the training is: the table shrinks from its seeds to the vocabulary. */
export interface TrainingProgress {
  /** What is being done. */
  readonly stage: string;
  /** Pieces in the table. */
  readonly pieces: number;
}

/** Pieces are pruned to this multiple of the vocabulary; the finish takes the best of them. */
const OVERSHOOT = 1.1;

/** Missing characters of the alphabet are told apart by this much. */
const MISSING_STEP = 0.0001;

/**
 * Trains a unigram model on sentences.
 *
 * @param signal ends the training between rounds.
 * @throws {PipelineError} when there is no text, or the alphabet alone outgrows the vocabulary.
 */
export async function trainUnigram(
  lines: AsyncIterable<string> | Iterable<string>,
  options: UnigramTrainerOptions,
  signal?: AbortSignal,
  onProgress?: (progress: TrainingProgress) => void,
): Promise<TrainedModel> {
  const normalizerSpec: NormalizerSpec = {
    name: options.normalizationRuleName,
    precompiledCharsmap: encodeCharsmap(buildRules(options.normalizationRuleName)),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
  };
  const meta = metaPieces(options);
  const normalizer = new Normalizer(normalizerSpec, "the rules", [], false);
  onProgress?.({ stage: "reading", pieces: 0 });
  const corpus = await loadCorpus(withoutSymbols(lines, options), normalizer, options);
  const required = corpus.alphabet.size + meta.length;
  if (required > options.vocabSize) {
    throw new PipelineError(
      `the alphabet has ${corpus.alphabet.size} characters and there are ${meta.length} special ` +
        `pieces, which a vocabulary of ${options.vocabSize} does not hold: raise --vocab-size to ` +
        `${required} or more, or lower --character-coverage`,
    );
  }
  onProgress?.({ stage: "finding substrings", pieces: 0 });
  let pieces = makeSeeds(corpus, options, options.seedSentencepieceSize);
  const words = countWords(corpus.sentences);
  const target = Math.floor(OVERSHOOT * options.vocabSize);
  for (;;) {
    for (let round = 0; round < options.numSubIterations; round++) {
      signal?.throwIfAborted();
      onProgress?.({ stage: "EM", pieces: pieces.texts.length });
      pieces = maximize(pieces, words);
      // Let the terminal and Ctrl-C have a turn.
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (pieces.texts.length <= target) break;
    onProgress?.({ stage: "pruning", pieces: pieces.texts.length });
    pieces = prune(pieces, words, target, options.shrinkingFactor);
  }
  const normal = finish(pieces, corpus.alphabet, options.vocabSize - meta.length);
  const all = placeMeta(meta, normal, options.vocabSize);
  const vocab = all.map(({ piece, score }) => `${piece}\t${printFloat(score)}\n`).join("");
  return {
    model: encodeModel(all, options, normalizerSpec),
    vocab,
    vocabText: all.map(({ piece }) => `${piece}\n`).join(""),
    sentences: corpus.sentences.length,
    tooLong: corpus.tooLong,
  };
}

/** User-defined and control symbols end words: no piece reaches over them. */
async function* withoutSymbols(
  lines: AsyncIterable<string> | Iterable<string>,
  { controlSymbols, userDefinedSymbols }: UnigramTrainerOptions,
): AsyncGenerator<string> {
  const symbols = [...controlSymbols, ...userDefinedSymbols];
  for await (let line of lines) {
    for (const symbol of symbols) if (line.includes(symbol)) line = line.replaceAll(symbol, " ");
    yield line;
  }
}

/** Sentences cut before each ▁, with counts. */
function countWords(sentences: readonly string[]): WordCounts {
  const counts = new Map<string, number>();
  for (const sentence of sentences) {
    for (let start = 0; start < sentence.length;) {
      const next = sentence.indexOf(SPACE, start + 1);
      const end = next === -1 ? sentence.length : next;
      const word = sentence.slice(start, end);
      counts.set(word, (counts.get(word) ?? 0) + 1);
      start = end;
    }
  }
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}

/** The whole alphabet, then the best pieces; by falling score, ties by text. */
function finish(
  { texts, scores }: PieceTable,
  alphabet: ReadonlyMap<string, number>,
  size: number,
): Piece[] {
  const known = new Map(texts.map((text, id) => [text, scores[id]]));
  const least = scores.reduce((low, score) => Math.min(low, score), Infinity);
  const chosen = new Map<string, number>();
  let penalty = 0;
  for (const character of alphabet.keys()) {
    const score = known.get(character);
    chosen.set(character, score ?? least + (penalty += MISSING_STEP));
  }
  const order = texts.map((text, id) => ({ text, score: scores[id] })).sort(byScore);
  for (const { text, score } of order) {
    if (chosen.size >= size) break;
    chosen.set(text, score);
  }
  return [...chosen].map(([text, score]) => ({ text, score })).sort(byScore)
    .map(({ text, score }) => ({
      piece: text,
      score: Math.fround(score),
      type: PieceType.NORMAL,
    }));
}

interface ScoredText {
  readonly text: string;
  readonly score: number;
}

function byScore(a: ScoredText, b: ScoredText): number {
  return b.score - a.score || (a.text < b.text ? -1 : 1);
}

/** Unknown, <s>, </s>, then control and user-defined symbols and bytes. */
function metaPieces(options: UnigramTrainerOptions): Piece[] {
  const pieces: Piece[] = [
    { piece: "<unk>", score: 0, type: PieceType.UNKNOWN },
    { piece: "<s>", score: 0, type: PieceType.CONTROL },
    { piece: "</s>", score: 0, type: PieceType.CONTROL },
  ];
  const add = (piece: string, type: PieceType): void => {
    const at = pieces.findIndex((other) => other.piece === piece);
    if (at === 0) throw new PipelineError(`symbol ${piece} is the unknown piece; leave it out`);
    if (at > 0 && pieces[at].type === PieceType.CONTROL && at < 3) {
      pieces[at] = { ...pieces[at], type };
    } else if (at > 0) {
      throw new PipelineError(`symbol ${piece} is named twice`);
    } else {
      pieces.push({ piece, score: 0, type });
    }
  };
  for (const symbol of options.controlSymbols) add(symbol, PieceType.CONTROL);
  for (const symbol of options.userDefinedSymbols) add(symbol, PieceType.USER_DEFINED);
  if (options.byteFallback) {
    for (let byte = 0; byte < 256; byte++) add(bytePiece(byte), PieceType.BYTE);
  }
  return pieces;
}

function placeMeta(meta: readonly Piece[], normal: readonly Piece[], size: number): Piece[] {
  const all = [...meta, ...normal];
  if (all.length < size) {
    throw new PipelineError(
      `the text yields only ${all.length} pieces of the ${size} asked for: lower --vocab-size to ` +
        `${all.length}, or give more text`,
    );
  }
  return all;
}

/** A float as C++ streams print it: six significant digits, the shorter of fixed and exponent form. */
export function printFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [digits, power] = value.toExponential(5).split("e");
  const exponent = Number(power);
  const trim = (text: string): string => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (exponent < -4 || exponent >= 6) {
    const sign = exponent < 0 ? "-" : "+";
    return `${trim(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return trim(value.toFixed(5 - exponent));
}
