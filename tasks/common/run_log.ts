/**
 * What a pre-training leaves for those who watch it: `metrics.jsonl`, TensorBoard's events, and `samples.json`
 * with sentences as the model judges them. A run that goes on writes no step twice and leaves none out.
 */

import type { PretrainingMetrics } from "../../model/electra/evaluation.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import { EventLog } from "./event_log.ts";
import { encodeJson } from "./json.ts";
import { type MetricsLine, MetricsLog, type TrainingLine } from "./metrics_log.ts";
import type { ModelDirectory } from "./model_directory.ts";
import {
  evaluationSummaries,
  hparamValues,
  layerHistograms,
  trainingSummaries,
} from "./run_events.ts";
import { type JudgedSentences, sentencesMarkdown, THRESHOLD } from "./showcase.ts";

/** The logs of one run. */
export class RunLog {
  readonly #directory: ModelDirectory;
  readonly #metrics: MetricsLog;
  readonly #events: EventLog;

  private constructor(directory: ModelDirectory, metrics: MetricsLog, events: EventLog) {
    this.#directory = directory;
    this.#metrics = metrics;
    this.#events = events;
  }

  /** Opens the logs where a training stands: what they say of later steps goes. */
  static async open(directory: ModelDirectory, { step, objective }: Pretraining): Promise<RunLog> {
    const metrics = await MetricsLog.open(directory.file("metrics.jsonl"), step);
    const hparams = hparamValues(objective.hparams);
    return new RunLog(directory, metrics, await EventLog.open(directory.path, step, hparams));
  }

  /** All lines of metrics. */
  get lines(): readonly MetricsLine[] {
    return this.#metrics.lines;
  }

  /** Logs a step. */
  async training(line: TrainingLine): Promise<void> {
    await this.#metrics.add(line);
    await this.#events.add(line.step, trainingSummaries(line));
  }

  /** Whether a step has been evaluated. */
  isEvaluated(step: number): boolean {
    return this.lines.some((line) => "eval" in line && line.step === step);
  }

  /** Logs an evaluation, once for each step. */
  async evaluation(
    step: number,
    metrics: PretrainingMetrics,
    sentences: JudgedSentences | undefined,
  ): Promise<void> {
    if (this.isEvaluated(step)) return;
    const line = { step, eval: metrics };
    await this.#metrics.add(line);
    const text = sentences ? sentencesMarkdown(sentences) : "";
    await this.#events.add(step, [
      ...evaluationSummaries(line),
      ...(text === "" ? [] : [{ kind: "text" as const, tag: "corrupted sentences", value: text }]),
    ]);
    if (!sentences) return;
    const samples = encodeJson({ step, threshold: THRESHOLD, sentences });
    await this.#directory.write("samples.json", samples + "\n").catch((error) =>
      console.error((error as Error).message)
    );
  }

  /** Logs histograms of weights and gradients. */
  async histograms({ step, store }: Pretraining, lossScale: number): Promise<void> {
    await this.#events.add(step, await layerHistograms(store, lossScale));
  }
}
