/** `deno task export`: a checkpoint in the layout of other tools. */

import { join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../model/electra/config.ts";
import { decodeCheckpointState, WEIGHTS_FILE } from "../model/files/checkpoint.ts";
import { savedHparams } from "../model/electra/resume.ts";
import { exportHuggingFace, type ModelPart } from "../model/electra/huggingface.ts";
import { decodeSafeTensors } from "../model/files/safetensors.ts";
import { requireVocabulary } from "../model/electra/inputs.ts";
import { Option, runTask, task, UsageError } from "./common/command.ts";
import { writeFilesOnce } from "./common/files.ts";
import { keepOnly } from "./common/permissions.ts";
import { ModelDirectory } from "./common/model_directory.ts";
import { loadTokenizer, tokenizerPath } from "./common/tokenizer.ts";

const command = task(
  "export",
  "Writes a checkpoint as config.json and model.safetensors in the Hugging Face layout.",
  "deno task export --model-name electra --part discriminator --out exported",
)
  .option("--data-dir <dir>", "holds models", "data")
  .option("--model-name <name>", "the model is DATA_DIR/models/NAME", "electra")
  .option("--checkpoint <step>", "a step, or latest", "latest")
  .addOption(
    new Option("--format <format>", "layout").choices(["huggingface"] as const)
      .default("huggingface" as const),
  )
  .addOption(
    new Option("--part <part>", "which of the two encoders")
      .choices(["discriminator", "generator"] as const).default("discriminator" as ModelPart),
  )
  .requiredOption("--out <dir>", "the folder to write; must not hold a model already");

await runTask(command, async ({ dataDir, modelName, checkpoint, part, out }) => {
  const directory = ModelDirectory.of(dataDir, modelName);
  const step = await directory.find(checkpoint);
  const source = directory.checkpoint(step);
  const files = await directory.load(step);
  const hparams = savedHparams(decodeCheckpointState(files, source), source);
  const { tensors } = decodeSafeTensors(files.get(WEIGHTS_FILE)!, join(source, WEIGHTS_FILE));
  await keepOnly({ read: [tokenizerPath(dataDir, hparams)], write: [out] });
  const padTokenId = await findPadId(dataDir, hparams);
  const exported = exportHuggingFace(hparams, tensors, part, { padTokenId });
  await writeFilesOnce(out, exported);
  console.log(`${out}: the ${part} of ${directory.path} at step ${step}`);
});

/** The id of [PAD]; null, and a line about it, where the tokenizer is not at hand. */
async function findPadId(dataDir: string, hparams: PretrainingHparams): Promise<number | null> {
  try {
    const { padId, special } = await loadTokenizer(dataDir, hparams);
    requireVocabulary(hparams, special);
    return padId;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`config.json says "pad_token_id": null, for ${error.message}`);
    return null;
  }
}
