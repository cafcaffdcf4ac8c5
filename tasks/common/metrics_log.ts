/** `metrics.jsonl`: one JSON object a line, each with its step. */

import type { PretrainingMetrics } from "../../model/electra/evaluation.ts";

/** A line of training metrics. */
export interface TrainingLine {
  readonly step: number;
  readonly learning_rate: number;
  readonly masked_lm_loss: number;
  readonly disc_loss: number;
  readonly loss: number;
  readonly gradient_norm: number;
  /** Steps of this run that changed nothing because their gradients were not finite. */
  readonly skipped_steps: number;
  /** In f16 alone. */
  readonly loss_scale?: number;
  readonly steps_per_second: number;
  readonly tokens_per_second: number;
}

/** A line of held-out metrics. */
export interface EvaluationLine {
  readonly step: number;
  readonly eval: PretrainingMetrics;
}

/** A line of the log. */
export type MetricsLine = TrainingLine | EvaluationLine;

/** Appends to the log and remembers what is in it. */
export class MetricsLog {
  readonly #path: string;
  readonly #lines: MetricsLine[];

  private constructor(path: string, lines: MetricsLine[]) {
    this.#path = path;
    this.#lines = lines;
  }

  /** Opens a log; what it says of steps after `step` is of a run that was not saved, and goes. */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const text = await Deno.readTextFile(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return "";
    });
    const lines: MetricsLine[] = [];
    for (const line of text.split("\n")) {
      if (line === "") continue;
      try {
        const parsed: MetricsLine = JSON.parse(line);
        if (parsed.step <= step) lines.push(parsed);
      } catch {
        // The last line of a run that was killed may be cut short.
      }
    }
    await Deno.writeTextFile(path, lines.map((line) => JSON.stringify(line) + "\n").join(""));
    return new MetricsLog(path, lines);
  }

  /** All lines. */
  get lines(): readonly MetricsLine[] {
    return this.#lines;
  }

  /** Appends a line. */
  async add(line: MetricsLine): Promise<void> {
    this.#lines.push(line);
    await Deno.writeTextFile(this.#path, JSON.stringify(line) + "\n", { append: true });
  }
}
