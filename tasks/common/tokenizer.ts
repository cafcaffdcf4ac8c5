/** The tokenizer of a data directory. */

import { join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { SpecialIds } from "../../model/electra/masking.ts";
import { findSpecialIds } from "../../pipeline/examples/encode.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { UsageError } from "./command.ts";

/** A tokenizer and its special ids. */
export interface Tokenizer {
  /** The processor. */
  readonly processor: SentencePieceProcessor;
  /** Ids of [CLS], [SEP], [MASK] and the vocabulary's size. */
  readonly special: SpecialIds;
}

/** Where the tokenizer is: `model_sentencepiece_path`, or `wiki-ja.model` of the data directory. */
export function tokenizerPath(dataDir: string, hparams: PretrainingHparams): string {
  return hparams.model_sentencepiece_path || join(dataDir, "wiki-ja.model");
}

/** Loads `model_sentencepiece_path`, or `wiki-ja.model` of the data directory. */
export async function loadTokenizer(
  dataDir: string,
  hparams: PretrainingHparams,
): Promise<Tokenizer> {
  const path = tokenizerPath(dataDir, hparams);
  const bytes = await Deno.readFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(
      `${path} does not exist; train it with \`deno task sentencepiece\`, or name another as ` +
        "model_sentencepiece_path in --hparams",
    );
  });
  const processor = SentencePieceProcessor.fromBytes(bytes, path);
  const { cls, sep } = findSpecialIds(processor, path);
  const mask = processor.pieceToId("[MASK]");
  return { processor, special: { cls, sep, mask, vocabSize: processor.vocabSize } };
}
