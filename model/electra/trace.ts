/**
 * A trace of one training step: parameters, batch, losses, gradients and updates in one safetensors
 * file, so that any other implementation can compute the step again and compare.
 *
 * @module
 */
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import type { TokenBatch } from "./masking.ts";
import { ADAM } from "../training/optimizer.ts";
import type { StoreKind } from "../parameters/store.ts";
import type { PretrainingTrainer, StepMetrics } from "../training/training.ts";
import { asFloat32, encodeSafeTensors, type SafeTensor, safeTensor } from "../files/safetensors.ts";
import { readStateDict } from "../parameters/state_dict.ts";

/** Runs one training step and encodes everything about it; returns its metrics beside the file. */
export async function traceStep(
  trainer: PretrainingTrainer,
  batch: TokenBatch,
): Promise<{ file: Uint8Array<ArrayBuffer>; metrics: StepMetrics }> {
  const { store, hparams, model, training } = trainer;
  const { sampledIds, corruptedInputIds } = training.outputs;
  if (!sampledIds || !corruptedInputIds || !training.outputs.mlmLoss) {
    throw new ModelError("a trace needs both generator and discriminator");
  }
  const tensors = new Map<string, SafeTensor>();
  const add = async (prefix: string, kind: StoreKind, lossScale = 1): Promise<void> => {
    for (const [name, tensor] of await readStateDict(store, kind)) {
      const data = asFloat32(name, tensor).map((value) => value / lossScale);
      tensors.set(`${prefix}/${name}`, safeTensor(data, tensor.shape));
    }
  };
  await trainer.finish();
  await add("param", "parameters");
  await add("adam_m", "firstMoment");
  await add("adam_v", "secondMoment");

  const { metrics: pending, masked } = await trainer.train(batch);
  const metrics = await pending;
  await add("grad", "gradients", metrics.lossScale);
  await add("after", "parameters");

  const B = hparams.train_batch_size, S = hparams.max_seq_length;
  const M = hparams.max_predictions_per_seq;
  const integers = (name: string, data: ArrayLike<number>, shape: number[]): void => {
    tensors.set(`batch/${name}`, safeTensor(Int32Array.from(data), shape));
  };
  const read = async (tensor: Tensor): Promise<Int32Array> =>
    new Int32Array(await trainer.read(training, tensor));
  integers("input_ids", batch.inputIds, [B, S]);
  integers("attention_mask", batch.attentionMask, [B, S]);
  integers("token_type_ids", batch.tokenTypeIds, [B, S]);
  integers("masked_input_ids", masked.maskedInputIds, [B, S]);
  integers("masked_positions", masked.maskedPositions, [B, M]);
  integers("masked_ids", masked.maskedIds, [B, M]);
  tensors.set("batch/masked_weights", safeTensor(masked.maskedWeights, [B, M]));
  integers("sampled_ids", await read(sampledIds), [B, M]);
  integers("corrupted_input_ids", await read(corruptedInputIds), [B, S]);

  const scalar = (name: string, value: number): void => {
    tensors.set(name, safeTensor(Float32Array.of(value), []));
  };
  scalar("loss/mlm", metrics.mlmLoss);
  scalar("loss/disc", metrics.discLoss);
  scalar("loss/total", metrics.totalLoss);
  scalar("grad_norm", metrics.gradientNorm);
  scalar("lr", metrics.learningRate);
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
