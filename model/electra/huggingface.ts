/**
 * The Hugging Face layout: `config.json` and `model.safetensors` of ElectraForPreTraining
 * (discriminator), ElectraForMaskedLM (generator) or ElectraModel (the discriminator's encoder alone).
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
import { convertTensor, type WeightDType } from "../files/half.ts";
import { ParameterStore } from "../parameters/store.ts";
import { encodeSafeTensors, type SafeTensor } from "../files/safetensors.ts";

/** Which part of an ELECTRA to export. */
export type ModelPart = "discriminator" | "generator" | "encoder";

/** The class of each part in transformers. */
const CLASSES: Readonly<Record<ModelPart, string>> = {
  discriminator: "ElectraForPreTraining",
  generator: "ElectraForMaskedLM",
  encoder: "ElectraModel",
};

/** How element types are called in `config.json`. */
const TORCH_DTYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/** What an export takes beside the weights. */
export interface ExportOptions {
  /** The id of [PAD], whose embedding transformers leaves untrained; null where it is not known. */
  readonly padTokenId: number | null;
  /** What the floats are stored in; F32 by default. */
  readonly dtype?: WeightDType;
}

/** The `config.json` of one part. */
export function huggingFaceConfig(
  hparams: PretrainingHparams,
  part: ModelPart,
  { padTokenId, dtype = "F32" }: ExportOptions,
): Record<string, unknown> {
  const config = part === "generator" ? generatorConfig(hparams) : discriminatorConfig(hparams);
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
    pad_token_id: padTokenId,
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
 * @throws {ModelError} when the model has no such part, or listing the tensors that the checkpoint lacks.
 */
export function partTensors(
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
): Map<string, SafeTensor> {
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
  return tensors;
}

/**
 * The files of an exported part.
 *
 * @param weights a checkpoint's tensors, by their full names.
 * @throws {ModelError} when the model has no such part, the checkpoint lacks tensors, which are listed, or a
 *   weight is beyond the range of the element type.
 */
export function exportHuggingFace(
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
  options: ExportOptions,
): Map<string, Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, SafeTensor>();
  for (const [name, tensor] of partTensors(hparams, weights, part)) {
    tensors.set(name, convertTensor(name, tensor, options.dtype ?? "F32"));
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
  const own = part === "encoder" ? "discriminator.electra." : `${part}.`;
  const belongs = (name: string): boolean =>
    name.startsWith(own) ||
    (part === "generator" && shared !== undefined && name.startsWith(shared));
  const store = new ParameterStore();
  new Electra(store, hparams);
  return store.parameters.flatMap(({ parts }) => parts)
    .filter(({ name }) => belongs(name))
    .map(({ name, shape }) => ({
      bare: part === "encoder" ? name.slice(own.length) : name.slice(name.indexOf(".") + 1),
      name,
      shape,
    }));
}
