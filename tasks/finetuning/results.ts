/** Results of all trials: a table for the terminal, JSON, and the picture beside it. */

import type { PrecisionRecall } from "../../model/metrics/classification.ts";
import { summarize, type TrialSummary } from "../../model/metrics/trials.ts";
import { alignTable } from "../common/table.ts";
import type { FinetuningTask } from "./data.ts";
import type { TrialResult } from "./trial.ts";

/** What `results/TASKS_results.json` holds. */
export interface FinetuningResults {
  /** The pre-trained model. */
  readonly model: string;
  /** Where its weights come from. */
  readonly source: string;
  /** Scores of every task over the trials. */
  readonly tasks: Readonly<Record<string, TaskResults>>;
  /** Each trial. */
  readonly trials: readonly TrialResult[];
}

/** Results of one task. */
export interface TaskResults {
  /** Examples that were scored. */
  readonly examples: number;
  /** The metric that decides. */
  readonly metric: string;
  /** Set where train and dev were cut from one file, so that scores do not compare with published ones. */
  readonly cut: boolean;
  /** Every score over the trials. */
  readonly scores: Readonly<Record<string, TrialSummary>>;
}

/** Sums trials up. */
export function summarizeTrials(
  model: string,
  source: string,
  tasks: readonly {
    readonly task: FinetuningTask;
    readonly metric: string;
    readonly cut: boolean;
  }[],
  trials: readonly TrialResult[],
): FinetuningResults {
  const byTask: Record<string, TaskResults> = {};
  for (const { task: { name }, metric, cut } of tasks) {
    const scored = trials.flatMap(({ tasks }) => name in tasks ? [tasks[name]] : []);
    if (scored.length === 0) continue;
    const names = Object.keys(scored[0].scores);
    byTask[name] = {
      examples: scored[0].examples,
      metric,
      cut,
      scores: Object.fromEntries(
        names.map((score) => [score, summarize(scored.map(({ scores }) => scores[score]))]),
      ),
    };
  }
  return { model, source, tasks: byTask, trials };
}

/** Lines of a table for a split: each score's mean, deviation and trials, and the last trial's classes. */
export function resultLines(results: FinetuningResults, split = "dev"): string[] {
  const lines: string[] = [];
  for (const [name, { examples, metric, cut, scores }] of Object.entries(results.tasks)) {
    lines.push(
      "",
      `${name}: ${examples} examples of ${split}, ${countOf(results.trials.length, "trial")}`,
    );
    if (cut) {
      lines.push(
        "  train and dev are cut from one published file, so published scores do not compare",
      );
    }
    const rows = Object.entries(scores).map(([score, { mean, deviation, trials }]) => [
      score === metric ? `${score} *` : score,
      shown(mean),
      trials.length > 1 ? `± ${shown(deviation)}` : "",
      ...(trials.length > 1 ? trials.map(shown) : []),
    ]);
    const head = [
      "",
      "mean",
      "",
      ...(results.trials.length > 1 ? results.trials.map((_, i) => `trial ${i + 1}`) : []),
    ];
    lines.push(...alignTable(head, rows).map((line) => `  ${line}`));
    const last = results.trials.at(-1)!.tasks[name];
    const [low, high] = last.interval;
    lines.push(
      `  * decides; 95% of bootstraps of the last trial lie in ${shown(low)} to ${shown(high)}`,
    );
    lines.push(...classLines(last.classes).map((line) => `  ${line}`));
  }
  return lines;
}

function classLines(classes: Readonly<Record<string, PrecisionRecall>>): string[] {
  const rows = Object.entries(classes).map(([name, { precision, recall, f1, support }]) => [
    name,
    shown(precision),
    shown(recall),
    shown(f1),
    String(support),
  ]);
  return rows.length > 1
    ? alignTable(["last trial", "precision", "recall", "f1", "examples"], rows)
    : [];
}

function shown(score: number): string {
  return Number.isFinite(score) ? score.toFixed(4) : "–";
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A run's results as JSON has them: numbers that are none become null. */
export function resultJson(results: object): string {
  return JSON.stringify(results, null, 2) + "\n";
}
