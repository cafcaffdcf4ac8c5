/**
 * Training of a model of any kind: text in, pieces and files out.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { charsmapOf } from "./charsmap.ts";
import type { RuleName } from "./rules.ts";
import { type Corpus, loadCorpus } from "./corpus.ts";
import { findMerges, MERGES_PER_REPORT } from "./bpe_trainer.ts";
import { frequentCharacters, frequentWords } from "./frequency_trainer.ts";
import {
  encodeModel,
  type NormalizerSpec,
  type Piece,
  PieceType,
  type TrainerSpec,
} from "./model_proto.ts";
import { Normalizer } from "./normalizer.ts";
import { bytePiece, SentencePieceProcessor } from "./processor.ts";
import { byFrequency, findUnigramPieces, type ReportRound } from "./unigram_trainer.ts";

/** What to train. */
export interface SentencePieceTrainerOptions extends TrainerSpec {
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
export const TRAINER_DEFAULTS: Omit<SentencePieceTrainerOptions, "modelPrefix"> = {
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
  useAllVocab: false,
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

/**
 * Trains a model on sentences. The result does not depend on the number of threads.
 *
 * @param signal ends the training between rounds.
 * @throws {PipelineError} when there is no text, or the alphabet alone outgrows the vocabulary.
 */
export async function trainSentencePiece(
  lines: AsyncIterable<string> | Iterable<string>,
  options: SentencePieceTrainerOptions,
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
  let done = 0;
  const report = async (stage: string, pieces = 0, left?: number): Promise<void> => {
    onProgress?.({ stage, pieces, done, total: left === undefined ? undefined : done + left });
    done++;
    // Let the terminal and Ctrl-C have a turn.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
  };
  await report("reading");
  const corpus = await loadCorpus(lines, normalizer, meta.map(({ piece }) => piece), {
    ...options,
    characterCoverage: options.useAllVocab ? 1 : options.characterCoverage,
  }, signal);
  const normal = await findPieces(corpus, options, meta.length, report, signal);
  const all = [...meta, ...normal];
  // A model of characters has as many as there are.
  const hard = options.hardVocabLimit && options.modelType !== "char" && !options.useAllVocab;
  if (all.length < options.vocabSize && hard) {
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

/** The pieces cut from text, by the kind of the model. */
async function findPieces(
  corpus: Corpus,
  options: SentencePieceTrainerOptions,
  special: number,
  report: ReportRound,
  signal?: AbortSignal,
): Promise<Piece[]> {
  const { modelType, vocabSize } = options;
  const wanted = vocabSize - special;
  if (modelType === "word" || modelType === "char") {
    if (wanted < 0 && !options.useAllVocab) {
      throw new PipelineError(
        `there are ${special} special pieces, which a vocabulary of ${vocabSize} does not hold: ` +
          `raise --vocab-size to ${special} or more`,
      );
    }
    const size = options.useAllVocab ? Infinity : wanted;
    return (modelType === "word" ? frequentWords : frequentCharacters)(corpus, size);
  }
  const required = corpus.alphabet.size + special;
  if (required > vocabSize) {
    throw new PipelineError(
      `the alphabet has ${corpus.alphabet.size} characters and there are ${special} special ` +
        `pieces, which a vocabulary of ${vocabSize} does not hold: raise --vocab-size to ` +
        `${required} or more, or lower --character-coverage`,
    );
  }
  if (modelType === "unigram") return findUnigramPieces(corpus, options, wanted, report, signal);
  const size = vocabSize - required;
  const merges = await findMerges(
    corpus,
    options,
    size,
    (pieces) => report("merging", pieces, Math.ceil((size - pieces) / MERGES_PER_REPORT)),
  );
  // Characters come last: nothing is merged into them.
  const characters = byFrequency(corpus.alphabet).map(([piece], i) => ({
    piece,
    score: -(merges.length + i),
    type: PieceType.NORMAL,
  }));
  return [...merges, ...characters];
}

/** Unknown, <s>, </s>, then control and user-defined symbols and bytes. */
function metaPieces(options: SentencePieceTrainerOptions): Piece[] {
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
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
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
