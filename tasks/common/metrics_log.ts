/** `metrics.jsonl`: one JSON object a line, each with its step; what is not measured is null. */

import * as v from "valibot";
import type { PretrainingMetrics } from "../../model/electra/evaluation.ts";
import { count as step, type Schema } from "../../pipeline/wire/json.ts";
import { writeFileAtomic } from "./files.ts";
import { decodeJson, encodeJson } from "./json.ts";

/** A line of training metrics. */
export interface TrainingLine {
  readonly step: number;
  readonly learning_rate: number;
  /** Null without a generator. */
  readonly masked_lm_loss: number | null;
  /** Null without a discriminator. */
  readonly disc_loss: number | null;
  readonly loss: number;
  readonly gradient_norm: number;
  /** Steps of this run that changed nothing because their gradients were not finite. */
  readonly skipped_steps: number;
  /** In f16 alone. */
  readonly loss_scale?: number;
  readonly steps_per_second: number;
  readonly tokens_per_second: number;
  /** Mean time of a step since the line before. */
  readonly step_ms?: number;
  /** Share of that time in which the device had no step to work on. */
  readonly idle_share?: number;
  /** Share of the tokens since the line before that are padding. */
  readonly padding_share?: number;
  /** By how many standard deviations the loss is above those before it; only where it stands out. */
  readonly spike?: number;
  /** The records of a step that changed nothing: file, number and byte of each. */
  readonly skipped?: readonly string[];
}

/** A line of held-out metrics. */
export interface EvaluationLine {
  readonly step: number;
  readonly eval: PretrainingMetrics;
}

/** A line of the log. */
export type MetricsLine = TrainingLine | EvaluationLine;

/** A measured number: NaN and the infinities belong to it, since a run may go wrong. */
const metric: Schema<number> = v.custom<number>((value) => typeof value === "number", "a number");

/** A number, or null where there is nothing to measure. */
const measured = v.nullable(metric);

/** Keys that are not known here stay: the log belongs to its owner. */
const lineSchema: Schema<MetricsLine> = v.union([
  v.looseObject({
    step,
    eval: v.looseObject(v.entriesFromList(
      [
        "masked_lm_accuracy",
        "masked_lm_loss",
        "sampled_masked_lm_accuracy",
        "disc_loss",
        "disc_auc",
        "disc_accuracy",
        "disc_precision",
        "disc_recall",
      ],
      measured,
    )),
  }),
  v.looseObject({
    step,
    learning_rate: metric,
    masked_lm_loss: measured,
    disc_loss: measured,
    loss: metric,
    gradient_norm: metric,
    skipped_steps: metric,
    loss_scale: v.optional(metric),
    steps_per_second: metric,
    tokens_per_second: metric,
    step_ms: v.optional(metric),
    idle_share: v.optional(metric),
    padding_share: v.optional(metric),
    spike: v.optional(metric),
    skipped: v.optional(v.array(v.string())),
  }),
]);

/** A line as it was logged; undefined where it is damaged or cut short. */
export function parseMetricsLine(text: string): MetricsLine | undefined {
  try {
    const line = v.safeParse(lineSchema, decodeJson(text));
    return line.success ? line.output : undefined;
  } catch {
    return undefined;
  }
}

/** Appends to the log and remembers what is in it. */
export class MetricsLog {
  readonly #path: string;
  readonly #lines: MetricsLine[];
  readonly #tell: (line: string) => void;
  /** Lines that could not be written yet. */
  #waiting = "";

  private constructor(path: string, lines: MetricsLine[], tell: (line: string) => void) {
    this.#path = path;
    this.#lines = lines;
    this.#tell = tell;
  }

  /**
   * Opens a log; what it says of steps after `step` is of a run that was not saved, and goes. So do
   * damaged lines, which `tell` is told of, but for the last, which a kill may cut short.
   */
  static async open(
    path: string,
    step: number,
    tell: (line: string) => void = console.error,
  ): Promise<MetricsLog> {
    const text = await Deno.readTextFile(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return "";
    });
    const lines: MetricsLine[] = [];
    const texts = text.split("\n");
    for (const [i, text] of texts.entries()) {
      if (text === "") continue;
      const line = parseMetricsLine(text);
      if (line !== undefined && line.step <= step) lines.push(line);
      if (line === undefined && i < texts.length - 1) {
        tell(`${path}, line ${i + 1}: not a line of metrics; it is left out`);
      }
    }
    const kept = lines.map((line) => encodeJson(line) + "\n").join("");
    // What is right already is not written again.
    if (kept !== text) await writeFileAtomic(path, kept);
    return new MetricsLog(path, lines, tell);
  }

  /** All lines. */
  get lines(): readonly MetricsLine[] {
    return this.#lines;
  }

  /**
   * Appends a line. Where that fails, as on a full disk, the work goes on: the line is written with the next
   * one that can be, and `tell` is told.
   */
  async add(line: MetricsLine): Promise<void> {
    this.#lines.push(line);
    const text = this.#waiting + encodeJson(line) + "\n";
    const { size } = await Deno.stat(this.#path).catch(() => ({ size: 0 }));
    try {
      await Deno.writeTextFile(this.#path, text, { append: true });
      this.#waiting = "";
    } catch (error) {
      if (this.#waiting === "") {
        this.#tell(`${this.#path}: ${(error as Error).message}; its lines wait in memory`);
      }
      this.#waiting = text;
      // Part of it may be in.
      await Deno.truncate(this.#path, size).catch(() => {});
    }
  }
}
