/** Small models for the tests of SentencePiece. */

import {
  encodeModel,
  type ModelType,
  type NormalizerSpec,
  type Piece,
  PieceType,
} from "../../../pipeline/sentencepiece/model_proto.ts";
import { SentencePieceProcessor } from "../../../pipeline/sentencepiece/processor.ts";
import { TRAINER_DEFAULTS } from "../../../pipeline/sentencepiece/trainer.ts";

/** A repeatable sequence of whole numbers below n. */
export function chance(seed: number): (n: number) => number {
  let state = seed;
  return (n) => (state = (state * 48271) % 2147483647) % n;
}

/** No replacements; spaces as the original's defaults have them. */
export const IDENTITY: NormalizerSpec = {
  name: "identity",
  precompiledCharsmap: new Uint8Array(),
  addDummyPrefix: true,
  removeExtraWhitespaces: true,
  escapeWhitespaces: true,
};

/** What a model is made of: text, score, type (normal where left out). */
export type PieceEntry = readonly [string, number, PieceType?];

/** Options of a small model. */
export interface SmallModelOptions {
  readonly modelType?: ModelType;
  readonly byteFallback?: boolean;
  readonly treatWhitespaceAsSuffix?: boolean;
  readonly normalizer?: Partial<NormalizerSpec>;
}

/** The file of a model (unigram unless named) of <unk>, [CLS] and the given pieces. */
export function smallModelFile(
  pieces: readonly PieceEntry[],
  options: SmallModelOptions = {},
): Uint8Array<ArrayBuffer> {
  const all: Piece[] = [
    { piece: "<unk>", score: 0, type: PieceType.UNKNOWN },
    { piece: "[CLS]", score: 0, type: PieceType.CONTROL },
    ...pieces.map(([piece, score, type]) => ({
      piece,
      score: Math.fround(score),
      type: type ?? PieceType.NORMAL,
    })),
  ];
  const trainer = {
    ...TRAINER_DEFAULTS,
    modelPrefix: "m",
    vocabSize: all.length,
    modelType: options.modelType ?? "unigram",
    byteFallback: options.byteFallback ?? false,
    treatWhitespaceAsSuffix: options.treatWhitespaceAsSuffix ?? false,
  };
  const normalizer = { ...IDENTITY, ...options.normalizer };
  return encodeModel({ pieces: all, trainer, normalizer });
}

/** The same, loaded. */
export function smallModel(
  pieces: readonly PieceEntry[],
  options: SmallModelOptions = {},
): SentencePieceProcessor {
  return SentencePieceProcessor.fromBytes(smallModelFile(pieces, options));
}
