/** `deno task evaluate`: scores of a fine-tuned model on a split, or of a pre-trained one on held-out examples. */

import { dirname } from "@std/path/mod.js";
import type { Gpu } from "../kernels/device.ts";
import { pretrainingObjective } from "../model/electra/pretraining.ts";
import { Evaluator } from "../model/training/inference.ts";
import { PipelineError } from "../pipeline/errors.ts";
import { BadRows, refuseBadRow } from "../pipeline/finetuning/formats/report.ts";
import { Tokenizer } from "../pipeline/finetuning/tokens.ts";
import { Option, runTask, task as describe, UsageError } from "./common/command.ts";
import { findModel, type FoundModel } from "./common/find_model.ts";
import { encodeJson } from "./common/json.ts";
import { integerFrom } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import {
  type PretrainedModel,
  readPretrained,
  requireItsTokenizer,
  tokenizerOf,
  withWeights,
} from "./common/pretrained_model.ts";
import { examplePatterns, exampleSource, firstBatches } from "./common/pretraining_data.ts";
import { createProgress } from "./common/progress.ts";
import { alignTable } from "./common/table.ts";
import { loadTokenizer, requireSameTokenizer, tokenizerPath } from "./common/tokenizer.ts";
import { adapterOption, requestGpu, webgpuOption } from "./common/webgpu.ts";
import { featurize, readExamples } from "./finetuning/data.ts";
import { decidingMetric } from "./finetuning/evaluation.ts";
import { findTrial, loadFinetuned } from "./finetuning/finetuned.ts";
import { resultLines, summarizeTrials } from "./finetuning/results.ts";
import { scoreWithProgress } from "./finetuning/trial.ts";

const command = describe(
  "evaluate",
  "Scores a fine-tuned model on a split of its data (with --task), or a pre-trained model on the examples\n" +
    "that were held out.",
  "deno task evaluate --task jnli --split dev",
)
  .option(
    "--data-dir <dir>",
    "holds models, data and the tokenizer (default: data, or the sample's while data has no models)",
  )
  .option(
    "--model-name <name>",
    "the model is DATA_DIR/models/NAME (default: electra, or the last trained)",
  )
  .option("--checkpoint <step>", "of the pre-trained model: a step, or latest", "latest")
  .option("--task <name>", "the fine-tuned model: a task, or one trial of it as TASK_TRIAL")
  .addOption(
    new Option("--split <split>", "what a fine-tuned model is scored on")
      .choices(["train", "dev", "test"] as const)
      .default("dev" as const),
  )
  .option("--examples <pattern>", "held-out examples (default: those of DATA_DIR)")
  .option(
    "--num-eval-steps <n>",
    "batches of held-out examples (default: as in training)",
    integerFrom(1),
  )
  .option("--tokenizer <file>", "the model's tokenizer (default: as in training)")
  .option("--skip-bad", "leave bad rows of the data out and count them", false)
  .option("--json", "print JSON instead of a table", false)
  .addOption(adapterOption)
  .addOption(webgpuOption);

type Options = ReturnType<typeof command.opts>;

await runTask(command, async (options, signal) => {
  const found = await findModel(options);
  const gpu = await requestGpu(options);
  if (options.task === undefined) await evaluatePretrained(gpu, found, options, signal);
  else await evaluateFinetuned(gpu, found, options);
  gpu.destroy();
});

/** Scores a fine-tuned model on a split. */
async function evaluateFinetuned(gpu: Gpu, found: FoundModel, options: Options): Promise<void> {
  const { dataDir, modelName, directory } = found;
  const trial = await findTrial(directory, options.task);
  const { task, config: { hparams, lowerCase, seed } } = trial;
  const own = await tokenizerOf(directory, options.tokenizer);
  await keepOnly({ read: [dataDir, tokenizerPath(dataDir, own)] });
  const tokenizer = await loadTokenizer(dataDir, own);
  const bad = new BadRows();
  const onBad = options.skipBad ? bad.add : refuseBadRow;
  const { split } = await readExamples(dataDir, task.name, options.split, { debug: false }, onBad);
  if (bad.count > 0) {
    console.error(`left ${bad.count} bad rows out, such as ${bad.examples.join("; ")}`);
  }
  const encode = new Tokenizer(tokenizer.processor, lowerCase);
  const special = { ...tokenizer.special, pad: tokenizer.padId };
  const featured = featurize(task, split, encode, special, hparams);
  const model = await loadFinetuned(gpu, trial, tokenizer);
  console.error(`scoring ${model.source}`);
  const { predictions: _, ...scored } = await scoreWithProgress(
    { hparams, padId: tokenizer.padId },
    model.evaluator,
    task,
    featured,
  );
  if (scored.examples === 0) {
    throw new PipelineError(`${split.source}: no example has a label to score against`);
  }
  const described = [{ task, metric: decidingMetric(task, hparams), cut: split.cut }];
  const results = summarizeTrials(modelName, model.source, described, [
    { seed, step: model.step, trainSeconds: 0, tasks: { [task.name]: scored } },
  ]);
  if (options.json) {
    const { source, step } = model;
    const name = task.name;
    console.log(
      encodeJson(
        { model: modelName, source, step, task: name, split: options.split, ...scored },
        2,
      ),
    );
  } else for (const line of resultLines(results, options.split)) console.log(line);
  model.destroy();
}

/** Measures a pre-trained model on held-out examples. */
async function evaluatePretrained(
  gpu: Gpu,
  { dataDir, modelName, directory }: FoundModel,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const pretrained = await readPretrained(directory, options.checkpoint);
  const hparams = {
    ...pretrained.hparams,
    model_sentencepiece_path: options.tokenizer ?? pretrained.hparams.model_sentencepiece_path,
  };
  const { evaluate } = await examplePatterns(dataDir, hparams);
  const files = options.examples ?? evaluate;
  const folders = new Set(files.split(",").map((pattern) => dirname(pattern.trim())));
  await keepOnly({ read: [dataDir, tokenizerPath(dataDir, hparams), ...folders] });
  const tokenizer = await loadTokenizer(dataDir, hparams);
  requireItsTokenizer(pretrained, tokenizer);
  await requireSameTokenizer(tokenizer, folders);
  const most = options.numEvalSteps ?? hparams.num_eval_steps;
  const metrics = await heldOutMetrics(
    gpu,
    { ...pretrained, hparams },
    tokenizer.special,
    files,
    most,
    signal,
  );
  const { source, step } = pretrained;
  if (options.json) {
    console.log(encodeJson({ model: modelName, source, step, examples: files, metrics }, 2));
    return;
  }
  const rows = Object.entries(metrics)
    .map(([name, value]) => [name, value === null ? "–" : value.toFixed(4)]);
  console.log(`${source}: ${files}`);
  for (const line of alignTable(["", "held out"], rows)) console.log(`  ${line}`);
}

async function heldOutMetrics(
  gpu: Gpu,
  pretrained: PretrainedModel,
  special: Awaited<ReturnType<typeof loadTokenizer>>["special"],
  files: string,
  most: number,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number | null>>> {
  const { hparams, source } = pretrained;
  const { store, model: objective } = withWeights(
    gpu,
    pretrained,
    (store) => pretrainingObjective(store, hparams, special),
  );
  console.error(`scoring ${source}`);
  const evaluator = new Evaluator(gpu, objective, store);
  const bar = createProgress({ label: "evaluate", unit: "batches" });
  let done = 0;
  const batches = async function* (): ReturnType<typeof firstBatches> {
    for await (
      const batch of firstBatches(exampleSource(files, hparams.eval_batch_size, hparams), most)
    ) {
      signal.throwIfAborted();
      yield batch;
      bar.update(++done);
    }
  };
  const metrics = await evaluator.evaluate(batches());
  bar.finish();
  evaluator.destroy();
  store.destroy();
  if (done === 0) throw new UsageError(`${files} holds no whole batch of examples`);
  return { ...metrics };
}
