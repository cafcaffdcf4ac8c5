/**
 * Training of a unigram model: alphabet, seeds, EM with pruning, finish.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { charsmapOf } from "./charsmap.ts";
import type { RuleName } from "./rules.ts";
import { type Corpus, loadCorpus } from "./corpus.ts";
import { Expectation } from "./em.ts";
import {
  encodeModel,
  type NormalizerSpec,
  type Piece,
  PieceType,
  type TrainerSpec,
} from "./model_proto.ts";
import { Normalizer } from "./normalizer.ts";
import { bytePiece, SentencePieceProcessor } from "./processor.ts";
import { makeSeeds, type PieceTable } from "./seeds.ts";

/** What to train. */
export interface UnigramTrainerOptions extends TrainerSpec {
  /** How text is normalised. */
  readonly normalizationRuleName: RuleName;
  /** Puts a space before the text. */
  readonly addDummyPrefix: boolean;
  /** Drops leading, trailing and repeated spaces. */
  readonly removeExtraWhitespaces: boolean;
  /** Threads. */
  readonly numProcesses: number;
}

/** The original's defaults, the control symbols of the Japanese recipe, and samples to test with. */
export const TRAINER_DEFAULTS: Omit<UnigramTrainerOptions, "modelPrefix"> = {
  input: [],
  modelType: "unigram",
  vocabSize: 32_000,
  selfTestSampleSize: 10,
  characterCoverage: 0.9995,
  inputSentenceSize: 0,
  shuffleInputSentence: true,
  seedSentencepieceSize: 1_000_000,
  shrinkingFactor: 0.75,
  numSubIterations: 2,
  maxSentenceLength: 4192,
  maxSentencepieceLength: 16,
  splitByUnicodeScript: true,
  splitByNumber: true,
  splitByWhitespace: true,
  treatWhitespaceAsSuffix: false,
  allowWhitespaceOnlyPieces: false,
  splitDigits: false,
  controlSymbols: ["[PAD]", "[CLS]", "[SEP]", "[MASK]"],
  userDefinedSymbols: [],
  byteFallback: false,
  requiredChars: "",
  hardVocabLimit: true,
  normalizationRuleName: "nmt_nfkc",
  addDummyPrefix: true,
  removeExtraWhitespaces: true,
  numProcesses: 2,
};

/** A trained model. */
export interface TrainedModel {
  /** The `.model` file. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** The `.vocab` file: piece, tab, score. */
  readonly vocab: string;
  /** The first column of the vocabulary, a piece a line. */
  readonly vocabText: string;
  /** Pieces in the vocabulary. */
  readonly pieces: number;
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
  /** Steps done. */
  readonly done: number;
  /** Steps in all, once that can be told. */
  readonly total?: number;
}

/** Pieces are pruned to this multiple of the vocabulary; the finish takes the best of them. */
const OVERSHOOT = 1.1;

/** Missing characters of the alphabet are told apart by this much. */
const MISSING_STEP = 0.0001;

/**
 * Trains a unigram model on sentences. The result does not depend on the number of threads.
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
    precompiledCharsmap: charsmapOf(options.normalizationRuleName),
    addDummyPrefix: options.addDummyPrefix,
    removeExtraWhitespaces: options.removeExtraWhitespaces,
    escapeWhitespaces: true,
  };
  const meta = metaPieces(options);
  const normalizer = new Normalizer(
    normalizerSpec,
    "the rules",
    [],
    options.treatWhitespaceAsSuffix,
  );
  let done = 0, total: number | undefined;
  const report = async (stage: string, pieces = 0): Promise<void> => {
    onProgress?.({ stage, pieces, done: done++, total });
    // Let the terminal and Ctrl-C have a turn.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
  };
  await report("reading");
  const corpus = await loadCorpus(lines, normalizer, meta.map(({ piece }) => piece), options);
  const required = corpus.alphabet.size + meta.length;
  if (required > options.vocabSize) {
    throw new PipelineError(
      `the alphabet has ${corpus.alphabet.size} characters and there are ${meta.length} special ` +
        `pieces, which a vocabulary of ${options.vocabSize} does not hold: raise --vocab-size to ` +
        `${required} or more, or lower --character-coverage`,
    );
  }
  await report("finding substrings");
  let pieces = makeSeeds(corpus, options, options.seedSentencepieceSize);
  const target = Math.floor(OVERSHOOT * options.vocabSize);
  const expectation = new Expectation(corpus, options.numProcesses);
  try {
    for (;;) {
      const { length } = pieces.places;
      const prunings = Math.ceil(
        Math.log(target / length) / Math.log(options.shrinkingFactor),
      );
      const rounds = options.numSubIterations;
      total = done + rounds + Math.max(0, prunings) * (1 + rounds);
      for (let round = 0; round < rounds; round++) {
        await report("EM", pieces.places.length);
        pieces = await expectation.maximize(pieces);
      }
      if (pieces.places.length <= target) break;
      await report("pruning", pieces.places.length);
      pieces = await expectation.prune(pieces, target, options.shrinkingFactor);
    }
  } finally {
    expectation.stop();
  }
  const normal = finish(pieces, corpus, options.vocabSize - meta.length);
  const all = [...meta, ...normal];
  if (all.length < options.vocabSize && options.hardVocabLimit) {
    throw new PipelineError(
      `the text yields only ${all.length} pieces of the ${options.vocabSize} asked for: lower ` +
        `--vocab-size to ${all.length}, or give more text`,
    );
  }
  const trainer = { ...options, vocabSize: all.length };
  const untested = encodeModel({ pieces: all, trainer, normalizer: normalizerSpec });
  const processor = SentencePieceProcessor.fromBytes(untested);
  const selfTest = corpus.selfTest.map((input) => ({
    input,
    expected: processor.encodePieces(input).join(" "),
  }));
  return {
    model: encodeModel({ pieces: all, trainer, normalizer: normalizerSpec, selfTest }),
    vocab: all.map(({ piece, score }) => `${piece}\t${printFloat(score)}\n`).join(""),
    vocabText: all.map(({ piece }) => `${piece}\n`).join(""),
    pieces: all.length,
    sentences: corpus.sentences,
    tooLong: corpus.tooLong,
  };
}

/** The whole alphabet, then the best pieces; by falling score, ties by text. */
function finish(table: PieceTable, { text, alphabet }: Corpus, size: number): Piece[] {
  const characters = [...alphabet.keys()];
  const order: ScoredText[] = [];
  table.places.forEach((place, id) => {
    let piece = "";
    for (let i = 0; i < table.lengths[id]; i++) piece += characters[text[place + i] - 1];
    order.push({ text: piece, score: table.scores[id] });
  });
  const known = new Map(order.map(({ text, score }) => [text, score]));
  const least = table.scores.reduce((low, score) => Math.min(low, score), Infinity);
  const chosen = new Map<string, number>();
  let penalty = 0;
  for (const character of characters) {
    const score = known.get(character);
    chosen.set(character, score ?? least + penalty);
    if (score === undefined) penalty += MISSING_STEP;
  }
  for (const { text, score } of order.sort(byScore)) {
    if (chosen.size >= size) break;
    chosen.set(text, score);
  }
  return [...chosen].map(([text, score]) => ({ text, score: Math.fround(score) })).sort(byScore)
    .map(({ text, score }) => ({ piece: text, score, type: PieceType.NORMAL }));
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
