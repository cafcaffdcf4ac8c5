/** `deno task import`: a model of Hugging Face or TensorFlow as one of ours, to go on from. */

import { listNames } from "../model/electra/import.ts";
import { encodeCheckpoint } from "../model/files/checkpoint.ts";
import { runTask, task, UsageError } from "./common/command.ts";
import { parseHparams } from "./common/hparams.ts";
import {
  halfOf,
  importHuggingFace,
  type ImportOptions,
  importTensorFlow,
} from "./common/importing.ts";
import { importTokenizer } from "./common/importing_tokenizer.ts";
import { ModelDirectory } from "./common/model_directory.ts";
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

await runTask(command, async ({ from, generator, discriminator, dataDir, modelName, ...rest }) => {
  if ((from === undefined) === (generator === undefined && discriminator === undefined)) {
    throw new UsageError("name either --from, or --generator and --discriminator");
  }
  const directory = ModelDirectory.of(dataDir, modelName);
  const steps = await directory.steps();
  if (steps.length > 0) {
    throw new UsageError(
      `${directory.path} has checkpoints up to step ${steps.at(-1)}; choose another --model-name`,
    );
  }
  const options: ImportOptions = {
    hparams: await parseHparams(rest.hparams),
    seed: rest.seed,
  };
  const isPrefix = from !== undefined &&
    await Deno.stat(`${from}.index`).then(() => true, () => false);
  const { hparams, model, folders, absent } = isPrefix
    ? await importTensorFlow(from, options)
    : await importHuggingFace(
      from === undefined
        ? { ...(discriminator ? { discriminator } : {}), ...(generator ? { generator } : {}) }
        : { [await halfOf(from)]: from },
      options,
    );
  await directory.create();
  const tokenizer = await importTokenizer(folders, directory, hparams);
  const saved = { ...hparams, ...(tokenizer ? { model_sentencepiece_path: tokenizer } : {}) };
  const state = { step: model.step, seed: rest.seed, hparams: saved };
  await directory.save(model.step, encodeCheckpoint({ ...model, state }), 0);
  await directory.write(
    "config.json",
    JSON.stringify({ hparams: saved, seed: rest.seed }, null, 2) + "\n",
  );
  for (const half of absent) console.log(`the ${half} was not given and starts anew`);
  if (model.fresh.length > 0) console.log(`not given, start anew: ${listNames(model.fresh)}`);
  if (model.extra.length > 0) console.log(`given, without a place: ${listNames(model.extra)}`);
  console.log(
    tokenizer
      ? `tokenizer: ${tokenizer}`
      : `${
        folders.join(", ")
      }: no tokenizer there; name one as model_sentencepiece_path in --hparams`,
  );
  console.log(`${directory.checkpoint(model.step)}: ${model.parameters.size} tensors`);
});
