/** How time and memory of a training step grow with sequence, batch and model. */

import type { Gpu } from "../../kernels/device.ts";
import { timePlans } from "../../model/autograd/profile.ts";
import { ModelError } from "../../model/errors.ts";
import { traitsOf } from "../../model/training/recording.ts";
import { planPretraining } from "../../model/electra/pretraining.ts";
import { hparamsOf, type StepSize, warmTrainer } from "../../tasks/common/synthetic.ts";
import type { TuneMode } from "../../tasks/common/tuning.ts";

/** One size with its costs. */
export interface ScalingPoint extends StepSize {
  /** Trained numbers. */
  readonly parameters: number;
  /** Peak device bytes, from the plan. */
  readonly bytes: number;
  /** Bytes of all tensors that attention writes, from the plan. */
  readonly attentionBytes: number;
  /** Operations of a step, from the plan. */
  readonly flops: number;
  /** Dispatches of a step, from the plan. */
  readonly dispatches: number;
  /** The least of two steps, where the size was measured. */
  readonly seconds?: number;
}

/** A fitted power law. */
export interface Exponent {
  /** What grows. */
  readonly of: string;
  /** What it grows with. */
  readonly along: string;
  /** cost ∝ size^exponent. */
  readonly exponent: number;
  /** Points of the fit. */
  readonly points: number;
}

/** The whole table. */
export interface ScalingReport {
  readonly points: readonly ScalingPoint[];
  readonly exponents: readonly Exponent[];
}

const BASE: StepSize = { modelSize: "small", batch: 4, maxSeqLength: 128, vocabSize: 32_000 };

const SEQUENCES = [128, 256, 512], BATCHES = [1, 2, 4, 8, 16, 32];
const MODELS = ["tiny", "small", "base"] as const;

/** Steps that a slow adapter would take longer for are planned but not run. */
const MOST_SECONDS = 12;

/**
 * Plans every size and runs those that this adapter does in reasonable time, the smallest first.
 *
 * @param tune whether to time the variants of each size's matrix products first.
 * @param onPoint called as sizes are done.
 */
export async function measureScaling(
  gpu: Gpu,
  tune: TuneMode,
  signal: AbortSignal,
  onPoint: (done: number, total: number, note: string) => void,
): Promise<ScalingReport> {
  const sizes: StepSize[] = [
    ...BATCHES.map((batch) => ({ ...BASE, batch })),
    ...SEQUENCES.slice(1).map((maxSeqLength) => ({ ...BASE, maxSeqLength })),
    ...MODELS.filter((size) => size !== BASE.modelSize).map((modelSize) => ({
      ...BASE,
      modelSize,
    })),
  ];
  const planned = sizes.map((size): ScalingPoint => {
    const plan = planPretraining(hparamsOf(size), traitsOf(gpu));
    const parameters = plan.parameters.reduce((sum, { amount }) => sum + amount, 0);
    const { bytes, attentionBytes, flops, dispatches } = plan;
    return { ...size, parameters, bytes, attentionBytes, flops, dispatches };
  });
  const seconds = new Map<ScalingPoint, number>();
  let slowest = 0; // seconds of one operation, as the last size took it
  const ascending = planned.toSorted((a, b) => a.flops - b.flops);
  for (const [done, point] of ascending.entries()) {
    signal.throwIfAborted();
    const { modelSize, batch, maxSeqLength, flops } = point;
    onPoint(done, planned.length, `${modelSize}, batch ${batch}, sequence ${maxSeqLength}`);
    if (flops * slowest > MOST_SECONDS) continue;
    const taken = await timeStep(gpu, point, tune, signal);
    if (taken === undefined) continue;
    seconds.set(point, taken);
    slowest = taken / flops;
  }
  onPoint(planned.length, planned.length, "");
  const points = planned.map((point) => ({ ...point, seconds: seconds.get(point) }));
  return { points, exponents: fitAll(points) };
}

/** Undefined where the adapter has not enough memory. */
async function timeStep(
  gpu: Gpu,
  size: StepSize,
  tune: TuneMode,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const trainer = await warmTrainer(gpu, hparamsOf(size), { tune, signal });
    const { plans } = trainer;
    const seconds = Math.min(await timePlans(gpu, plans), await timePlans(gpu, plans));
    trainer.destroy();
    return seconds;
  } catch (error) {
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

function fitAll(points: readonly ScalingPoint[]): Exponent[] {
  const axes: [string, (point: ScalingPoint) => number, readonly (keyof StepSize)[]][] = [
    ["sequence", (point) => point.maxSeqLength, ["batch", "modelSize"]],
    ["batch", (point) => point.batch, ["maxSeqLength", "modelSize"]],
    ["parameters", (point) => point.parameters, ["batch", "maxSeqLength"]],
  ];
  const costs: [string, (point: ScalingPoint) => number | undefined][] = [
    ["bytes", ({ bytes }) => bytes],
    ["bytes of attention", ({ attentionBytes }) => attentionBytes],
    ["operations", ({ flops }) => flops],
    ["seconds", ({ seconds }) => seconds],
  ];
  const exponents: Exponent[] = [];
  for (const [along, size, fixed] of axes) {
    const line = points.filter((point) => fixed.every((key) => point[key] === BASE[key]));
    for (const [of, cost] of costs) {
      const known = line.filter((point) => cost(point) !== undefined);
      const pairs = known.map((point) => [size(point), cost(point)!] as const);
      if (pairs.length < 2) continue;
      exponents.push({ of, along, exponent: fitExponent(pairs), points: pairs.length });
    }
  }
  return exponents;
}

/** The slope of the least-squares line through the logarithms of (size, cost). */
export function fitExponent(pairs: readonly (readonly [number, number])[]): number {
  const logs = pairs.map(([size, cost]) => [Math.log(size), Math.log(cost)]);
  const mean = (i: 0 | 1): number => logs.reduce((sum, log) => sum + log[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const covariance = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return covariance / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}
