/**
 * A trace of one step of fine-tuning: parameters, batch, loss, gradients and updates in one safetensors file, so that
 * any other implementation can compute the step again and compare.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { encodeSafeTensors, type SafeTensor, safeTensor } from "../files/safetensors.ts";
import { ADAM } from "../training/optimizer.ts";
import { traceUpdate } from "../training/trace.ts";
import type { StepMetrics, Training } from "../training/training.ts";
import type { HeadKind } from "./head.ts";
import type { FinetuningBatch, FinetuningObjective } from "./objective.ts";

/** Settings that the trace names, since no tensor shows them. */
export interface TraceSettings {
  /** Decay of the rate from layer to layer; 0 for none. */
  readonly layerwiseDecay: number;
  /** Decay of weights. */
  readonly weightDecay: number;
}

/**
 * Runs one step and encodes everything about it; returns its metrics beside the file.
 *
 * @throws {ModelError} for a batch without labels, or one that is taken in parts.
 */
export async function traceFinetuning(
  training: Training<FinetuningObjective>,
  batch: FinetuningBatch,
  { layerwiseDecay, weightDecay }: TraceSettings,
): Promise<{ file: Uint8Array<ArrayBuffer>; metrics: StepMetrics }> {
  const { encoder } = training.objective;
  const kind = training.objective.kindOf(batch.task);
  if (!batch.labels) throw new ModelError("a trace needs a batch with labels");
  const { tensors, metrics } = await traceUpdate(training, batch);
  const tokens = [batch.batch, batch.sequence];
  const integers = (name: string, data: ArrayLike<number>, shape: number[]): void => {
    tensors.set(`batch/${name}`, safeTensor(Int32Array.from(data), shape));
  };
  integers("input_ids", batch.inputIds, tokens);
  integers("attention_mask", batch.attentionMask, tokens);
  integers("token_type_ids", batch.tokenTypeIds, tokens);
  for (const [name, tensor] of labelTensors(kind, batch, batch.labels)) {
    tensors.set(`batch/${name}`, tensor);
  }
  tensors.set("loss", safeTensor(Float32Array.of(metrics.losses.loss), []));
  const config = {
    task: kind,
    num_hidden_layers: encoder.numHiddenLayers,
    num_attention_heads: encoder.numAttentionHeads,
    layer_norm_eps: encoder.layerNormEpsilon,
    hidden_act: "gelu",
    layerwise_lr_decay: layerwiseDecay,
    weight_decay_rate: weightDecay,
    adam_beta1: ADAM.beta1,
    adam_beta2: ADAM.beta2,
    adam_epsilon: ADAM.epsilon,
    clip_norm: ADAM.clipNorm,
  };
  const metadata = { config: JSON.stringify(config) };
  return { file: encodeSafeTensors({ tensors, metadata }), metrics };
}

/** Labels under the names and in the shapes of transformers. */
function labelTensors(
  kind: HeadKind,
  { batch, sequence }: FinetuningBatch,
  labels: ArrayLike<number>,
): [string, SafeTensor][] {
  if (kind === "regression") return [["labels", safeTensor(Float32Array.from(labels), [batch])]];
  const integers = Int32Array.from(labels);
  if (kind === "question_answering") {
    const side = (which: number): SafeTensor =>
      safeTensor(integers.filter((_, i) => i % 2 === which), [batch]);
    return [["start_positions", side(0)], ["end_positions", side(1)]];
  }
  const shape = kind === "token_classification" ? [batch, sequence] : [integers.length];
  return [["labels", safeTensor(integers, shape)]];
}
