/**
 * Kohaku: ELECTRA for Japanese on WebGPU. The parts that `deno task` is made of:
 *
 * - {@linkcode Gpu}: the adapter and device that all computes on;
 * - {@linkcode Training}: trains the parameters of any {@linkcode Objective}, with {@linkcode runLoop} for when to
 *   log, evaluate and save; {@linkcode ElectraObjective} and {@linkcode MaskedLanguageModel} are two;
 * - {@linkcode Electra}, the encoder ({@linkcode encode}) that it is made of, and {@linkcode Predictor};
 * - the data: {@linkcode extractDump}, {@linkcode trainSentencePiece}, {@linkcode SentencePieceProcessor},
 *   {@linkcode buildExamples}, {@linkcode ExampleLoader}.
 *
 * The kernels are in `./kernels`, the tape and its plans in `./autograd`.
 *
 * @example An encoder with an objective of one's own
 * ```sh
 * deno run --allow-read --allow-env examples/toy_objective.ts
 * ```
 *
 * @module
 */

export {
  type AdapterPreference,
  type CompileStatistics,
  type DeviceFeatures,
  Gpu,
  type SubgroupMatrix,
} from "./kernels/device.ts";
export * from "./kernels/errors.ts";
export * from "./kernels/random/random.ts";

export * from "./model/errors.ts";
export type { Arena } from "./model/autograd/arena.ts";
export type { HostArray } from "./model/autograd/plan.ts";
export { type MatmulChooser, type Phase, Tape, type WeightedLoss } from "./model/autograd/tape.ts";
export { Tensor, type TensorRole } from "./model/autograd/tensor.ts";
export * from "./model/rounding.ts";
export * from "./model/parameters/store.ts";
export * from "./model/parameters/initialize.ts";
export * from "./model/parameters/state_dict.ts";
export * from "./model/ops/linear.ts";
export * from "./model/ops/padding.ts";
export * from "./model/ops/layernorm.ts";
export * from "./model/ops/rms_norm.ts";
export { attention as attentionOperation, type AttentionOptions } from "./model/ops/attention.ts";
export { dropout as dropoutOperation, embed, type EmbeddingTables } from "./model/ops/embedding.ts";
export * from "./model/ops/vocabulary_cross_entropy.ts";
export * from "./model/ops/sigmoid_cross_entropy.ts";
export * from "./model/transformer/config.ts";
export * from "./model/transformer/weights.ts";
export * from "./model/transformer/encoder.ts";
export * from "./model/training/loop.ts";
export * from "./model/training/objective.ts";
export * from "./model/training/optimizer.ts";
export * from "./model/training/recording.ts";
export * from "./model/training/schedule.ts";
export * from "./model/training/state.ts";
export * from "./model/training/step_plan.ts";
export * from "./model/training/step_state.ts";
export * from "./model/training/inference.ts";
export * from "./model/training/training.ts";
export * from "./model/electra/batch.ts";
export * from "./model/electra/config.ts";
export * from "./model/hparam_rules.ts";
export * from "./model/electra/electra.ts";
export * from "./model/electra/evaluation.ts";
export * from "./model/electra/heads.ts";
export * from "./model/electra/huggingface.ts";
export * from "./model/electra/masked_lm.ts";
export * from "./model/electra/masking.ts";
export * from "./model/electra/inputs.ts";
export * from "./model/electra/objective.ts";
export * from "./model/electra/predictor.ts";
export * from "./model/electra/pretraining.ts";
export * from "./model/electra/resume.ts";
export * from "./model/electra/trace.ts";
export * from "./model/files/safetensors.ts";
export * from "./model/files/half.ts";
export * from "./model/files/onnx/graph.ts";
export * from "./model/files/onnx/quantize.ts";
export * from "./model/files/tensorflow/table.ts";
export * from "./model/files/tensorflow/bundle.ts";
export * from "./model/electra/onnx.ts";
export * from "./model/electra/tensorflow.ts";
export * from "./model/electra/import.ts";
export * from "./model/files/checkpoint.ts";

export * from "./pipeline/errors.ts";
export * from "./pipeline/text/documents.ts";
export * from "./pipeline/text/encoding.ts";
export * from "./pipeline/text/lines.ts";
export * from "./pipeline/text/sources.ts";
export * from "./pipeline/text/sentences.ts";
export * from "./pipeline/text/deduplicate.ts";
export * from "./pipeline/wiki/clean.ts";
export {
  addCounts,
  type BadPage,
  type LossyPage,
  noCounts,
  type PageCounts,
} from "./pipeline/wiki/counts.ts";
export * from "./pipeline/wiki/extract.ts";
export * from "./pipeline/wiki/filter.ts";
export * from "./pipeline/wiki/leftovers.ts";
export {
  commonest,
  countHeadings,
  countHoles,
  type DroppedTemplate,
  droppedTemplates,
  type Losses,
  noLosses,
} from "./pipeline/wiki/losses.ts";
export {
  type Deduplicate,
  type ExtractedFile,
  type ExtractManifest,
  readExtractManifest,
} from "./pipeline/wiki/manifest.ts";
export * from "./pipeline/wiki/pages.ts";
export type { Duplicates, ExtractRecipe } from "./pipeline/wiki/parts.ts";
export * from "./pipeline/wiki/steps.ts";
export * from "./pipeline/wiki/template_library.ts";
export * from "./pipeline/sentencepiece/mod.ts";
export * from "./pipeline/tokenizers/tokenizer_json.ts";
export * from "./pipeline/tokenizers/from_tokenizer_json.ts";
export * from "./pipeline/examples/build.ts";
export * from "./pipeline/examples/loader.ts";
export {
  type BuildRecipe,
  LENGTH_BINS,
  type Manifest,
  MANIFEST_NAME,
  type ManifestFile,
  readManifest,
  shardName,
  type SourceTotals,
  type Split,
  SPLIT_PREFIX,
  type SplitTotals,
} from "./pipeline/examples/manifest.ts";
