/** What `deno task pretrain` does with a model: train, evaluate, save. */

import { basename, join } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { PretrainingMetrics } from "../../model/electra/evaluation.ts";
import { requireVocabulary } from "../../model/electra/inputs.ts";
import { createPretraining, type Pretraining } from "../../model/electra/pretraining.ts";
import { traceStep } from "../../model/electra/trace.ts";
import { ModelError } from "../../model/errors.ts";
import { encodeCheckpoint } from "../../model/files/checkpoint.ts";
import {
  type LoopEnd,
  type LoopOptions,
  MOST_SKIPPED,
  runLoop,
} from "../../model/training/loop.ts";
import { averageOf } from "../../model/training/state.ts";
import type { StepMetrics } from "../../model/training/training.ts";
import {
  type ExampleBatch,
  ExampleLoader,
  type ExampleSource,
} from "../../pipeline/examples/loader.ts";
import { adapterRecord } from "./adapter_lines.ts";
import { Interrupted } from "./command.ts";
import { writeFileAtomic } from "./files.ts";
import { lossSvg } from "./loss_plot.ts";
import type { ModelDirectory } from "./model_directory.ts";
import {
  checkExamples,
  type ExamplePatterns,
  exampleSource,
  firstBatches,
} from "./pretraining_data.ts";
import { TrainingProgress } from "./pretraining_progress.ts";
import { createProgress } from "./progress.ts";
import { curvesOf } from "./run_curves.ts";
import { findResumption, initialize, resumeTraining } from "./resumption.ts";
import { RunLog } from "./run_log.ts";
import { type JudgedSentences, Showcase } from "./showcase.ts";
import { renderPng } from "./svg_image.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { Stopping, type StoppingRules } from "./stopping.ts";
import { type TuneMode, tuneStep } from "./tuning.ts";

/** Held-out batches that sentences are chosen from. */
const SHOWCASE_BATCHES = 4;

/** What to train, on what, and where to. */
export interface PretrainingRun {
  /** The adapter. */
  readonly gpu: Gpu;
  /** Complete hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Its examples. */
  readonly examples: ExamplePatterns;
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
  /** When it ends before its last step. */
  readonly stopping: StoppingRules;
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
  /** Held-out sentences as the model judges them at the end, where evaluated. */
  readonly sentences: JudgedSentences | undefined;
}

/**
 * Trains, evaluates, saves.
 *
 * @throws {Interrupted} after saving when the signal aborts.
 * @throws {UsageError} when there is nothing to go on from or to evaluate.
 * @throws {ModelError} when the run diverged, after saving what can be.
 */
export async function runPretraining(
  run: PretrainingRun,
  signal: AbortSignal,
): Promise<PretrainingResult> {
  const { gpu, hparams, directory, examples } = run;
  const resumption = await findResumption(directory, hparams, run.resume);
  const seed = resumption?.checkpoint.state.seed ?? run.seed;
  requireVocabulary(hparams, run.tokenizer.special);
  const evaluates = hparams.do_eval || run.evaluateEvery > 0;
  const heldOut = exampleSource(examples.evaluate, hparams.eval_batch_size, hparams);
  if (hparams.do_train) {
    await checkExamples(exampleSource(examples.train, hparams.train_batch_size, hparams));
  }
  if (evaluates) await checkExamples(heldOut);

  const chooseMatmul = await tuneStep(gpu, hparams, run.precision, run.tune, signal);
  await directory.create();
  const compiling = createProgress({ label: "compile", unit: "kernels" });
  const trainer = await createPretraining(gpu, {
    hparams,
    special: run.tokenizer.special,
    seed,
    chooseMatmul,
    precision: run.precision,
    onCompile: (ready, total) => {
      compiling.setTotal(total);
      compiling.update(ready);
    },
  });
  compiling.finish(gpu.description);
  if (resumption) resumeTraining(trainer, resumption);
  else if (hparams.init_checkpoint !== "") await initialize(trainer, hparams.init_checkpoint);
  const config = {
    hparams,
    seed,
    precision: run.precision,
    device: gpu.description,
    adapter: adapterRecord(gpu),
  };
  await directory.write("config.json", JSON.stringify(config, null, 2) + "\n");
  const log = await RunLog.open(directory, trainer);
  const showcase = evaluates ? await showcaseOf(run, trainer, heldOut) : undefined;
  let sentences: JudgedSentences | undefined;

  const evaluate = async (): Promise<PretrainingMetrics> => {
    const metrics = await trainer.evaluate(firstBatches(heldOut, hparams.num_eval_steps));
    sentences = await showcase?.judge();
    await log.evaluation(trainer.step, metrics, sentences);
    return metrics;
  };
  let before: PretrainingMetrics | undefined, after: PretrainingMetrics | undefined;
  if (run.evaluateEvery > 0 && hparams.do_train) before = await evaluate();
  if (hparams.do_train) {
    await train(run, trainer, log, evaluate, resumption?.examples ?? 0, signal);
  }
  if (evaluates) after = await evaluate();
  showcase?.destroy();
  await plot(directory, log);
  return { trainer, before, after, sentences };
}

/** Sentences of the first held-out batches, for the model to judge. */
async function showcaseOf(
  { gpu, tokenizer }: PretrainingRun,
  trainer: Pretraining,
  heldOut: ExampleSource,
): Promise<Showcase | undefined> {
  const batches = await Array.fromAsync(firstBatches(heldOut, SHOWCASE_BATCHES));
  return Showcase.of(gpu, trainer, tokenizer.special, tokenizer.processor, batches);
}

/** Runs the loop over the training examples, from a place in them on. */
async function train(
  run: PretrainingRun,
  trainer: Pretraining,
  log: RunLog,
  evaluate: () => Promise<unknown>,
  examples: number,
  signal: AbortSignal,
): Promise<void> {
  const { hparams, directory } = run;
  const source = exampleSource(run.examples.train, hparams.train_batch_size, hparams);
  const loader = new ExampleLoader({ ...source, seed: trainer.seed });
  await loader.seek(trainer.step, examples);
  const progress = new TrainingProgress(trainer, hparams, log);
  const total = hparams.num_train_steps;
  const first = trainer.step;
  const takeStep = tracing(run, trainer) ?? ((batch: ExampleBatch) => trainer.train(batch));
  const stopping = new Stopping(run.stopping);
  let end: LoopEnd;
  let lossScale = 1;
  let latest: ExampleBatch | undefined;
  try {
    end = await runLoop(trainer, {
      totalSteps: total,
      nextBatch: () => loader.next(),
      takeStep: async (batch: ExampleBatch) => {
        latest = batch;
        const queued = await takeStep(batch);
        progress.queued(trainer.step, queued.metrics, batch);
        return queued;
      },
      signal,
      stop: () => stopping.reason(),
      onWarm: () => progress.warm(),
      onStep: async (metrics, logged) => {
        lossScale = metrics.lossScale;
        stopping.add(metrics.totalLoss);
        await progress.step(metrics, logged);
      },
      logEvery: Math.max(1, Math.min(100, Math.floor(total / 100))),
      save: async (last) => {
        await log.histograms(trainer, lossScale);
        const seen = examples + (trainer.step - first) * hparams.train_batch_size;
        const saved = await save(run, trainer, seen, last);
        await plot(directory, log);
        return saved;
      },
      saveEvery: hparams.save_checkpoints_steps,
      evaluate: async () => void await progress.interlude(evaluate),
      evaluateEvery: run.evaluateEvery,
      onFailure: (step, fault) => {
        progress.finish("stopped");
        console.error(
          fault === undefined
            ? `saved ${directory.checkpoint(step)} before the failure below`
            : `step ${step} could not be saved: ${fault instanceof Error ? fault.message : fault}`,
        );
      },
    });
  } finally {
    await loader.close();
  }
  progress.finish(end.reason === "finished" ? undefined : "stopped");
  await requireLearning(end, trainer, directory, latest);
  if (end.stopped !== undefined) {
    console.error(
      `${end.stopped}: stopped at step ${trainer.step} of ${total}; --resume goes on from there`,
    );
  }
  if (end.reason === "interrupted") {
    throw new Interrupted(
      trainer.step === 0
        ? "interrupted before the first step; there is nothing to save"
        : `saved ${directory.checkpoint(trainer.step)}; go on with the same command and ` +
          `--model-name ${basename(directory.path)} --resume`,
    );
  }
}

/**
 * Writes a checkpoint. On the way a full disk costs one checkpoint: those before it stay, and the next one may
 * succeed.
 *
 * @param examples of the data that the run has seen.
 * @param last whether no other save will follow, so that a fault is thrown.
 * @returns whether it is written.
 * @throws {ModelError} when the weights are not finite.
 */
async function save(
  { hparams, directory }: PretrainingRun,
  trainer: Pretraining,
  examples: number,
  last: boolean,
): Promise<boolean> {
  const trained = await trainer.state();
  const { position, ...tensors } = trained;
  const average = hparams.ema_decay > 0 ? averageOf(trained, hparams.ema_decay) : undefined;
  const state = { ...position, examples, hparams };
  const files = encodeCheckpoint({ ...tensors, average, state });
  try {
    const { keep_checkpoint_max, keep_checkpoint_every_n_hours } = hparams;
    await directory.save(trainer.step, files, keep_checkpoint_max, keep_checkpoint_every_n_hours);
    return true;
  } catch (error) {
    if (error instanceof ModelError) {
      throw new ModelError(`${error.message}: ${await wayBack(directory, trainer.step)}`);
    }
    if (last) throw error;
    const { message } = error as Error;
    console.error(
      `${message}; training goes on, without a checkpoint of step ${trainer.step}`,
    );
    return false;
  }
}

/** Takes a step, and writes its trace where one is asked for. */
function tracing(
  { trace }: PretrainingRun,
  trainer: Pretraining,
): LoopOptions<Pretraining["objective"]>["takeStep"] {
  if (!trace) return undefined;
  return async (batch) => {
    if (!trace.steps.has(trainer.step + 1)) return await trainer.train(batch);
    const { file, metrics } = await traceStep(trainer, batch);
    await Deno.mkdir(trace.folder, { recursive: true });
    const name = `step-${String(metrics.step).padStart(8, "0")}.safetensors`;
    await writeFileAtomic(join(trace.folder, name), file);
    return { metrics: Promise.resolve(metrics) };
  };
}

/**
 * Tells of a run that learns nothing any more.
 *
 * @throws {ModelError} when too many steps were skipped, or the last step's loss or gradients are not finite.
 */
async function requireLearning(
  { reason, last, skippedInARow }: LoopEnd,
  trainer: Pretraining,
  directory: ModelDirectory,
  latest: ExampleBatch | undefined,
): Promise<void> {
  const scaled = trainer.precision === "f16";
  if (reason === "skipped") {
    const way = await wayBack(directory, trainer.step - skippedInARow + 1);
    const traced = latest && await traceStuck(trainer, latest, directory);
    throw new ModelError(
      `the gradients have not been finite for ${MOST_SKIPPED} steps in a row, so nothing is learned: ` +
        way + (scaled ? ", or --precision f32" : "") +
        (traced === undefined ? "" : `; ${traced} shows all of such a step`),
    );
  }
  const fault = last && notFinite(last, scaled);
  if (fault === undefined) return;
  const way = await wayBack(directory, trainer.step);
  throw new ModelError(`the run diverged: at step ${trainer.step} ${fault}: ${way}`);
}

/** Repeats a step that changes nothing with a trace, for study; undefined where the model has none. */
async function traceStuck(
  trainer: Pretraining,
  batch: ExampleBatch,
  directory: ModelDirectory,
): Promise<string | undefined> {
  try {
    const { file } = await traceStep(trainer, batch);
    await directory.write("not-finite.safetensors", file);
    return directory.file("not-finite.safetensors");
  } catch (error) {
    console.error(`the step is not traced: ${(error as Error).message}`);
    return undefined;
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
async function plot(directory: ModelDirectory, log: RunLog): Promise<void> {
  if (log.lines.length === 0) return;
  const svg = lossSvg([curvesOf(basename(directory.path), log.lines)], basename(directory.path));
  try {
    await directory.write("loss.svg", svg);
    await directory.write("loss.png", await renderPng(svg));
  } catch (error) {
    console.error(`the curves are not drawn: ${(error as Error).message}`);
  }
}
