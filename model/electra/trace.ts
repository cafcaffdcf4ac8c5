/**
 * A trace of one training step: parameters, batch, losses, gradients and updates in one safetensors
 * file, so that any other implementation can compute the step again and compare.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import { encodeSafeTensors, safeTensor } from "../files/safetensors.ts";
import { ADAM } from "../training/optimizer.ts";
import { traceUpdate } from "../training/trace.ts";
import type { StepMetrics } from "../training/training.ts";
import type { TokenBatch } from "./masking.ts";
import type { Pretraining } from "./pretraining.ts";

/**
 * Runs one training step and encodes everything about it; returns its metrics beside the file.
 *
 * @throws {ModelError} when the model has not both halves, or takes its batches in parts.
 */
export async function traceStep(
  training: Pretraining,
  batch: TokenBatch,
): Promise<{ file: Uint8Array<ArrayBuffer>; metrics: StepMetrics }> {
  const { objective: { hparams, model } } = training;
  if (!model.generator || !model.discriminator) {
    throw new ModelError("a trace needs both generator and discriminator");
  }
  const { tensors, metrics, prepared } = await traceUpdate(training, batch);

  const { batch: B, sequence: S } = prepared.shape;
  const M = hparams.max_predictions_per_seq;
  const { maskedInputIds, maskedPositions, maskedIds, maskedWeights } = prepared.inputs;
  const { sampledIds, corruptedInputIds } = await training.readOutputs();
  const integers = (name: string, data: ArrayLike<number>, shape: number[]): void => {
    tensors.set(`batch/${name}`, safeTensor(Int32Array.from(data), shape));
  };
  integers("input_ids", batch.inputIds, [B, S]);
  integers("attention_mask", batch.attentionMask, [B, S]);
  integers("token_type_ids", batch.tokenTypeIds, [B, S]);
  integers("masked_input_ids", maskedInputIds, [B, S]);
  integers("masked_positions", maskedPositions, [B, M]);
  integers("masked_ids", maskedIds, [B, M]);
  tensors.set("batch/masked_weights", safeTensor(Float32Array.from(maskedWeights), [B, M]));
  integers("sampled_ids", sampledIds, [B, M]);
  integers("corrupted_input_ids", corruptedInputIds, [B, S]);

  const scalar = (name: string, value: number): void => {
    tensors.set(name, safeTensor(Float32Array.of(value), []));
  };
  scalar("loss/mlm", metrics.losses.masked_lm);
  scalar("loss/disc", metrics.losses.disc);
  scalar("loss/total", metrics.totalLoss);
  tensors.set("step", safeTensor(Int32Array.of(metrics.step), []));

  const disc = model.discriminatorConfig, gen = model.generatorConfig;
  const config = {
    vocab_size: disc.vocabSize,
    embedding_size: disc.embeddingSize,
    hidden_size: disc.hiddenSize,
    num_hidden_layers: disc.numHiddenLayers,
    num_attention_heads: disc.numAttentionHeads,
    intermediate_size: disc.intermediateSize,
    generator_hidden_size: gen.hiddenSize,
    generator_num_hidden_layers: gen.numHiddenLayers,
    generator_num_attention_heads: gen.numAttentionHeads,
    generator_intermediate_size: gen.intermediateSize,
    max_position_embeddings: disc.maxPositionEmbeddings,
    type_vocab_size: disc.typeVocabSize,
    layer_norm_eps: disc.layerNormEpsilon,
    gen_weight: hparams.gen_weight,
    disc_weight: hparams.disc_weight,
    weight_decay_rate: hparams.weight_decay_rate,
    adam_beta1: ADAM.beta1,
    adam_beta2: ADAM.beta2,
    adam_epsilon: ADAM.epsilon,
    clip_norm: ADAM.clipNorm,
    hidden_act: "gelu",
  };
  const metadata = { config: JSON.stringify(config) };
  return { file: encodeSafeTensors({ tensors, metadata }), metrics };
}
