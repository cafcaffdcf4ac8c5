/** One trial of fine-tuning: it trains, keeps the best model, scores it, and goes on where it was interrupted. */

import { join } from "@std/path/mod.js";
import * as v from "valibot";
import type { Gpu } from "../../kernels/device.ts";
import { ModelError } from "../../model/errors.ts";
import {
  type CheckpointFiles,
  decodeCheckpoint,
  encodeCheckpoint,
} from "../../model/files/checkpoint.ts";
import type { FinetuningHparams } from "../../model/finetuning/hparams.ts";
import type { FinetuningObjective } from "../../model/finetuning/objective.ts";
import { traceFinetuning } from "../../model/finetuning/trace.ts";
import { type LoopOptions, runLoop } from "../../model/training/loop.ts";
import type { StepMetrics, Training } from "../../model/training/training.ts";
import { parseJson } from "../../pipeline/wire/json.ts";
import { Interrupted, UsageError } from "../common/command.ts";
import { writeFileAtomic } from "../common/files.ts";
import { ModelDirectory } from "../common/model_directory.ts";
import { createProgress } from "../common/progress.ts";
import { formatLoss, formatQuantity } from "../common/text.ts";
import {
  type FeaturedSplit,
  type FinetuningTask,
  TrainingOrder,
  type TrainingTask,
} from "./data.ts";
import { decidingMetric, evaluateSplit, type Runner } from "./evaluation.ts";
import { bestOfTrial } from "./folders.ts";
import { createFinetuning, type FinetunedConfig } from "./model.ts";
import { type Pretrained, writePretrained } from "./pretrained.ts";
import type { ScoredSplit } from "./scores.ts";

/** What every trial shares. */
export interface TrialSettings {
  readonly gpu: Gpu;
  readonly hparams: FinetuningHparams;
  readonly pretrained: Pretrained;
  /** The name of the pre-trained model. */
  readonly pretrainedName: string;
  /** What is trained on. */
  readonly training: readonly TrainingTask[];
  /** What is scored on, by task; none where nothing is evaluated. */
  readonly dev: ReadonlyMap<string, FeaturedSplit>;
  readonly padId: number;
  readonly tokenizerSha256: string;
  readonly lowerCase: boolean;
  readonly precision: "f32" | "f16";
  /** Steps to write traces of, and where to. */
  readonly trace?: { readonly folder: string; readonly steps: ReadonlySet<number> };
}

/** How a trial ended: its scores by task, what `result.json` holds. */
export interface TrialResult {
  /** Its seed. */
  readonly seed: number;
  /** Updates of the model that was scored. */
  readonly step: number;
  /** Seconds of training, evaluations left out. */
  readonly trainSeconds: number;
  /** Scores by task. */
  readonly tasks: Readonly<Record<string, ScoredSplit & { readonly loss: number }>>;
}

/**
 * Runs a trial in its folder.
 *
 * @throws {Interrupted} after saving, when the signal aborts.
 * @throws {UsageError} when another configuration's trial is there.
 */
export async function runTrial(
  settings: TrialSettings,
  folder: string,
  seed: number,
  signal: AbortSignal,
): Promise<TrialResult> {
  const { gpu, hparams, pretrained, training: tasks, precision } = settings;
  const directory = new ModelDirectory(folder);
  const order = new TrainingOrder(tasks, hparams, settings.padId, seed);
  const totalSteps = Math.max(1, Math.round(order.batchesPerEpoch * hparams.num_train_epochs));
  await requireSameTrial(directory, configOf(settings, seed));
  await directory.create();
  const trainer = await createFinetuning(
    gpu,
    pretrained.encoder,
    tasks.map(({ task }) => task),
    hparams,
    totalSteps,
    { seed, precision },
  );
  try {
    const good = await directory.newestGood();
    if (good) restoreFrom(trainer, good.files, directory.checkpoint(good.step));
    else writePretrained(trainer.store, pretrained);
    await directory.write("config.json", JSON.stringify(configOf(settings, seed), null, 2) + "\n");
    const seconds = await train(settings, directory, trainer, order, totalSteps, signal);
    const scored: Record<string, ScoredSplit & { loss: number }> = {};
    for (const { task } of tasks) {
      const split = settings.dev.get(task.name);
      if (!split) continue;
      const { predictions: _, ...scores } = await scoreWithProgress(settings, trainer, task, split);
      scored[task.name] = scores;
    }
    return { seed, step: trainer.step, trainSeconds: seconds, tasks: scored };
  } finally {
    trainer.destroy();
  }
}

function configOf(settings: TrialSettings, seed: number): FinetunedConfig {
  const { hparams, pretrained, precision, tokenizerSha256, lowerCase } = settings;
  return {
    pretrained: settings.pretrainedName,
    encoder: pretrained.encoder,
    hparams,
    seed,
    precision,
    tokenizerSha256,
    lowerCase,
    tasks: settings.training.map((
      { task: { name, description, labels, choices, unanswerable } },
    ) => ({
      name,
      description,
      labels,
      choices,
      unanswerable,
    })),
  };
}

/** Refuses to go on with a trial of another configuration. */
async function requireSameTrial(directory: ModelDirectory, config: FinetunedConfig): Promise<void> {
  if ((await directory.steps()).length === 0) return;
  const saved = await Deno.readTextFile(directory.file("config.json")).catch(() => "");
  if (saved === JSON.stringify(config, null, 2) + "\n") return;
  throw new UsageError(
    `${directory.path} holds an unfinished trial of other settings: give them as they were to finish it, or ` +
      "--overwrite to begin anew",
  );
}

/** Trains to the end, or to the last evaluation that was worth it; the trainer then holds the model to keep. */
async function train(
  settings: TrialSettings,
  directory: ModelDirectory,
  trainer: Training<FinetuningObjective>,
  order: TrainingOrder,
  totalSteps: number,
  signal: AbortSignal,
): Promise<number> {
  const { hparams } = settings;
  const watch = await BestModel.open(settings, trainer, directory.path, order.batchesPerEpoch);
  const begun = trainer.step, started = performance.now();
  const bar = createProgress({
    label: "finetune",
    unit: "steps",
    total: totalSteps,
    initial: begun,
  });
  const stop = new AbortController();
  const save = async (): Promise<boolean> => {
    await directory.save(trainer.step, await checkpointOf(trainer, hparams), 1);
    return true;
  };
  const evaluate = async (): Promise<void> => {
    // The trial can go on from here before what is best is said to be.
    await save();
    await append(directory, { step: trainer.step, eval: await watch.look() });
    if (watch.isHopeless) stop.abort();
  };
  // A run that was interrupted may have been so before its evaluation.
  if (watch.isNeeded && begun > 0 && begun % order.batchesPerEpoch === 0) await evaluate();
  const end = await runLoop(trainer, {
    totalSteps,
    nextBatch: () => Promise.resolve(order.batch(trainer.step)),
    takeStep: tracing(settings, trainer),
    signal: AbortSignal.any([signal, stop.signal]),
    logEvery: Math.max(1, Math.floor(totalSteps / 200)),
    onStep: async (metrics, logged) => {
      const rate = (metrics.step - begun) / (performance.now() - started) * 1000;
      const { train_batch_size } = hparams;
      bar.update(
        metrics.step,
        `loss ${formatLoss(metrics.totalLoss)}  ${
          formatQuantity(rate * train_batch_size, "examples")
        }/s`,
      );
      if (logged) await append(directory, lineOf(metrics, rate));
    },
    save,
    saveEvery: hparams.save_checkpoints_steps,
    evaluate: watch.isNeeded ? evaluate : undefined,
    evaluateEvery: order.batchesPerEpoch,
  });
  bar.finish(signal.aborted ? "stopped" : watch.isHopeless ? "no better for a while" : undefined);
  if (end.reason === "skipped") {
    throw new ModelError(
      "the gradients have not been finite for too long; use a lower learning_rate",
    );
  }
  if (signal.aborted && trainer.step < totalSteps && !stop.signal.aborted) {
    throw new Interrupted(
      `saved ${directory.checkpoint(trainer.step)}; the same command goes on from there`,
    );
  }
  if (end.last && !Number.isFinite(end.last.totalLoss)) {
    throw new ModelError(
      `the trial diverged: the loss is ${end.last.totalLoss}; use a lower learning_rate`,
    );
  }
  const seconds = (performance.now() - started) / 1000;
  if (watch.isNeeded) {
    if (!watch.isUpToDate) {
      await append(directory, { step: trainer.step, eval: await watch.look() });
    }
    await watch.restore();
  }
  return seconds;
}

/** Takes a step, and writes its trace where one is asked for. */
function tracing(
  { trace, hparams }: TrialSettings,
  trainer: Training<FinetuningObjective>,
): LoopOptions<FinetuningObjective>["takeStep"] {
  if (!trace) return undefined;
  return async (batch) => {
    if (!trace.steps.has(trainer.step + 1)) return await trainer.train(batch);
    const { file, metrics } = await traceFinetuning(trainer, batch, {
      layerwiseDecay: hparams.layerwise_lr_decay,
      weightDecay: hparams.weight_decay_rate,
    });
    await Deno.mkdir(trace.folder, { recursive: true });
    const name = `step-${String(metrics.step).padStart(8, "0")}.safetensors`;
    await writeFileAtomic(join(trace.folder, name), file);
    return { metrics: Promise.resolve(metrics) };
  };
}

function lineOf(metrics: StepMetrics, rate: number): Record<string, number | null> {
  const finite = (value: number): number | null => Number.isFinite(value) ? value : null;
  return {
    step: metrics.step,
    learning_rate: metrics.learningRate,
    loss: finite(metrics.totalLoss),
    gradient_norm: finite(metrics.gradientNorm),
    steps_per_second: rate,
  };
}

async function append(directory: ModelDirectory, line: object): Promise<void> {
  const path = directory.file("metrics.jsonl");
  await Deno.writeTextFile(path, JSON.stringify(line) + "\n", { append: true });
}

/** Scores a split under a progress bar. */
export async function scoreWithProgress(
  { hparams, padId }: Pick<TrialSettings, "hparams" | "padId">,
  runner: Runner,
  task: FinetuningTask,
  split: FeaturedSplit,
): ReturnType<typeof evaluateSplit> {
  const total = split.features.length;
  const bar = createProgress({ label: `evaluate ${task.name}`, unit: "examples", total });
  const scored = await evaluateSplit(
    runner,
    task,
    split,
    hparams,
    padId,
    (done) => bar.update(done),
  );
  bar.finish();
  return scored;
}

/** Keeps the best model of a trial, where its end need not be the best; on the disk, so that a trial can go on. */
class BestModel {
  readonly #settings: TrialSettings;
  readonly #trainer: Training<FinetuningObjective>;
  readonly #directory: ModelDirectory;
  readonly #batchesPerEpoch: number;
  #best = { step: 0, score: -Infinity };
  #lookedAt = -1;

  private constructor(
    settings: TrialSettings,
    trainer: Training<FinetuningObjective>,
    folder: string,
    batchesPerEpoch: number,
  ) {
    this.#settings = settings;
    this.#trainer = trainer;
    this.#directory = bestOfTrial(folder);
    this.#batchesPerEpoch = batchesPerEpoch;
  }

  /** Goes on from what an interrupted run found best. */
  static async open(
    settings: TrialSettings,
    trainer: Training<FinetuningObjective>,
    folder: string,
    batchesPerEpoch: number,
  ): Promise<BestModel> {
    const watch = new BestModel(settings, trainer, folder, batchesPerEpoch);
    const path = watch.#directory.file(BEST_FILE);
    const text = await Deno.readTextFile(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return undefined;
    });
    const fault = (what: string): ModelError =>
      new ModelError(`${path}: ${what}; --overwrite begins the trial anew`);
    if (text !== undefined) watch.#best = parseJson(BEST, text, fault);
    return watch;
  }

  /** Whether evaluations between epochs were asked for. */
  get isNeeded(): boolean {
    const { hparams, dev } = this.#settings;
    return dev.size > 0 && (hparams.early_stopping > 0 || hparams.metric_for_best_model !== "");
  }

  /** Whether so many evaluations since the best were worse that the trial ends. */
  get isHopeless(): boolean {
    const { early_stopping } = this.#settings.hparams;
    const epochs = (this.#lookedAt - this.#best.step) / this.#batchesPerEpoch;
    return early_stopping > 0 && epochs >= early_stopping;
  }

  /** Evaluates, and keeps the model where it is the best so far; returns its scores. */
  async look(): Promise<Record<string, number>> {
    const { hparams, dev, padId, training } = this.#settings;
    const scores: Record<string, number> = {};
    let score = 0;
    for (const { task } of training) {
      const split = dev.get(task.name)!;
      const scored = await evaluateSplit(this.#trainer, task, split, hparams, padId);
      const prefix = training.length > 1 ? `${task.name} ` : "";
      for (const [name, one] of Object.entries(scored.scores)) scores[prefix + name] = one;
      score += scored.scores[decidingMetric(task, hparams)];
    }
    const { step } = this.#trainer;
    this.#lookedAt = step;
    if (score > this.#best.score) {
      this.#best = { step, score };
      await this.#directory.create();
      await this.#directory.save(step, await checkpointOf(this.#trainer, hparams), 1);
      await this.#directory.write(BEST_FILE, JSON.stringify(this.#best) + "\n");
    }
    return scores;
  }

  /** Whether the model as it is now has been evaluated. */
  get isUpToDate(): boolean {
    return this.#lookedAt === this.#trainer.step;
  }

  /** Gives the trainer the best model's parameters back. */
  async restore(): Promise<void> {
    await this.#trainer.finish();
    const good = await this.#directory.newestGood();
    if (good) restoreFrom(this.#trainer, good.files, this.#directory.checkpoint(good.step));
  }
}

/** What an evaluation between epochs found best. */
const BEST_FILE = "best.json";

const BEST = v.object({ step: v.number(), score: v.number() });

/** The state of a trial as files. */
async function checkpointOf(
  trainer: Training<FinetuningObjective>,
  hparams: FinetuningHparams,
): Promise<CheckpointFiles> {
  const { position, ...tensors } = await trainer.state();
  return encodeCheckpoint({ ...tensors, state: { ...position, hparams } });
}

function restoreFrom(
  trainer: Training<FinetuningObjective>,
  files: CheckpointFiles,
  source: string,
): void {
  const { state: position, ...tensors } = decodeCheckpoint(files, source);
  trainer.restore({ ...tensors, position }, source);
}
