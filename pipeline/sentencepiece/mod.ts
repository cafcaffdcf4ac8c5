/**
 * SentencePiece: training, encoding and decoding.
 *
 * @module
 */
export { type EncodedPiece, SentencePieceProcessor } from "./processor.ts";
