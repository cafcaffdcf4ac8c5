/**
 * The Hugging Face layout: `config.json` and `model.safetensors` of ElectraForPreTraining
 * (discriminator) or ElectraForMaskedLM (generator).
 *
 * @module
 */
import { discriminatorConfig, generatorConfig, type PretrainingHparams } from "./config.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import { ModelError } from "../errors.ts";
import { encodeSafeTensors, type SafeTensor } from "../files/safetensors.ts";

/** Which of the two models to export. */
export type ModelPart = "discriminator" | "generator";

/** The `config.json` of one part. */
export function huggingFaceConfig(
  hparams: PretrainingHparams,
  part: ModelPart,
): Record<string, unknown> {
  const config: EncoderConfig = part === "discriminator"
    ? discriminatorConfig(hparams)
    : generatorConfig(hparams);
  return {
    architectures: [part === "discriminator" ? "ElectraForPreTraining" : "ElectraForMaskedLM"],
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
    torch_dtype: "float32",
  };
}

/**
 * The files of an exported part.
 *
 * @param weights a checkpoint's tensors, by their full names.
 * @throws {ModelError} when the checkpoint does not hold that part.
 */
export function exportHuggingFace(
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
): Map<string, Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, SafeTensor>();
  const take = (prefix: string, accept: (name: string) => boolean): void => {
    for (const [name, tensor] of weights) {
      const bare = name.slice(prefix.length);
      if (name.startsWith(prefix) && accept(bare)) tensors.set(bare, tensor);
    }
  };
  if (part === "discriminator") {
    take("discriminator.", () => true);
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
  const head = part === "discriminator"
    ? "discriminator_predictions.dense.weight"
    : "generator_predictions.dense.weight";
  if (!tensors.has(head)) throw new ModelError(`the checkpoint has no ${part}: ${head} is missing`);
  const config = JSON.stringify(huggingFaceConfig(hparams, part), null, 2) + "\n";
  return new Map([
    ["config.json", new TextEncoder().encode(config)],
    ["model.safetensors", encodeSafeTensors({ tensors, metadata: { format: "pt" } })],
  ]);
}
