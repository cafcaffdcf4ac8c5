/** A training as people see it: the progress line, and lines of `metrics.jsonl`. */

import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import type { StepMetrics } from "../../model/training/training.ts";
import type { ExampleBatch } from "../../pipeline/examples/loader.ts";
import { IdleClock } from "./idle_clock.ts";
import { LossSpikes } from "./loss_spikes.ts";
import { createProgress, type Progress } from "./progress.ts";
import type { RunLog } from "./run_log.ts";
import { formatLoss, formatQuantity } from "./text.ts";

/** Shows and logs the steps of one run. */
export class TrainingProgress {
  readonly #log: RunLog;
  readonly #total: number;
  readonly #tokensPerStep: number;
  /** Whether the loss is scaled, so that its scale is worth showing. */
  readonly #scaled: boolean;
  readonly #first: Progress | undefined;
  #bar: Progress | undefined;
  #started = performance.now();
  #startedAt: number;
  #skipped = 0;
  /** Since the last line of the log. */
  readonly #idle = new IdleClock();
  #logged: { readonly step: number; readonly time: number };
  /** Of steps whose metrics are still to come. */
  readonly #records = new Map<number, readonly string[]>();
  readonly #spikes = new LossSpikes();
  #tokens = 0;
  #realTokens = 0;

  /** Begins with the first step, which drivers compile kernels in: it is shown by itself. */
  constructor(training: Pretraining, hparams: PretrainingHparams, log: RunLog) {
    this.#log = log;
    this.#total = hparams.num_train_steps;
    this.#tokensPerStep = hparams.train_batch_size * hparams.max_seq_length;
    this.#scaled = training.precision === "f16";
    this.#startedAt = training.step;
    this.#logged = { step: training.step, time: performance.now() };
    if (training.step < this.#total) {
      this.#first = createProgress({ label: "first step", unit: "steps", total: 1 });
    }
  }

  /** A step is queued, whose metrics are still to come. */
  queued(
    step: number,
    metrics: Promise<StepMetrics>,
    { attentionMask, records }: ExampleBatch,
  ): void {
    this.#idle.queued(metrics);
    this.#records.set(step, records);
    this.#tokens += attentionMask.length;
    for (const one of attentionMask) this.#realTokens += one;
  }

  /** Does work between steps that is not part of their time, such as an evaluation; no step may be queued. */
  async interlude<T>(work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      const milliseconds = performance.now() - begin;
      this.#idle.skip(milliseconds);
      this.#logged = { ...this.#logged, time: this.#logged.time + milliseconds };
    }
  }

  /** The first step is done. */
  warm(): void {
    this.#first?.update(1);
    this.#first?.finish("kernels run in for the first time");
    this.#started = performance.now();
    this.#startedAt++;
    const options = { label: "pretrain", unit: "steps", total: this.#total };
    this.#bar = createProgress({ ...options, initial: this.#startedAt });
  }

  /** Shows a step, and logs it where asked, where its loss is a spike and where it was skipped. */
  async step(metrics: StepMetrics, logged: boolean): Promise<void> {
    const { masked_lm: mlm = null, disc = null } = metrics.losses;
    const rate = (metrics.step - this.#startedAt) / (performance.now() - this.#started) * 1000;
    this.#skipped += Number(metrics.skipped);
    const losses = [["mlm", mlm], ["disc", disc]] as const;
    const shown = losses.flatMap(([name, loss]) =>
      loss === null ? [] : [`${name} ${formatLoss(loss)}`]
    ).join(" ");
    const scale = this.#scaled ? `  scale ${metrics.lossScale}` : "";
    const speed = `${formatQuantity(rate * this.#tokensPerStep, "tokens")}/s`;
    this.#bar?.update(metrics.step, `${shown}${scale}  ${speed}`);
    const records = this.#records.get(metrics.step) ?? [];
    this.#records.delete(metrics.step);
    const spike = this.#spikes.add(metrics.totalLoss);
    if (!logged && spike === undefined && !metrics.skipped) return;
    const now = performance.now(), { step, time } = this.#logged;
    this.#logged = { step: metrics.step, time: now };
    const padding = this.#tokens > 0 ? 1 - this.#realTokens / this.#tokens : 0;
    this.#tokens = this.#realTokens = 0;
    await this.#log.training({
      step: metrics.step,
      learning_rate: metrics.learningRate,
      masked_lm_loss: mlm,
      disc_loss: disc,
      loss: metrics.totalLoss,
      gradient_norm: metrics.gradientNorm,
      skipped_steps: this.#skipped,
      ...(this.#scaled ? { loss_scale: metrics.lossScale } : {}),
      steps_per_second: rate,
      tokens_per_second: rate * this.#tokensPerStep,
      step_ms: (now - time) / (metrics.step - step),
      idle_share: this.#idle.take(),
      padding_share: padding,
      ...(spike === undefined ? {} : { spike }),
      ...(metrics.skipped ? { skipped: records } : {}),
    });
  }

  /** Draws the last state for good. */
  finish(note?: string): void {
    this.#bar?.finish(note);
  }
}
