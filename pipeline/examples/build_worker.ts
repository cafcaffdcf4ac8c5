/** A worker of `build`: documents in, framed records out. */

import { serve } from "../ordered_workers.ts";
import { SentencePieceProcessor } from "../sentencepiece/mod.ts";
import type { Document } from "../text/documents.ts";
import { type EncodedDocuments, type EncodeOptions, ExampleEncoder } from "./encode.ts";

/** What each worker is told once. */
export interface BuildSetup {
  /** The tokenizer's model file. */
  model: Uint8Array;
  /** Its name, for messages. */
  modelName: string;
  /** How documents are turned into examples. */
  options: EncodeOptions;
}

serve<BuildSetup, Document[], EncodedDocuments>(({ model, modelName, options }) => {
  const processor = SentencePieceProcessor.fromBytes(model, modelName);
  const encoder = new ExampleEncoder(processor, modelName, options);
  return (documents) => {
    const result = encoder.encode(documents);
    const { train, eval: held } = result.splits;
    const transfer = [train, held].flatMap(({ bytes, ends }) => [bytes.buffer, ends.buffer]);
    return Promise.resolve({ result, transfer });
  };
});
