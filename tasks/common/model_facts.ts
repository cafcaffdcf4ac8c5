/** What is known about a model from the files around it, for its card. */

import { join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { type Manifest, readManifest } from "../../pipeline/examples/manifest.ts";
import { type ExtractManifest, readExtractManifest } from "../../pipeline/wiki/manifest.ts";
import {
  type EvaluationLine,
  type MetricsLine,
  parseMetricsLine,
  type TrainingLine,
} from "./metrics_log.ts";
import type { ModelDirectory } from "./model_directory.ts";

/** What the files around a model say. */
export interface RunFacts {
  /** The model's name. */
  readonly modelName: string;
  /** Updates done. */
  readonly step: number;
  /** Its hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Licence of the weights, where given. */
  readonly license?: string;
  /** The examples it was trained on, where they are still there. */
  readonly examples?: Manifest;
  /** The text they were made of, where it is still there. */
  readonly text?: ExtractManifest;
  /** Training metrics nearest before the step. */
  readonly training?: TrainingLine;
  /** Held-out metrics nearest before the step. */
  readonly evaluation?: EvaluationLine;
}

/** Gathers what is there; what is not is left out. */
export async function gatherFacts(
  { dataDir, modelName, license }: { dataDir: string; modelName: string; license?: string },
  directory: ModelDirectory,
  step: number,
  hparams: PretrainingHparams,
): Promise<RunFacts> {
  const lines = await readMetrics(directory.file("metrics.jsonl"), step);
  return {
    modelName,
    step,
    hparams,
    license,
    examples: await readManifest(join(dataDir, "pretrain_tfrecords")).catch(() => undefined),
    text: await readExtractManifest(join(dataDir, "text")).catch(() => undefined),
    training: lines.findLast((line): line is TrainingLine => "loss" in line),
    evaluation: lines.findLast((line): line is EvaluationLine => "eval" in line),
  };
}

async function readMetrics(path: string, step: number): Promise<MetricsLine[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").map(parseMetricsLine).filter((line): line is MetricsLine =>
    line !== undefined && line.step <= step
  );
}
