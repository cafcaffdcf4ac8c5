/**
 * SentencePiece: training, encoding and decoding.
 *
 * @module
 */
export { decodeLines } from "./decode_lines.ts";
export { encodeLines, type EncodeSetup, type OutputFormat } from "./encode_lines.ts";
export { type Piece, PieceType, rewritePieces } from "./model_proto.ts";
export { type EncodedPiece, SentencePieceProcessor } from "./processor.ts";
export type { RuleName } from "./rules.ts";
export type { ModelType, TrainerSpec } from "./model_proto.ts";
export {
  type SentencePieceTrainerOptions,
  type TrainedModel,
  TRAINER_DEFAULTS,
  type TrainingProgress,
  trainSentencePiece,
} from "./trainer.ts";
