/** `deno task pretrain`: examples in, a pre-trained ELECTRA out. */

import { dirname, join } from "@std/path/mod.js";
import { ModelError } from "../model/errors.ts";
import {
  generatorConfig,
  type PretrainingHparams,
  resolveHparams,
} from "../model/electra/config.ts";
import type { PretrainingMetrics } from "../model/electra/evaluation.ts";
import { lock } from "../pipeline/lock.ts";
import { runTask, task, UsageError } from "./common/command.ts";
import { dryRun } from "./common/dry_run.ts";
import { DEFAULT_NAME, lastTrained, SAMPLE_DIR } from "./common/find_model.ts";
import { asUsage, parseHparams } from "./common/hparams.ts";
import { ModelDirectory } from "./common/model_directory.ts";
import { positive, seed } from "./common/numbers.ts";
import { type PretrainingResult, runPretraining } from "./common/pretraining.ts";
import { examplePatterns } from "./common/pretraining_data.ts";
import { prepareSample } from "./common/sample.ts";
import { describeSentences } from "./common/showcase.ts";
import { formatLoss } from "./common/text.ts";
import {
  loadTokenizer,
  requireLowerCase,
  requireSameTokenizer,
  tokenizerPath,
} from "./common/tokenizer.ts";
import { tuneOption, tuningPath } from "./common/tuning.ts";
import { keepOnly } from "./common/permissions.ts";
import { adapterOption, precisionOption, requestGpu, webgpuOption } from "./common/webgpu.ts";

/** Evaluations of a sample run, beside the first and the last. */
const SAMPLE_EVALUATIONS = 5;

const command = task(
  "pretrain",
  "Pre-trains ELECTRA on the examples that `deno task build` made. With no data at all, it takes a\n" +
    "sample corpus through every stage into a small model.",
  `deno task pretrain --data-dir data --model-name electra_small_japanese \\\n` +
    `    --hparams '{"model_size": "small", "vocab_size": 32000, "max_seq_length": 512, "train_batch_size": 64}'`,
)
  .option("--data-dir <dir>", "holds pretrain_tfrecords, wiki-ja.model and models (default: data)")
  .option("--model-name <name>", "the model is DATA_DIR/models/NAME (default: electra)")
  .option("--hparams <json>", "hyperparameters as JSON, or the path of a JSON file", "{}")
  .option("--resume", "go on from the newest checkpoint", false)
  .option("--dry-run", "print what the run would cost; nothing is written", false)
  .option("--trace <dir>", "write everything about some steps as safetensors")
  .option("--trace-steps <list>", "the steps to trace, separated by commas", "1")
  .option("--max-hours <n>", "save and end after so many hours; --resume goes on", positive)
  .option("--until <loss>", "save and end once the mean loss of 100 steps is as low", positive)
  .option("--seed <n>", "seed of everything random", seed, 42)
  .addOption(tuneOption)
  .addOption(adapterOption)
  .addOption(webgpuOption)
  .addOption(precisionOption);

await runTask(command, async (options, signal) => {
  const given = await parseHparams(options.hparams);
  const sample = options.dataDir === undefined && !await exists("data/pretrain_tfrecords") &&
    !("pretrain_tfrecords" in given);
  const dataDir = options.dataDir ?? (sample ? SAMPLE_DIR : "data");
  if (!sample && !options.dryRun && !await exists(dataDir)) {
    throw new UsageError(
      `data directory ${dataDir} does not exist; make examples there with \`deno task build\``,
    );
  }
  const { hparams, withoutEffect } = asUsage(() =>
    resolveHparams(sample ? { recipe: "sample", ...given } : given)
  );
  if (withoutEffect.length > 0) {
    console.error(`without effect here: ${withoutEffect.join(", ")}`);
  }
  asUsage(() => generatorConfig(hparams));
  if (!hparams.do_train && !hparams.do_eval) {
    throw new UsageError(
      "hparams do_train = false and do_eval = false leave nothing to do: turn one of them on",
    );
  }
  if (options.dryRun) {
    if (!sample && !givesVocabulary(given)) {
      hparams.vocab_size = await vocabularyAt(dataDir, hparams) ?? hparams.vocab_size;
    }
    const adapter = await requestGpu(options).catch((error: Error) => error);
    await dryRun(hparams, options.precision, options.tune, adapter, signal);
    return;
  }
  const gpu = await requestGpu(options);
  gpu.requireStorage(options.precision);
  const examples = await examplePatterns(dataDir, hparams);
  const patterns = Object.values(examples).flatMap((files) => files.split(","));
  const folders = new Set(patterns.map((pattern) => dirname(pattern.trim())));
  const models = join(dataDir, "models");
  const tuning = tuningPath();
  await keepOnly({
    read: [dataDir, tokenizerPath(dataDir, hparams), hparams.init_checkpoint, ...folders],
    write: [sample ? dataDir : models, options.trace, tuning && dirname(tuning)],
    lock: [dataDir, tokenizerPath(dataDir, hparams), ...folders],
  });
  using locks = new DisposableStack();
  if (sample) {
    const sizes = { vocabSize: hparams.vocab_size, maxSeqLength: hparams.max_seq_length };
    locks.use(await prepareSample(dataDir, sizes, signal));
  }
  locks.use(await lock(tokenizerPath(dataDir, hparams), { task: "pretrain", mode: "read" }));
  const tokenizer = await loadTokenizer(dataDir, hparams);
  if (!sample && !givesVocabulary(given)) hparams.vocab_size = tokenizer.special.vocabSize;
  for (const folder of folders) {
    locks.use(await lock(folder, { task: "pretrain", mode: "read" }));
  }
  await requireSameTokenizer(tokenizer, folders);
  await requireLowerCase(hparams, examples.train);
  const name = (options.modelName ?? hparams.model_name) ||
    (!sample
      ? DEFAULT_NAME
      : options.resume
      ? await lastTrained(models) ?? DEFAULT_NAME
      : await freeName(models));
  const directory = ModelDirectory.of(dataDir, name);
  const writing = locks.use(await directory.lock("pretrain"));
  signal = AbortSignal.any([signal, writing.lost]);
  const result = await runPretraining(
    {
      gpu,
      hparams,
      tokenizer,
      examples,
      directory,
      seed: options.seed,
      precision: options.precision,
      resume: options.resume,
      tune: options.tune,
      stopping: { maxHours: options.maxHours, untilLoss: options.until },
      trace: options.trace === undefined
        ? undefined
        : { folder: options.trace, steps: parseSteps(options.traceSteps) },
      evaluateEvery: sample && !("eval_steps" in given)
        ? Math.ceil(hparams.num_train_steps / (SAMPLE_EVALUATIONS + 1))
        : hparams.eval_steps,
    },
    signal,
  );
  report(result, directory);
  if (sample && result.sentences) {
    console.log(
      "\nHeld-out sentences with [replaced words], and those that the model flags as replaced:",
    );
    for (const line of describeSentences(result.sentences, 3)) console.log(line);
  }
  result.trainer.destroy();
  gpu.destroy();
}, { stopping: "stopping: what is done is saved" });

/** Pieces of the data directory's tokenizer; undefined, and a line about it, where there is none. */
async function vocabularyAt(
  dataDir: string,
  hparams: PretrainingHparams,
): Promise<number | undefined> {
  try {
    return (await loadTokenizer(dataDir, hparams)).special.vocabSize;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`vocab_size is taken to be ${hparams.vocab_size}, for ${error.message}`);
    return undefined;
  }
}

/** Whether the user names the vocabulary's size, in either place. */
function givesVocabulary({ vocab_size, model_hparam_overrides }: Record<string, unknown>): boolean {
  return vocab_size !== undefined ||
    Object.hasOwn(model_hparam_overrides as object ?? {}, "vocab_size");
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}

/** A name that no model of the sample has yet: electra, electra-2, … */
async function freeName(models: string): Promise<string> {
  for (let number = 1;; number++) {
    const name = number === 1 ? DEFAULT_NAME : `${DEFAULT_NAME}-${number}`;
    if (!await exists(join(models, name))) return name;
  }
}

function parseSteps(text: string): ReadonlySet<number> {
  const steps = text.split(",").map(Number);
  if (steps.some((step) => !Number.isInteger(step) || step < 1)) {
    throw new UsageError(`--trace-steps ${text}: steps are whole numbers from 1 on, such as 1,2,7`);
  }
  return new Set(steps);
}

function report({ before, after, trainer }: PretrainingResult, directory: ModelDirectory): void {
  console.log(`\n${directory.path}: step ${trainer.step}, loss curves in loss.svg and loss.png`);
  if (!after) return;
  const rows = Object.keys(after) as (keyof PretrainingMetrics)[];
  console.log(before ? "held out                      before   after" : "held out");
  for (const row of rows) {
    const was = before ? formatMetric(before[row]).padStart(10) : "";
    console.log(`  ${row.padEnd(26)}${was}${formatMetric(after[row]).padStart(before ? 8 : 10)}`);
  }
  const fall = (before?.masked_lm_loss ?? NaN) - (after.masked_lm_loss ?? NaN);
  if (Number.isFinite(fall)) {
    console.log(`masked-LM loss fell by ${formatLoss(fall)} nats on held-out text`);
  }
  if (after.disc_auc !== null) {
    console.log(`the discriminator's AUC is ${formatLoss(after.disc_auc)}`);
  }
  const broken = rows.filter((row) => after[row] !== null && !Number.isFinite(after[row]));
  if (broken.length > 0) {
    throw new ModelError(
      `the evaluation is not finite in ${
        broken.join(", ")
      }: the model of step ${trainer.step} diverged`,
    );
  }
}

/** A metric as a table shows it: – where there is nothing to measure. */
function formatMetric(value: number | null): string {
  return value === null ? "–" : value.toFixed(4);
}
