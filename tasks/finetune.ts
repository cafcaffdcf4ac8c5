/** `deno task finetune`: a pre-trained model and labelled data in, a classifier, tagger, reader or ranker out. */

import { join } from "@std/path/mod.js";
import { METRICS } from "../pipeline/finetuning/description.ts";
import { BadRows, refuseBadRow } from "../pipeline/finetuning/formats/report.ts";
import { Tokenizer } from "../pipeline/finetuning/tokens.ts";
import { lock } from "../pipeline/lock.ts";
import { resolveFinetuningHparams } from "../model/finetuning/hparams.ts";
import { runTask, task, UsageError } from "./common/command.ts";
import { writeFileAtomic } from "./common/files.ts";
import { findModel } from "./common/find_model.ts";
import { asUsage, parseHparams } from "./common/hparams.ts";
import { seed } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { isLowerCased } from "./common/pretrained_model.ts";
import { renderPng } from "./common/svg_image.ts";
import { loadTokenizer, tokenizerPath } from "./common/tokenizer.ts";
import { adapterOption, precisionOption, requestGpu, webgpuOption } from "./common/webgpu.ts";
import {
  bothOrders,
  classWeights,
  describeLabels,
  type FeaturedSplit,
  featurize,
  type FinetuningTask,
  readExamples,
  taskFolder,
  type TrainingTask,
} from "./finetuning/data.ts";
import { decidingMetric } from "./finetuning/evaluation.ts";
import { loadPretrained } from "./finetuning/pretrained.ts";
import { readFinishedTrial, removeTrial, RESULT_FILE, trialFolder } from "./finetuning/folders.ts";
import { resultJson, resultLines, summarizeTrials } from "./finetuning/results.ts";
import { resultsSvg } from "./finetuning/results_plot.ts";
import { runTrial, type TrialResult } from "./finetuning/trial.ts";

const command = task(
  "finetune",
  "Fine-tunes a pre-trained model on labelled data in DATA_DIR/finetuning_data/TASK and scores it.\n" +
    "JGLUE's sets, JCoLA, the livedoor news corpus and ner-wikipedia-dataset are known by name;\n" +
    "a task.json describes any other. Trials that were interrupted go on where they were.",
  `deno task finetune --data-dir data --model-name electra_small_japanese \\\n` +
    `    --hparams '{"task_names": ["jnli"], "num_trials": 3}'`,
)
  .option(
    "--data-dir <dir>",
    "holds finetuning_data, the tokenizer and models (default: data, or the sample's)",
  )
  .option(
    "--model-name <name>",
    "the model is DATA_DIR/models/NAME (default: electra, or the last trained)",
  )
  .option("--hparams <json>", "hyperparameters as JSON, or the path of a JSON file", "{}")
  .option("--skip-bad", "leave bad rows of the data out and count them", false)
  .option("--overwrite", "begin trials that are there already anew", false)
  .option("--trace <dir>", "write everything about some steps of the first trial as safetensors")
  .option("--trace-steps <list>", "the steps to trace, separated by commas", "1")
  .option("--seed <n>", "seed of the first trial; each further one takes the next", seed, 42)
  .addOption(adapterOption)
  .addOption(webgpuOption)
  .addOption(precisionOption);

await runTask(command, async (options, signal) => {
  const given = await parseHparams(options.hparams);
  const named = asUsage(() => resolveFinetuningHparams(given)).hparams.task_names;
  if (named.length === 0) {
    throw new UsageError(
      `give the data sets to learn, such as --hparams '{"task_names": ["jnli"]}'; each lies in ` +
        "DATA_DIR/finetuning_data/NAME",
    );
  }
  const { dataDir, modelName, directory } = await findModel(options);
  console.error(`fine-tuning ${directory.path}`);
  const bad = new BadRows();
  const onBad = options.skipBad ? bad.add : refuseBadRow;
  const read = [];
  for (const name of named) {
    const { description, split } = await readExamples(dataDir, name, "train", {
      debug: given.debug === true,
    }, onBad);
    const described = describeLabels(name, taskFolder(dataDir, name), description, split.examples);
    read.push({ task: described, split });
  }
  const [{ task: { description: first } }] = read;
  const { hparams, withoutEffect } = resolveFinetuningHparams(
    given,
    read.length === 1
      ? {
        ...(first.kind === "reading" ? { num_train_epochs: 2, max_seq_length: 512 } : {}),
        ...(first.epochs ? { num_train_epochs: first.epochs } : {}),
        ...(first.maxSeqLength ? { max_seq_length: first.maxSeqLength } : {}),
      }
      : {},
  );
  if (withoutEffect.length > 0) console.error(`without effect here: ${withoutEffect.join(", ")}`);
  requireMetric(read.map(({ task }) => task), hparams.metric_for_best_model);

  const pretrained = await loadPretrained(directory, hparams);
  await keepOnly({
    read: [dataDir, tokenizerPath(dataDir, pretrained.hparams), pretrained.hparams.vocab_file],
    write: [directory.path, options.trace],
  });
  const tokenizer = await loadTokenizer(dataDir, pretrained.hparams);
  const lowerCase = hparams.do_lower_case ?? await isLowerCased(dataDir, pretrained.hparams);
  const encode = new Tokenizer(tokenizer.processor, lowerCase);
  const special = { ...tokenizer.special, pad: tokenizer.padId };
  const training: TrainingTask[] = [];
  const dev = new Map<string, FeaturedSplit>();
  for (const { task, split } of read) {
    const featured = featurize(task, bothOrders(task, split, hparams), encode, special, hparams);
    training.push({
      task,
      features: featured.features,
      weights: classWeights(task, featured.features, hparams),
    });
    sayCounts(task, "train", featured);
    if (!hparams.do_eval) continue;
    const held = await readExamples(dataDir, task.name, "dev", hparams, onBad);
    const featuredDev = featurize(task, held.split, encode, special, hparams);
    sayCounts(task, "dev", featuredDev);
    dev.set(task.name, featuredDev);
  }
  if (bad.count > 0) {
    console.error(`left ${bad.count} bad rows out, such as ${bad.examples.join("; ")}`);
  }

  const gpu = await requestGpu(options);
  gpu.requireStorage(options.precision);
  const settings = {
    gpu,
    hparams,
    pretrained,
    pretrainedName: modelName,
    training,
    dev,
    padId: tokenizer.padId,
    tokenizerSha256: tokenizer.sha256,
    lowerCase,
    precision: options.precision,
  };
  const trials: TrialResult[] = [];
  for (let trial = 1; trial <= hparams.num_trials; trial++) {
    const folder = trialFolder(directory, named, trial);
    using locks = new DisposableStack();
    await Deno.mkdir(folder, { recursive: true });
    locks.use(await lock(folder, { task: "finetune", mode: "write" }));
    if (options.overwrite) await removeTrial(folder);
    const trialSeed = options.seed + trial - 1;
    const finished = await readFinishedTrial(folder);
    if (finished && finished.seed === trialSeed) {
      console.error(
        `trial ${trial} is done already (${join(folder, RESULT_FILE)}); --overwrite begins it anew`,
      );
      trials.push(finished);
      continue;
    }
    const trace = options.trace !== undefined && trial === 1
      ? { folder: options.trace, steps: new Set(options.traceSteps.split(",").map(Number)) }
      : undefined;
    const result = await runTrial({ ...settings, trace }, folder, trialSeed, signal);
    await writeFileAtomic(join(folder, RESULT_FILE), resultJson(result));
    trials.push(result);
  }
  const described = training.map(({ task }) => ({
    task,
    metric: decidingMetric(task, hparams),
    cut: dev.get(task.name)?.cut ?? false,
  }));
  const results = summarizeTrials(modelName, pretrained.source, described, trials);
  const base = join(directory.path, "results", `${named.join(",")}_results`);
  await Deno.mkdir(join(directory.path, "results"), { recursive: true });
  await writeFileAtomic(`${base}.json`, resultJson(results));
  const svg = resultsSvg(results, training.map(({ task }) => task));
  await writeFileAtomic(`${base}.svg`, svg);
  await writeFileAtomic(`${base}.png`, await renderPng(svg));
  for (const line of resultLines(results)) console.log(line);
  console.log(
    `\n${base}.json, .svg and .png; models in ${join(directory.path, "finetuning_models")}`,
  );
  gpu.destroy();
});

function requireMetric(tasks: readonly FinetuningTask[], metric: string): void {
  if (metric === "") return;
  for (const { name, description: { kind } } of tasks) {
    const names: readonly string[] = METRICS[kind];
    if (names.includes(metric)) continue;
    throw new UsageError(
      `hparam metric_for_best_model is "${metric}", but ${name} (${kind}) has ${names.join(", ")}`,
    );
  }
}

function sayCounts(
  task: FinetuningTask,
  split: string,
  { examples, features, counts }: FeaturedSplit,
): void {
  const { cutTexts, cutTokens, widenedSpans, lostSpans } = counts;
  const parts = [`${examples.length} examples`];
  if (features.length !== examples.length) parts.push(`${features.length} windows`);
  if (cutTexts > 0) {
    parts.push(`${cutTexts} texts cut to max_seq_length (${cutTokens} tokens lost)`);
  }
  if (widenedSpans > 0) parts.push(`${widenedSpans} spans widened to whole tokens`);
  if (lostSpans > 0) parts.push(`${lostSpans} spans lost within tokens`);
  console.error(`${task.name} ${split}: ${parts.join(", ")}`);
}
