/** `deno task import`: a model of Hugging Face or TensorFlow as one of ours, to go on from. */

import { dirname } from "@std/path/mod.js";
import { runTask, task } from "./common/command.ts";
import { parseHparams } from "./common/hparams.ts";
import { importModel } from "./common/importing.ts";
import { keepOnly } from "./common/permissions.ts";
import { integerFrom } from "./common/numbers.ts";

const command = task(
  "import",
  "Reads a model of Hugging Face's layout (config.json, model.safetensors) or a TensorFlow checkpoint of " +
    "google-research/electra, as a checkpoint to pre-train, fine-tune and predict from.",
  "deno task import --generator electra-generator --discriminator electra-discriminator --model-name mine",
)
  .option("--from <path>", "a folder with config.json, or a prefix such as model.ckpt-1000000")
  .option("--generator <dir>", "the generator's folder")
  .option("--discriminator <dir>", "the discriminator's folder")
  .option("--data-dir <dir>", "holds models", "data")
  .option("--model-name <name>", "the model to make is DATA_DIR/models/NAME", "electra")
  .option("--hparams <json>", "hyperparameters of training to go on with", "{}")
  .option("--seed <n>", "seed of weights that start anew", integerFrom(0), 42);

await runTask(command, async ({ hparams, ...options }) => {
  const given = await parseHparams(hparams);
  const { from, generator, discriminator, dataDir } = options;
  // A prefix is no file: its files lie beside it.
  const beside = from === undefined || await isFolder(from) ? from : dirname(from);
  await keepOnly({ read: [from, beside, generator, discriminator], write: [dataDir] });
  for (const line of await importModel({ ...options, hparams: given })) {
    console.log(line);
  }
});

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}
