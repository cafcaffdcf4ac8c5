/**
 * The Hugging Face layout: `config.json` and `model.safetensors` of ElectraForPreTraining
 * (discriminator) or ElectraForMaskedLM (generator).
 *
 * @module
 */
import {
  discriminatorConfig,
  generatorConfig,
  hasOwnGenerator,
  type PretrainingHparams,
} from "./config.ts";
import { Electra } from "./electra.ts";
import { ModelError } from "../errors.ts";
import { ParameterStore } from "../parameters/store.ts";
import { encodeSafeTensors, type SafeTensor } from "../files/safetensors.ts";

/** Which of the two models to export. */
export type ModelPart = "discriminator" | "generator";

/** What an export takes from the tokenizer. */
export interface ExportOptions {
  /** The id of [PAD], whose embedding transformers leaves untrained; null where it is not known. */
  readonly padTokenId: number | null;
}

/** The `config.json` of one part. */
export function huggingFaceConfig(
  hparams: PretrainingHparams,
  part: ModelPart,
  { padTokenId }: ExportOptions,
): Record<string, unknown> {
  const config = part === "discriminator" ? discriminatorConfig(hparams) : generatorConfig(hparams);
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
    pad_token_id: padTokenId,
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
 * @throws {ModelError} when the model has no such part, or listing the tensors that the checkpoint lacks.
 */
export function exportHuggingFace(
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
  options: ExportOptions,
): Map<string, Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, SafeTensor>();
  const faults: string[] = [];
  for (const { bare, name, shape } of tensorsOf(hparams, part)) {
    const tensor = weights.get(name);
    if (!tensor) faults.push(`${name} is missing`);
    else if (tensor.dtype !== "F32" || tensor.shape.join() !== shape.join()) {
      const is = `${tensor.dtype} [${tensor.shape.join("×")}]`;
      faults.push(`${name} is ${is}, not F32 [${shape.join("×")}]`);
    } else tensors.set(bare, tensor);
  }
  if (faults.length > 0) {
    const more = faults.length > 5 ? ` and ${faults.length - 5} more` : "";
    throw new ModelError(
      `the checkpoint does not hold this ${part}: ${faults.slice(0, 5).join("; ")}${more}`,
    );
  }
  if (part === "generator") {
    const table = tensors.get("electra.embeddings.word_embeddings.weight")!;
    tensors.set("generator_lm_head.weight", table);
  }
  const config = JSON.stringify(huggingFaceConfig(hparams, part, options), null, 2) + "\n";
  return new Map([
    ["config.json", new TextEncoder().encode(config)],
    ["model.safetensors", encodeSafeTensors({ tensors, metadata: { format: "pt" } })],
  ]);
}

interface ExportedTensor {
  /** Name in the exported file. */
  readonly bare: string;
  /** Name in the checkpoint. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** The tensors of a part, as the model declares them. */
function tensorsOf(hparams: PretrainingHparams, part: ModelPart): ExportedTensor[] {
  if (part === "discriminator" && !hparams.electra_objective) {
    throw new ModelError("a model of masked-LM alone has no discriminator: use --part generator");
  }
  if (part === "generator" && hparams.uniform_generator) {
    throw new ModelError("a uniform generator has no weights: use --part discriminator");
  }
  // What the generator shares is declared under the discriminator's name.
  const shared = !hasOwnGenerator(hparams)
    ? "discriminator.electra."
    : hparams.untied_generator_embeddings
    ? undefined
    : "discriminator.electra.embeddings.";
  const belongs = (name: string): boolean =>
    name.startsWith(`${part}.`) ||
    (part === "generator" && shared !== undefined && name.startsWith(shared));
  const store = new ParameterStore();
  new Electra(store, hparams);
  return store.parameters.flatMap(({ parts }) => parts)
    .filter(({ name }) => belongs(name))
    .map(({ name, shape }) => ({ bare: name.slice(name.indexOf(".") + 1), name, shape }));
}
