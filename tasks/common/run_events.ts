/** What a pre-training tells TensorBoard: the original's names where it had them, our own beside them. */

import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { HparamValue, Summary } from "../../model/files/tensorboard/event.ts";
import { histogramOf } from "../../model/files/tensorboard/histogram.ts";
import type { Parameter, ParameterStore } from "../../model/parameters/store.ts";
import type { EvaluationLine, TrainingLine } from "./metrics_log.ts";

/** Our names of a training line's numbers, by those of the log. */
const TRAINING: readonly (readonly [keyof TrainingLine, string])[] = [
  ["loss", "loss"],
  ["steps_per_second", "global_step/sec"],
  ["masked_lm_loss", "train/masked_lm_loss"],
  ["disc_loss", "train/disc_loss"],
  ["learning_rate", "train/learning_rate"],
  ["gradient_norm", "train/gradient_norm"],
  ["loss_scale", "train/loss_scale"],
  ["skipped_steps", "train/skipped_steps"],
  ["tokens_per_second", "speed/tokens_per_second"],
  ["step_ms", "speed/step_ms"],
  ["idle_share", "speed/idle_share"],
  ["padding_share", "speed/padding_share"],
];

/** Scalars of a training line; what is not measured is left out. */
export function trainingSummaries(line: TrainingLine): Summary[] {
  return TRAINING.flatMap(([key, tag]) => scalar(tag, line[key]));
}

/** Scalars of an evaluation, under the original's names. */
export function evaluationSummaries({ eval: metrics }: EvaluationLine): Summary[] {
  return Object.entries(metrics).flatMap(([tag, value]) => scalar(tag, value));
}

function scalar(tag: string, value: unknown): Summary[] {
  return typeof value === "number" ? [{ kind: "scalar", tag, value }] : [];
}

/** The layer that a parameter belongs to, such as `discriminator/layer 3` or `generator/embeddings`. */
export function layerOf(name: string): string {
  const [model] = name.split(".", 1);
  const layer = /\.layer\.(\d+)\./.exec(name)?.[1];
  if (layer !== undefined) return `${model}/layer ${layer}`;
  return `${model}/${name.includes(".embeddings") ? "embeddings" : "head"}`;
}

/** Histograms of the weights and the last step's gradients of each layer. */
export async function layerHistograms(
  store: ParameterStore,
  lossScale: number,
): Promise<Summary[]> {
  return [
    ...histograms("weights", await store.readAll("parameters")),
    ...histograms("gradients", await store.readAll("gradients"), 1 / lossScale),
  ];
}

function histograms(
  kind: string,
  values: ReadonlyMap<Parameter, Float32Array<ArrayBuffer>>,
  factor = 1,
): Summary[] {
  const layers = new Map<string, Float32Array[]>();
  for (const [{ parts: [{ name }] }, data] of values) {
    const layer = layerOf(name);
    if (factor !== 1) { for (let i = 0; i < data.length; i++) data[i] *= factor; }
    layers.set(layer, [...layers.get(layer) ?? [], data]);
  }
  return [...layers].flatMap(([layer, arrays]) => {
    const value = histogramOf(arrays);
    return value ? [{ kind: "histogram" as const, tag: `${kind}/${layer}`, value }] : [];
  });
}

/** Hyperparameters as TensorBoard lists them: one level, without what is not set. */
export function hparamValues(hparams: PretrainingHparams): Record<string, HparamValue> {
  const { model_hparam_overrides, ...rest } = hparams;
  const values: Record<string, HparamValue> = {};
  for (const [name, value] of Object.entries({ ...rest, ...model_hparam_overrides })) {
    if (value !== null && value !== "" && typeof value !== "object") values[name] = value;
  }
  return values;
}
