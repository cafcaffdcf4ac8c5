/** The tokenizer of a data directory. */

import { createHash } from "node:crypto";
import { dirname, join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { SpecialIds } from "../../model/electra/masking.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { findSpecialIds } from "../../pipeline/examples/encode.ts";
import { readManifest } from "../../pipeline/examples/manifest.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { UsageError } from "./command.ts";

/** A tokenizer and its special ids. */
export interface Tokenizer {
  /** The model's file. */
  readonly path: string;
  /** SHA-256 of that file, in hexadecimal. */
  readonly sha256: string;
  /** The processor. */
  readonly processor: SentencePieceProcessor;
  /** Ids of [CLS], [SEP], [MASK] and the vocabulary's size. */
  readonly special: SpecialIds;
  /** The id of [PAD]. */
  readonly padId: number;
}

/** The hyperparameters that say which tokenizer a model has. */
export type TokenizerHparams = Pick<PretrainingHparams, "model_sentencepiece_path" | "vocab_file">;

/** Where the tokenizer is: `model_sentencepiece_path`, or `wiki-ja.model` of the data directory. */
export function tokenizerPath(
  dataDir: string,
  hparams: Pick<TokenizerHparams, "model_sentencepiece_path">,
): string {
  return hparams.model_sentencepiece_path || join(dataDir, "wiki-ja.model");
}

/** Loads `model_sentencepiece_path`, or `wiki-ja.model` of the data directory. */
export async function loadTokenizer(
  dataDir: string,
  hparams: TokenizerHparams,
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
  const { pad, cls, sep } = findSpecialIds(processor, path);
  const mask = processor.pieceToId("[MASK]");
  const special = { cls, sep, mask, vocabSize: processor.vocabSize };
  if (hparams.vocab_file) await requireVocabularyFile(hparams.vocab_file, processor, path);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { path, sha256, processor, special, padId: pad };
}

/** Refuses a `vocab_file` that lists other pieces than the tokenizer has. */
async function requireVocabularyFile(
  file: string,
  processor: SentencePieceProcessor,
  model: string,
): Promise<void> {
  const text = await Deno.readTextFile(file).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`hparam vocab_file: ${file} does not exist`);
  });
  const pieces = text.replace(/\n$/, "").split("\n").map((line) => line.split("\t")[0]);
  const count = processor.vocabSize;
  const at = pieces.findIndex((piece, id) => id >= count || piece !== processor.idToPiece(id));
  if (at < 0 && pieces.length === count) return;
  throw new UsageError(
    `hparam vocab_file: ${file} is not the vocabulary of ${model}: ` +
      (pieces.length !== count
        ? `it has ${pieces.length} pieces, not ${count}`
        : `line ${at + 1} is "${pieces[at]}", not "${processor.idToPiece(at)}"`),
  );
}

/**
 * Refuses examples that were built with another tokenizer, also one of the same size, where they say how
 * they were built.
 *
 * @param folders of examples.
 * @throws {PipelineError} naming both.
 */
export async function requireSameTokenizer(
  tokenizer: Tokenizer,
  folders: Iterable<string>,
): Promise<void> {
  for (const folder of folders) {
    const manifest = await readManifest(folder);
    if (!manifest || manifest.recipe.tokenizerSha256 === tokenizer.sha256) continue;
    throw new PipelineError(
      `${folder}: these examples were built with another tokenizer than ${tokenizer.path} (SHA-256 ` +
        `${manifest.recipe.tokenizerSha256.slice(0, 12)}…, not ${
          tokenizer.sha256.slice(0, 12)
        }…): ` +
        "name theirs as model_sentencepiece_path in --hparams, or build them again with " +
        "`deno task build --overwrite`",
    );
  }
}

/**
 * Refuses examples whose text was lower-cased otherwise than `do_lower_case` asks, where that is given and
 * the examples say how they were built.
 *
 * @param files patterns of examples, separated by commas.
 */
export async function requireLowerCase(
  { do_lower_case }: PretrainingHparams,
  files: string,
): Promise<void> {
  if (do_lower_case === null) return;
  for (const folder of new Set(files.split(",").map((pattern) => dirname(pattern.trim())))) {
    const manifest = await readManifest(folder);
    if (!manifest) {
      console.error(`do_lower_case is without effect: ${folder} does not say how it was built`);
    } else if (manifest.recipe.doLowerCase !== do_lower_case) {
      throw new UsageError(
        `hparam do_lower_case is ${do_lower_case}, but the examples in ${folder} were built with ` +
          `${manifest.recipe.doLowerCase}: leave it out, or build them again ` +
          (do_lower_case ? "with --do-lower-case" : "without --do-lower-case"),
      );
    }
  }
}
