/**
 * The kernels by themselves: launchers turn shapes into a {@linkcode KernelProgram}, exact WGSL with its bindings,
 * grid and cost; {@linkcode Gpu} compiles them. No notion of a model.
 *
 * @example A matrix product's WGSL
 * ```ts
 * import { matmul } from "@kohaku/kohaku/kernels";
 *
 * const { launches } = matmul({ m: 512, n: 1024, k: 256, layout: "NT" });
 * console.log(launches[0].wgsl, launches[0].workgroups);
 * ```
 *
 * @module
 */

export * from "./device.ts";
export * from "./quirks.ts";
export * from "./errors.ts";
export * from "./launch.ts";
export * from "./unroll.ts";
export * from "./timing.ts";
export * from "./random/random.ts";
export * from "./matmul/spec.ts";
export * from "./matmul/variants.ts";
export * from "./matmul/matmul.ts";
export * from "./matmul/tune.ts";
export * from "./attention/attention.ts";
export * from "./layernorm/layernorm.ts";
export * from "./rms_norm/rms_norm.ts";
export * from "./softmax/softmax.ts";
export { type RowVariant, rowVariants } from "./reduce/lanes.ts";
export type { LossScaleState } from "./loss_scale/loss_scale.ts";
export * from "./elementwise/elementwise.ts";
export * from "./embedding/embedding.ts";
export * from "./gather_rows/gather_rows.ts";
export * from "./replace_tokens/replace_tokens.ts";
export * from "./padding/token_blocks.ts";
export * from "./cross_entropy/cross_entropy.ts";
export * from "./loss/loss.ts";
export * from "./loss_scale/loss_scale.ts";
export * from "./reduce/column_sum.ts";
export * from "./reduce/global_norm.ts";
export * from "./adam/adam.ts";
export * from "./roofline/roofline.ts";
export * from "./roofline/measure.ts";
