/**
 * The `.model` file of SentencePiece (sentencepiece_model.proto).
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { readFields, type WireFault, WireWriter } from "../wire/protobuf.ts";

/** What a piece is. */
export const PieceType = {
  NORMAL: 1,
  UNKNOWN: 2,
  CONTROL: 3,
  USER_DEFINED: 4,
  UNUSED: 5,
  BYTE: 6,
} as const;

/** A value of {@link PieceType}. */
export type PieceType = typeof PieceType[keyof typeof PieceType];

/** One entry of the vocabulary; its id is its place. */
export interface Piece {
  /** Text, spaces as ▁. */
  readonly piece: string;
  /** Log probability (unigram) or merge order (BPE); float32. */
  readonly score: number;
  /** What it is. */
  readonly type: PieceType;
}

/** How the encoder works. */
export type ModelType = "unigram" | "bpe" | "word" | "char";

/** How text is normalised before it is cut. */
export interface NormalizerSpec {
  /** For instance "nmt_nfkc". */
  readonly name: string;
  /** Compiled replacement rules; empty for none. */
  readonly precompiledCharsmap: Uint8Array;
  /** Puts a space before the text. */
  readonly addDummyPrefix: boolean;
  /** Drops leading, trailing and repeated spaces. */
  readonly removeExtraWhitespaces: boolean;
  /** Writes spaces as ▁. */
  readonly escapeWhitespaces: boolean;
}

/** A line and how the model cuts it, for a reader to check itself. */
export interface SelfTestSample {
  /** The line. */
  readonly input: string;
  /** Its pieces, joined by spaces. */
  readonly expected: string;
}

/** Settings of the trainer, as they are written into the model. */
export interface TrainerSpec {
  /** Files read. */
  readonly input: readonly string[];
  /** Prefix of the files made. */
  readonly modelPrefix: string;
  /** How pieces are found and text is cut. */
  readonly modelType: ModelType;
  /** Pieces asked for. */
  readonly vocabSize: number;
  /** Lines kept in the model to test it with. */
  readonly selfTestSampleSize: number;
  /** Share of characters covered. */
  readonly characterCoverage: number;
  /** Sentences used; 0 for all. */
  readonly inputSentenceSize: number;
  /** Pieces that pieces were chosen from. */
  readonly seedSentencepieceSize: number;
  /** Share kept by each pruning. */
  readonly shrinkingFactor: number;
  /** EM rounds between prunings. */
  readonly numSubIterations: number;
  /** Bytes of the longest sentence used. */
  readonly maxSentenceLength: number;
  /** Whether sentences are drawn at random; else the first ones are used. */
  readonly shuffleInputSentence: boolean;
  /** Characters of the longest piece. */
  readonly maxSentencepieceLength: number;
  /** No piece joins two scripts. */
  readonly splitByUnicodeScript: boolean;
  /** Spaces stand only where words start. */
  readonly splitByWhitespace: boolean;
  /** No piece joins digits and letters. */
  readonly splitByNumber: boolean;
  /** ▁ stands behind words instead of before them. */
  readonly treatWhitespaceAsSuffix: boolean;
  /** Digits stand alone. */
  readonly splitDigits: boolean;
  /** Runs of spaces may be pieces. */
  readonly allowWhitespaceOnlyPieces: boolean;
  /** Pieces never cut from text. */
  readonly controlSymbols: readonly string[];
  /** Pieces always cut from text. */
  readonly userDefinedSymbols: readonly string[];
  /** Whether fewer pieces than asked for are an error. */
  readonly hardVocabLimit: boolean;
  /** Unknown characters become bytes. */
  readonly byteFallback: boolean;
  /** Characters that are in the alphabet in any case. */
  readonly requiredChars: string;
  /** All words or characters of the text become pieces. */
  readonly useAllVocab: boolean;
}

/** A model as the processor needs it. */
export interface SentencePieceModel {
  /** Pieces in the order of their ids. */
  readonly pieces: readonly Piece[];
  /** How the encoder works. */
  readonly modelType: ModelType;
  /** Unknown characters become bytes. */
  readonly byteFallback: boolean;
  /** What unknown pieces decode to. */
  readonly unkSurface: string;
  /** ▁ stands behind words instead of before them. */
  readonly treatWhitespaceAsSuffix: boolean;
  /** Normalisation. */
  readonly normalizer: NormalizerSpec;
  /** Lines to test the model with. */
  readonly selfTest: readonly SelfTestSample[];
}

/**
 * A model file with its pieces changed and everything else as it was, fields that are not known here
 * included.
 *
 * @param change receives each piece and its id, and returns what is to stand there.
 * @throws {PipelineError} when the file is damaged.
 */
export function rewritePieces(
  file: Uint8Array,
  source: string,
  change: (piece: Piece, id: number) => Piece,
): Uint8Array<ArrayBuffer> {
  const { pieces } = decodeModel(file, source);
  const fault = wireFault(source);
  const out = new WireWriter();
  let id = 0;
  for (const field of readFields(file, fault)) {
    if (field.number !== 1) {
      out.raw(field.raw);
      continue;
    }
    const entry = encodePiece(change(pieces[id], id));
    id++;
    for (const part of readFields(field.bytes, fault)) if (part.number > 3) entry.raw(part.raw);
    out.bytes(1, entry.finish());
  }
  return out.finish();
}

function encodePiece({ piece, score, type }: Piece): WireWriter {
  const entry = new WireWriter().bytes(1, piece).float(2, score);
  return type === PieceType.NORMAL ? entry : entry.varint(3, type);
}

function wireFault(source: string): WireFault {
  return (what, at) =>
    new PipelineError(
      `${source}: ${what} at byte ${at}; it is cut short or not a SentencePiece model`,
    );
}

const MODEL_TYPES: readonly ModelType[] = ["unigram", "bpe", "word", "char"];

/**
 * Decodes a model file.
 *
 * @param source the file's name, for messages.
 * @throws {PipelineError} naming file and byte where the file is cut short or no model.
 */
export function decodeModel(file: Uint8Array, source: string): SentencePieceModel {
  const text = new TextDecoder("utf-8", { ignoreBOM: true });
  const fault = wireFault(source);
  const pieces: Piece[] = [];
  let modelType: ModelType | undefined = "unigram";
  let byteFallback = false, unkSurface = " ⁇ ", treatWhitespaceAsSuffix = false;
  let normalizer: NormalizerSpec = {
    name: "",
    precompiledCharsmap: new Uint8Array(),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
  };
  const selfTest: SelfTestSample[] = [];
  const sections = new Set<number>();
  for (const field of readFields(file, fault)) {
    sections.add(field.number);
    const offset = field.bytes.byteOffset - file.byteOffset;
    if (field.number === 1) {
      let piece = "", score = 0, type: number = PieceType.NORMAL;
      for (const part of readFields(field.bytes, fault, offset)) {
        if (part.number === 1) piece = text.decode(part.bytes);
        if (part.number === 2) score = float(part.bytes);
        if (part.number === 3) type = part.varint;
      }
      pieces.push({ piece, score, type: type as PieceType });
    } else if (field.number === 2) {
      for (const part of readFields(field.bytes, fault, offset)) {
        if (part.number === 3) modelType = MODEL_TYPES[part.varint - 1];
        if (part.number === 24) treatWhitespaceAsSuffix = part.varint !== 0;
        if (part.number === 35) byteFallback = part.varint !== 0;
        if (part.number === 44) unkSurface = text.decode(part.bytes);
      }
    } else if (field.number === 3) {
      for (const part of readFields(field.bytes, fault, offset)) {
        if (part.number === 1) normalizer = { ...normalizer, name: text.decode(part.bytes) };
        if (part.number === 2) {
          normalizer = { ...normalizer, precompiledCharsmap: part.bytes.slice() };
        }
        const set = part.varint !== 0;
        if (part.number === 3) normalizer = { ...normalizer, addDummyPrefix: set };
        if (part.number === 4) normalizer = { ...normalizer, removeExtraWhitespaces: set };
        if (part.number === 5) normalizer = { ...normalizer, escapeWhitespaces: set };
      }
    } else if (field.number === 4) {
      for (const sample of readFields(field.bytes, fault, offset)) {
        if (sample.number !== 1) continue;
        let input = "", expected = "";
        const at = sample.bytes.byteOffset - file.byteOffset;
        for (const part of readFields(sample.bytes, fault, at)) {
          if (part.number === 1) input = text.decode(part.bytes);
          if (part.number === 2) expected = text.decode(part.bytes);
        }
        selfTest.push({ input, expected });
      }
    }
  }
  if (!pieces.some(({ type }) => type === PieceType.UNKNOWN)) {
    throw new PipelineError(
      `${source}: holds ${pieces.length} pieces and no unknown piece; it is not a SentencePiece model`,
    );
  }
  if (!sections.has(2) || !sections.has(3)) {
    throw new PipelineError(
      `${source}: is cut short: it ends at byte ${file.length}, after ${pieces.length} pieces and ` +
        "before its settings; copy it again",
    );
  }
  if (modelType === undefined) {
    throw new PipelineError(`${source}: is of a kind that is not known; use another model`);
  }
  return {
    pieces,
    modelType,
    byteFallback,
    unkSurface,
    treatWhitespaceAsSuffix,
    normalizer,
    selfTest,
  };
}

function float(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

/** What goes into a model file. */
export interface ModelContent {
  /** Pieces in the order of their ids. */
  readonly pieces: readonly Piece[];
  /** How they were found. */
  readonly trainer: TrainerSpec;
  /** How text is normalised. */
  readonly normalizer: NormalizerSpec;
  /** Lines to test the model with. */
  readonly selfTest?: readonly SelfTestSample[];
}

/** Encodes a model file with its trainer and normalizer settings. */
export function encodeModel(content: ModelContent): Uint8Array<ArrayBuffer> {
  const { pieces, trainer, normalizer, selfTest = [] } = content;
  const model = new WireWriter();
  for (const piece of pieces) model.bytes(1, encodePiece(piece).finish());
  model.bytes(2, encodeTrainerSpec(trainer));
  model.bytes(
    3,
    new WireWriter()
      .bytes(1, normalizer.name)
      .bytes(2, normalizer.precompiledCharsmap)
      .bool(3, normalizer.addDummyPrefix)
      .bool(4, normalizer.removeExtraWhitespaces)
      .bool(5, normalizer.escapeWhitespaces)
      .finish(),
  );
  if (selfTest.length > 0) {
    const samples = new WireWriter();
    for (const { input, expected } of selfTest) {
      samples.bytes(1, new WireWriter().bytes(1, input).bytes(2, expected).finish());
    }
    model.bytes(4, samples.finish());
  }
  return model.finish();
}

function encodeTrainerSpec(trainer: TrainerSpec): Uint8Array<ArrayBuffer> {
  const spec = new WireWriter();
  for (const path of trainer.input) spec.bytes(1, path);
  spec.bytes(2, trainer.modelPrefix)
    .varint(3, MODEL_TYPES.indexOf(trainer.modelType) + 1)
    .varint(4, trainer.vocabSize)
    .varint(6, trainer.selfTestSampleSize)
    .float(10, trainer.characterCoverage)
    .varint(11, trainer.inputSentenceSize)
    .varint(14, trainer.seedSentencepieceSize)
    .float(15, trainer.shrinkingFactor)
    .varint(17, trainer.numSubIterations)
    .varint(18, trainer.maxSentenceLength)
    .bool(19, trainer.shuffleInputSentence)
    .varint(20, trainer.maxSentencepieceLength)
    .bool(21, trainer.splitByUnicodeScript)
    .bool(22, trainer.splitByWhitespace)
    .bool(23, trainer.splitByNumber)
    .bool(24, trainer.treatWhitespaceAsSuffix)
    .bool(25, trainer.splitDigits)
    .bool(26, trainer.allowWhitespaceOnlyPieces);
  for (const symbol of trainer.controlSymbols) spec.bytes(30, symbol);
  for (const symbol of trainer.userDefinedSymbols) spec.bytes(31, symbol);
  return spec.bool(33, trainer.hardVocabLimit)
    .bool(34, trainer.useAllVocab)
    .bool(35, trainer.byteFallback)
    .bytes(36, trainer.requiredChars)
    .varint(40, 0).varint(41, 1).varint(42, 2).varint(43, -1)
    .finish();
}
