/** A training as people see it: the progress line, and lines of `metrics.jsonl`. */

import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import type { StepMetrics } from "../../model/training/training.ts";
import type { MetricsLog } from "./metrics_log.ts";
import { createProgress, type Progress } from "./progress.ts";
import { formatLoss, formatQuantity } from "./text.ts";

/** Shows and logs the steps of one run. */
export class TrainingProgress {
  readonly #log: MetricsLog;
  readonly #total: number;
  readonly #tokensPerStep: number;
  /** Whether the loss is scaled, so that its scale is worth showing. */
  readonly #scaled: boolean;
  readonly #first: Progress | undefined;
  #bar: Progress | undefined;
  #started = performance.now();
  #startedAt: number;
  #skipped = 0;

  /** Begins with the first step, which drivers compile kernels in: it is shown by itself. */
  constructor(training: Pretraining, hparams: PretrainingHparams, log: MetricsLog) {
    this.#log = log;
    this.#total = hparams.num_train_steps;
    this.#tokensPerStep = hparams.train_batch_size * hparams.max_seq_length;
    this.#scaled = training.precision === "f16";
    this.#startedAt = training.step;
    if (training.step < this.#total) {
      this.#first = createProgress({ label: "first step", unit: "steps", total: 1 });
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

  /** Shows a step, and where asked logs it. */
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
    if (!logged) return;
    await this.#log.add({
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
    });
  }

  /** Draws the last state for good. */
  finish(note?: string): void {
    this.#bar?.finish(note);
  }
}
