/**
 * The Hugging Face layout: `config.json` and `model.safetensors` of ElectraForPreTraining
 * (discriminator), ElectraForMaskedLM (generator) or ElectraModel (the discriminator's encoder alone).
 *
 * @module
 */
import { discriminatorConfig, generatorConfig, type PretrainingHparams } from "./config.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import { ModelError } from "../errors.ts";
import { convertTensor, type WeightDType } from "../files/half.ts";
import { encodeSafeTensors, type SafeTensor } from "../files/safetensors.ts";

/** Which part of an ELECTRA to export. */
export type ModelPart = "discriminator" | "generator" | "encoder";

/** The class of each part in transformers. */
const CLASSES: Readonly<Record<ModelPart, string>> = {
  discriminator: "ElectraForPreTraining",
  generator: "ElectraForMaskedLM",
  encoder: "ElectraModel",
};

/** A tensor that tells whether a checkpoint has a part. */
const NEEDED: Readonly<Record<ModelPart, string>> = {
  discriminator: "discriminator_predictions.dense.weight",
  generator: "generator_predictions.dense.weight",
  encoder: "embeddings.word_embeddings.weight",
};

/** How element types are called in `config.json`. */
const TORCH_DTYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/** The `config.json` of one part. */
export function huggingFaceConfig(
  hparams: PretrainingHparams,
  part: ModelPart,
  dtype: WeightDType = "F32",
): Record<string, unknown> {
  const config: EncoderConfig = part === "generator"
    ? generatorConfig(hparams)
    : discriminatorConfig(hparams);
  return {
    architectures: [CLASSES[part]],
    model_type: "electra",
    vocab_size: config.vocabSize,
    embedding_size: config.embeddingSize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    intermediate_size: config.intermediateSize,
    hidden_act: "gelu",
    hidden_dropout_prob: config.hiddenDropout,
    attention_probs_dropout_prob: config.attentionDropout,
    max_position_embeddings: config.maxPositionEmbeddings,
    type_vocab_size: config.typeVocabSize,
    initializer_range: config.initializerRange,
    layer_norm_eps: config.layerNormEpsilon,
    pad_token_id: 0,
    tie_word_embeddings: true,
    summary_type: "first",
    summary_use_proj: true,
    summary_activation: "gelu",
    summary_last_dropout: 0.1,
    torch_dtype: TORCH_DTYPES[dtype],
  };
}

/**
 * The tensors of one part, by their names in its class.
 *
 * @param weights a checkpoint's tensors, by their full names.
 * @throws {ModelError} when the checkpoint does not hold that part.
 */
export function partTensors(
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
): Map<string, SafeTensor> {
  const tensors = new Map<string, SafeTensor>();
  const take = (prefix: string, accept: (name: string) => boolean): void => {
    for (const [name, tensor] of weights) {
      const bare = name.slice(prefix.length);
      if (name.startsWith(prefix) && accept(bare)) tensors.set(bare, tensor);
    }
  };
  if (part === "discriminator") {
    take("discriminator.", () => true);
  } else if (part === "encoder") {
    take("discriminator.electra.", () => true);
  } else {
    // What the generator shares is stored under the discriminator's name; its own tensors win.
    const shared = hparams.untied_generator && hparams.electra_objective
      ? "electra.embeddings."
      : "electra.";
    take("discriminator.", (name) => name.startsWith(shared));
    take("generator.", () => true);
    const table = tensors.get("electra.embeddings.word_embeddings.weight");
    if (table) tensors.set("generator_lm_head.weight", table);
  }
  if (!tensors.has(NEEDED[part])) {
    throw new ModelError(`the checkpoint has no ${part}: ${NEEDED[part]} is missing`);
  }
  return tensors;
}

/**
 * The files of an exported part.
 *
 * @param weights a checkpoint's tensors, by their full names.
 * @param dtype what the floats are stored in.
 * @throws {ModelError} when the checkpoint does not hold that part, or a weight is beyond the range of `dtype`.
 */
export function exportHuggingFace(
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
  dtype: WeightDType = "F32",
): Map<string, Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, SafeTensor>();
  for (const [name, tensor] of partTensors(hparams, weights, part)) {
    tensors.set(name, convertTensor(name, tensor, dtype));
  }
  const config = JSON.stringify(huggingFaceConfig(hparams, part, dtype), null, 2) + "\n";
  return new Map([
    ["config.json", new TextEncoder().encode(config)],
    ["model.safetensors", encodeSafeTensors({ tensors, metadata: { format: "pt" } })],
  ]);
}
