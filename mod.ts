/**
 * Kohaku: ELECTRA for Japanese on WebGPU. The parts that `deno task` is made of.
 *
 * - kernels: {@linkcode Gpu}, launchers such as {@linkcode matmul}, each a {@linkcode KernelProgram};
 * - model: {@linkcode Tape} and {@linkcode Plan}, {@linkcode Electra}, {@linkcode Training};
 * - pipeline: {@linkcode extractDump}, {@linkcode trainSentencePiece}, {@linkcode SentencePieceProcessor},
 *   {@linkcode buildExamples}, {@linkcode ExampleLoader}.
 *
 * @example A matrix product's WGSL
 * ```ts
 * import { matmul } from "./mod.ts";
 *
 * const { launches } = matmul({ m: 512, n: 1024, k: 256, layout: "NT" });
 * console.log(launches[0].wgsl, launches[0].workgroups);
 * ```
 *
 * @module
 */

export * from "./kernels/device.ts";
export * from "./kernels/errors.ts";
export * from "./kernels/launch.ts";
export * from "./kernels/unroll.ts";
export * from "./kernels/timing.ts";
export * from "./kernels/random/random.ts";
export * from "./kernels/matmul/spec.ts";
export * from "./kernels/matmul/variants.ts";
export * from "./kernels/matmul/matmul.ts";
export * from "./kernels/matmul/tune.ts";
export * from "./kernels/attention/attention.ts";
export * from "./kernels/layernorm/layernorm.ts";
export * from "./kernels/softmax/softmax.ts";
export { type RowVariant, rowVariants } from "./kernels/reduce/lanes.ts";
export type { LossScaleState } from "./kernels/loss_scale/loss_scale.ts";
export * from "./kernels/elementwise/elementwise.ts";
export * from "./kernels/embedding/embedding.ts";
export * from "./kernels/gather_rows/gather_rows.ts";
export * from "./kernels/replace_tokens/replace_tokens.ts";
export * from "./kernels/padding/token_blocks.ts";
export * from "./kernels/cross_entropy/cross_entropy.ts";
export * from "./kernels/loss/loss.ts";
export * from "./kernels/loss_scale/loss_scale.ts";
export * from "./kernels/reduce/column_sum.ts";
export * from "./kernels/reduce/global_norm.ts";
export * from "./kernels/adam/adam.ts";
export * from "./kernels/roofline/roofline.ts";
export * from "./kernels/roofline/measure.ts";

export * from "./model/errors.ts";
export * from "./model/rounding.ts";
export * from "./model/autograd/tensor.ts";
export * from "./model/autograd/tape.ts";
export * from "./model/autograd/memory.ts";
export * from "./model/autograd/plan.ts";
export * from "./model/autograd/readback.ts";
export * from "./model/autograd/profile.ts";
export * from "./model/autograd/profile_summary.ts";
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
export * from "./model/training/objective.ts";
export * from "./model/training/optimizer.ts";
export * from "./model/training/recording.ts";
export * from "./model/training/schedule.ts";
export * from "./model/training/state.ts";
export * from "./model/training/step_plan.ts";
export * from "./model/training/step_state.ts";
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
export * from "./model/files/chrome_trace.ts";

export * from "./pipeline/errors.ts";
export * from "./pipeline/text/documents.ts";
export * from "./pipeline/text/encoding.ts";
export * from "./pipeline/text/lines.ts";
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
  type Split,
  SPLIT_PREFIX,
  type SplitTotals,
} from "./pipeline/examples/manifest.ts";
