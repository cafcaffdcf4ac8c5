/**
 * What a step did to the parameters: their values before and after, gradients and moments, so that any other
 * implementation can compute the step again and compare.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { asFloat32, type SafeTensor, safeTensor } from "../files/safetensors.ts";
import { readStateDict } from "../parameters/state_dict.ts";
import type { StoreKind } from "../parameters/store.ts";
import type { AnyObjective, BatchOf, PreparedBatch } from "./objective.ts";
import type { StepMetrics, Training } from "./training.ts";

/** A traced step; an objective adds its batch and its losses. */
export interface TracedStep {
  /** param/…, adam_m/…, adam_v/… before the step, grad/… and after/… behind it, and its norm and rate. */
  readonly tensors: Map<string, SafeTensor>;
  /** Its metrics. */
  readonly metrics: StepMetrics;
  /** What was written for the batch. */
  readonly prepared: PreparedBatch;
}

/**
 * Runs one training step and reads everything about its parameters.
 *
 * @throws {ModelError} when batches are taken in parts, whose gradients no single step shows.
 */
export async function traceUpdate<O extends AnyObjective>(
  training: Training<O>,
  batch: BatchOf<O>,
): Promise<TracedStep> {
  const { store, optimizer } = training;
  const tensors = new Map<string, SafeTensor>();
  const add = async (prefix: string, kind: StoreKind, lossScale = 1): Promise<void> => {
    for (const [name, tensor] of await readStateDict(store, kind)) {
      const data = asFloat32(name, tensor).map((value) => value / lossScale);
      tensors.set(`${prefix}/${name}`, safeTensor(data, tensor.shape));
    }
  };
  await training.finish();
  await add("param", "parameters");
  for (const moment of optimizer.moments) await add(moment, moment);
  const { metrics: pending, prepared } = await training.train(batch);
  const metrics = await pending;
  if (training.plans.length > 2) {
    throw new ModelError("a trace needs batches in one part: gradient_accumulation_steps = 1");
  }
  await add("grad", "gradients", metrics.lossScale);
  await add("after", "parameters");
  tensors.set("grad_norm", safeTensor(Float32Array.of(metrics.gradientNorm), []));
  tensors.set("lr", safeTensor(Float32Array.of(metrics.learningRate), []));
  return { tensors, metrics, prepared };
}
