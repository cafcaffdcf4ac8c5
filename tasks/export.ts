/** `deno task export`: a checkpoint in the layout of other tools. */

import { join } from "@std/path/mod.js";
import { decodeCheckpointState, WEIGHTS_FILE } from "../model/files/checkpoint.ts";
import { exportHuggingFace, type ModelPart } from "../model/electra/huggingface.ts";
import { decodeSafeTensors } from "../model/files/safetensors.ts";
import { Option, runTask, task, UsageError } from "./common/command.ts";
import { writeFileAtomic } from "./common/files.ts";
import { ModelDirectory } from "./common/model_directory.ts";

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
  const directory = new ModelDirectory(join(dataDir, "models", modelName));
  const step = await directory.find(checkpoint);
  const source = directory.checkpoint(step);
  const files = await directory.load(step);
  const { hparams } = decodeCheckpointState(files, source);
  const { tensors } = decodeSafeTensors(files.get(WEIGHTS_FILE)!, join(source, WEIGHTS_FILE));
  const exported = exportHuggingFace(hparams, tensors, part);
  await Deno.mkdir(out, { recursive: true });
  for (const name of exported.keys()) {
    if (await Deno.stat(join(out, name)).then(() => true, () => false)) {
      throw new UsageError(`${join(out, name)} is there already; choose another --out`);
    }
  }
  for (const [name, bytes] of exported) await writeFileAtomic(join(out, name), bytes);
  console.log(`${out}: the ${part} of ${directory.path} at step ${step}`);
});
