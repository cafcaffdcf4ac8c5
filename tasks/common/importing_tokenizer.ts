/** The tokenizer that comes with an imported model. */

import { join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { importTokenizerJson } from "../../pipeline/tokenizers/from_tokenizer_json.ts";
import { UsageError } from "./command.ts";
import type { ModelDirectory } from "./model_directory.ts";

/** Names under which SentencePiece models are published with ELECTRA models. */
const MODEL_FILES = ["spiece.model", "sentencepiece.model", "wiki-ja.model"];

/**
 * Copies the tokenizer of one of the folders into the model's, as `spiece.model`.
 *
 * @returns its path; undefined where the folders hold none that is read.
 * @throws {UsageError} when it has another vocabulary than the model.
 */
export async function importTokenizer(
  folders: readonly string[],
  directory: ModelDirectory,
  hparams: PretrainingHparams,
): Promise<string | undefined> {
  for (const folder of folders) {
    const found = await readModel(folder);
    if (found === undefined) continue;
    const { vocabSize } = SentencePieceProcessor.fromBytes(found.model, found.path);
    if (vocabSize !== hparams.vocab_size) {
      throw new UsageError(
        `${found.path} has ${vocabSize} pieces, but the model has a vocabulary of ${hparams.vocab_size}`,
      );
    }
    await directory.write("spiece.model", found.model);
    return directory.file("spiece.model");
  }
  return undefined;
}

async function readModel(
  folder: string,
): Promise<{ model: Uint8Array<ArrayBuffer>; path: string } | undefined> {
  for (const name of MODEL_FILES) {
    const path = join(folder, name);
    const model = await Deno.readFile(path).catch(ignoreMissing);
    if (model) return { model, path };
  }
  const path = join(folder, "tokenizer.json");
  const text = await Deno.readTextFile(path).catch(ignoreMissing);
  return text === undefined ? undefined : { model: importTokenizerJson(text, path).model, path };
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
