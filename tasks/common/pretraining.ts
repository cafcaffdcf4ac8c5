/** The training loop behind `deno task pretrain`. */

import { basename, join } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { PretrainingMetrics } from "../../model/electra/evaluation.ts";
import { requireVocabulary } from "../../model/electra/inputs.ts";
import type { SpecialIds } from "../../model/electra/masking.ts";
import { createPretraining, type Pretraining } from "../../model/electra/pretraining.ts";
import { requireSameArchitecture, savedHparams } from "../../model/electra/resume.ts";
import { traceStep } from "../../model/electra/trace.ts";
import { ModelError } from "../../model/errors.ts";
import {
  decodeCheckpoint,
  decodeCheckpointState,
  encodeCheckpoint,
} from "../../model/files/checkpoint.ts";
import type { StepMetrics } from "../../model/training/training.ts";
import { type ExampleBatch, ExampleLoader, readBatches } from "../../pipeline/examples/loader.ts";
import { Interrupted, UsageError } from "./command.ts";
import { writeFileAtomic } from "./files.ts";
import { lossSvg, renderPng } from "./loss_plot.ts";
import { MetricsLog } from "./metrics_log.ts";
import type { ModelDirectory } from "./model_directory.ts";
import { createProgress, type Progress } from "./progress.ts";
import { formatLoss, formatQuantity } from "./text.ts";
import { type TuneMode, tuneStep } from "./tuning.ts";

/** Steps in a row that may change nothing; more, and training will not recover. */
const MOST_SKIPPED = 100;

/** What to train, on what, and where to. */
export interface PretrainingRun {
  /** The adapter. */
  readonly gpu: Gpu;
  /** Complete hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Ids of the special pieces. */
  readonly special: SpecialIds;
  /** Patterns of training examples. */
  readonly trainFiles: string;
  /** Patterns of held-out examples. */
  readonly evalFiles: string;
  /** The model's folder. */
  readonly directory: ModelDirectory;
  /** Seed of everything random; a resumed run keeps its own. */
  readonly seed: number;
  /** Storage of activations; a run may go on in another. */
  readonly precision: "f32" | "f16";
  /** Continues from the newest checkpoint. */
  readonly resume: boolean;
  /** Steps to write traces of, and where to. */
  readonly trace?: { readonly folder: string; readonly steps: ReadonlySet<number> };
  /** Steps between evaluations on held-out examples; 0 evaluates at the end alone, where asked. */
  readonly evaluateEvery: number;
  /** Whether to time the variants of matrix products first. */
  readonly tune: TuneMode;
}

/** What a run ends with. */
export interface PretrainingResult {
  /** The trainer, still alive. */
  readonly trainer: Pretraining;
  /** Held-out metrics before the first update of this run, where evaluated. */
  readonly before: PretrainingMetrics | undefined;
  /** Held-out metrics at the end, where evaluated. */
  readonly after: PretrainingMetrics | undefined;
}

/** Trains, evaluates, saves; throws {@linkcode Interrupted} after saving when the signal aborts. */
export async function runPretraining(
  run: PretrainingRun,
  signal: AbortSignal,
): Promise<PretrainingResult> {
  const { gpu, hparams, directory } = run;
  const steps = await directory.steps();
  if (steps.length > 0 && !run.resume && hparams.do_train) {
    throw new UsageError(
      `${directory.path} has checkpoints up to step ${steps.at(-1)}: add --resume to go on, or ` +
        "choose another --model-name",
    );
  }
  const newest = await directory.newestGood();
  for (const [step, what] of newest?.damaged ?? []) {
    console.error(`${what}; it is ${await directory.setAside(step)} now`);
  }
  if (newest?.damaged.size) console.error(`going on from step ${newest.step}`);
  const source = newest === undefined ? "" : directory.checkpoint(newest.step);
  const saved = newest?.files;
  const state = saved && decodeCheckpointState(saved, source);
  if (state) requireSameArchitecture(savedHparams(state, source), hparams, source);
  const seed = state?.seed ?? run.seed;
  requireVocabulary(hparams, run.special);
  const evaluates = hparams.do_eval || run.evaluateEvery > 0;
  if (hparams.do_train) await checkExamples(run.trainFiles, hparams.train_batch_size, hparams);
  if (evaluates) await checkExamples(run.evalFiles, hparams.eval_batch_size, hparams);

  const chooseMatmul = await tuneStep(gpu, hparams, run.precision, run.tune, signal);
  await directory.create();
  const compiling = createProgress({ label: "compile", unit: "kernels" });
  const trainer = await createPretraining(gpu, {
    hparams,
    special: run.special,
    seed,
    chooseMatmul,
    precision: run.precision,
    onCompile: (ready, total) => {
      compiling.setTotal(total);
      compiling.update(ready);
    },
  });
  compiling.finish(gpu.description);
  if (saved) {
    const { state: position, ...tensors } = decodeCheckpoint(saved, source);
    trainer.restore({ ...tensors, position }, source);
  }
  await directory.write("config.json", JSON.stringify({ hparams, seed }, null, 2) + "\n");
  const log = await MetricsLog.open(directory.file("metrics.jsonl"), trainer.step);

  const evaluate = async (): Promise<PretrainingMetrics> => {
    const metrics = await trainer.evaluate(heldOut(run));
    await log.add({ step: trainer.step, eval: metrics });
    return metrics;
  };
  let before: PretrainingMetrics | undefined, after: PretrainingMetrics | undefined;
  if (run.evaluateEvery > 0 && hparams.do_train) before = await evaluate();
  if (hparams.do_train) await train(run, trainer, log, evaluate, signal);
  if (evaluates) after = await evaluate();
  await plot(directory, log);
  return { trainer, before, after };
}

/** Reads one batch, so that examples which do not fit are told before anything is compiled. */
async function checkExamples(
  files: string,
  batchSize: number,
  { max_seq_length, vocab_size, model_hparam_overrides }: PretrainingHparams,
): Promise<void> {
  const source = {
    files,
    batchSize,
    maxSeqLength: max_seq_length,
    vocabSize: vocab_size,
    typeVocabSize: model_hparam_overrides.type_vocab_size,
  };
  for await (const _ of readBatches(source)) return;
}

async function* heldOut({ hparams, evalFiles }: PretrainingRun): AsyncGenerator<ExampleBatch> {
  let batches = 0;
  const source = {
    files: evalFiles,
    batchSize: hparams.eval_batch_size,
    maxSeqLength: hparams.max_seq_length,
    vocabSize: hparams.vocab_size,
    typeVocabSize: hparams.model_hparam_overrides.type_vocab_size,
  };
  for await (const batch of readBatches(source)) {
    if (batches++ === hparams.num_eval_steps) return;
    yield batch;
  }
}

async function train(
  run: PretrainingRun,
  trainer: Pretraining,
  log: MetricsLog,
  evaluate: () => Promise<PretrainingMetrics>,
  signal: AbortSignal,
): Promise<void> {
  const { hparams, directory, trace } = run;
  const total = hparams.num_train_steps;
  const loader = new ExampleLoader({
    files: run.trainFiles,
    batchSize: hparams.train_batch_size,
    maxSeqLength: hparams.max_seq_length,
    vocabSize: hparams.vocab_size,
    typeVocabSize: hparams.model_hparam_overrides.type_vocab_size,
    seed: trainer.seed,
  });
  await loader.seek(trainer.step);
  // Drivers compile a kernel at its first use, so the first step is shown by itself.
  const firstBar = trainer.step < total
    ? createProgress({ label: "first step", unit: "steps", total: 1 })
    : undefined;
  let bar: Progress | undefined;
  const tokensPerStep = hparams.train_batch_size * hparams.max_seq_length;
  let started = performance.now(), startedAt = trainer.step;
  const logEvery = Math.max(1, Math.min(100, Math.floor(total / 100)));
  // A run of no steps saves its initial weights.
  let savedAt: number | undefined = trainer.step === 0 && total === 0 ? undefined : trainer.step;
  // Losses come some steps late and are written in order, one after the other.
  let written: Promise<void> = Promise.resolve();
  const scaled = trainer.precision === "f16";
  let skipped = 0, skippedInARow = 0, last: StepMetrics | undefined;
  const report = async (pending: Promise<StepMetrics>): Promise<void> => {
    const metrics = await pending;
    const { masked_lm: mlm = null, disc = null } = metrics.losses;
    const rate = (metrics.step - startedAt) / (performance.now() - started) * 1000;
    const shown = (name: string, loss: number | null): string[] =>
      loss === null ? [] : [`${name} ${formatLoss(loss)}`];
    const loss = [...shown("mlm", mlm), ...shown("disc", disc)].join(" ");
    last = metrics;
    skipped += Number(metrics.skipped);
    skippedInARow = metrics.skipped ? skippedInARow + 1 : 0;
    const speed = `${formatQuantity(rate * tokensPerStep, "tokens")}/s`;
    const scale = scaled ? `  scale ${metrics.lossScale}` : "";
    bar?.update(metrics.step, `${loss}${scale}  ${speed}`);
    if (metrics.step % logEvery !== 0 && metrics.step !== 1 && metrics.step !== total) return;
    await log.add({
      step: metrics.step,
      learning_rate: metrics.learningRate,
      masked_lm_loss: mlm,
      disc_loss: disc,
      loss: metrics.totalLoss,
      gradient_norm: metrics.gradientNorm,
      skipped_steps: skipped,
      ...(scaled ? { loss_scale: metrics.lossScale } : {}),
      steps_per_second: rate,
      tokens_per_second: rate * tokensPerStep,
    });
  };
  const save = async (): Promise<void> => {
    await written;
    const { position, ...tensors } = await trainer.state();
    const files = encodeCheckpoint({ ...tensors, state: { ...position, hparams } });
    await directory.save(trainer.step, files, hparams.keep_checkpoint_max).catch(async (error) => {
      if (!(error instanceof ModelError)) throw error;
      throw new ModelError(`${error.message}: ${await wayBack(directory, trainer.step)}`);
    });
    savedAt = trainer.step;
    await plot(directory, log);
  };
  /** On the way a full disk costs one checkpoint: those before it stay, and the next one may succeed. */
  const trySave = async (): Promise<void> => {
    await save().catch((error) => {
      if (error instanceof ModelError) throw error;
      console.error(
        `${error.message}; training goes on, without a checkpoint of step ${trainer.step}`,
      );
    });
  };
  try {
    while (trainer.step < total && !signal.aborted && skippedInARow < MOST_SKIPPED) {
      const batch = await loader.next();
      if (trace?.steps.has(trainer.step + 1)) {
        const { file, metrics } = await traceStep(trainer, batch);
        await Deno.mkdir(trace.folder, { recursive: true });
        const name = `step-${String(metrics.step).padStart(8, "0")}.safetensors`;
        await writeFileAtomic(join(trace.folder, name), file);
        written = written.then(() => report(Promise.resolve(metrics)));
      } else {
        const { metrics } = await trainer.train(batch);
        written = written.then(() => report(metrics));
      }
      if (!bar) {
        await written;
        firstBar?.update(1);
        firstBar?.finish("kernels run in for the first time");
        [started, startedAt] = [performance.now(), trainer.step];
        bar = createProgress({ label: "pretrain", total, unit: "steps", initial: startedAt });
      }
      if (trainer.step % hparams.save_checkpoints_steps === 0) await trySave();
      if (run.evaluateEvery > 0 && trainer.step < total && trainer.step % run.evaluateEvery === 0) {
        await written;
        await evaluate();
      }
    }
    await written;
  } finally {
    await loader.close();
  }
  const diverged = skippedInARow >= MOST_SKIPPED;
  if (savedAt !== trainer.step && !diverged) await save();
  bar?.finish(signal.aborted ? "stopped" : undefined);
  if (diverged) {
    throw new ModelError(
      `the gradients have not been finite for ${MOST_SKIPPED} steps in a row, so nothing is learned: ` +
        await wayBack(directory, trainer.step - skippedInARow + 1) +
        (scaled ? ", or --precision f32" : ""),
    );
  }
  const fault = last && notFinite(last, scaled);
  if (fault !== undefined) {
    throw new ModelError(
      `the run diverged: at step ${trainer.step} ${fault}: ${await wayBack(
        directory,
        trainer.step,
      )}`,
    );
  }
  if (signal.aborted && trainer.step < total) {
    throw new Interrupted(
      trainer.step === 0
        ? "interrupted before the first step; there is nothing to save"
        : `saved ${directory.checkpoint(trainer.step)}; go on with the same command and ` +
          `--model-name ${basename(directory.path)} --resume`,
    );
  }
}

/**
 * What is not finite in a run's last step; undefined where all is. In f16 single steps may be skipped: their
 * loss scale was too high.
 */
function notFinite(
  { totalLoss, gradientNorm, skipped }: StepMetrics,
  scaled: boolean,
): string | undefined {
  if (!Number.isFinite(totalLoss)) return `the loss is ${totalLoss}`;
  return skipped && !scaled ? `the gradients' norm is ${gradientNorm}` : undefined;
}

/** What to do when all from a step on is of no use. */
async function wayBack(directory: ModelDirectory, step: number): Promise<string> {
  const steps = await directory.steps();
  const good = steps.filter((one) => one < step).at(-1);
  const useless = steps.filter((one) => one > (good ?? -1)).map((one) => directory.checkpoint(one));
  const remove = useless.length > 0 ? `remove ${useless.join(" and ")}, then ` : "";
  const way = good === undefined ? "start again" : `--resume to go on from step ${good}`;
  return `${remove}${way}, with a lower learning_rate or more num_warmup_steps`;
}

/** Draws the curves. They can be drawn again at any time, so that work goes on where it fails. */
async function plot(directory: ModelDirectory, log: MetricsLog): Promise<void> {
  if (log.lines.length === 0) return;
  const svg = lossSvg(log.lines, "ELECTRA pre-training");
  try {
    await directory.write("loss.svg", svg);
    await directory.write("loss.png", await renderPng(svg));
  } catch (error) {
    console.error(`the curves are not drawn: ${(error as Error).message}`);
  }
}
