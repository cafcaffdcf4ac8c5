/**
 * All kernels by name, for people: what the numbers of a shape mean, what a training step of ELECTRA-small
 * asks for (batch 8, sequence 128), and which variants there are.
 */

import { adam } from "../../kernels/adam/adam.ts";
import {
  attentionBackward,
  attentionForward,
  type AttentionVariant,
  attentionVariants,
} from "../../kernels/attention/attention.ts";
import {
  crossEntropyChunk,
  crossEntropyChunkBackward,
  crossEntropyFinish,
} from "../../kernels/cross_entropy/cross_entropy.ts";
import { add, cast, dropout, fill, multiply } from "../../kernels/elementwise/elementwise.ts";
import { weightAverage } from "../../kernels/weight_average/weight_average.ts";
import type { SubgroupMatrix } from "../../kernels/device.ts";
import {
  embeddingForward,
  embeddingPositionBackward,
  embeddingTypeBackward,
  embeddingWordBackward,
} from "../../kernels/embedding/embedding.ts";
import { gatherRows, gatherRowsBackward } from "../../kernels/gather_rows/gather_rows.ts";
import type { KernelProgram } from "../../kernels/launch.ts";
import { layerNormBackward, layerNormForward } from "../../kernels/layernorm/layernorm.ts";
import {
  sigmoidCrossEntropyBackward,
  sigmoidCrossEntropyForward,
  weightedSum,
} from "../../kernels/loss/loss.ts";
import { tokenBlocks } from "../../kernels/padding/token_blocks.ts";
import { lossScale } from "../../kernels/loss_scale/loss_scale.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulLayout } from "../../kernels/matmul/spec.ts";
import { type MatmulVariant, matmulVariants } from "../../kernels/matmul/variants.ts";
import { type RowVariant, rowVariants } from "../../kernels/reduce/lanes.ts";
import { columnSum } from "../../kernels/reduce/column_sum.ts";
import { squaredNorm } from "../../kernels/reduce/global_norm.ts";
import { replaceTokens } from "../../kernels/replace_tokens/replace_tokens.ts";
import {
  rmsNormBackward,
  rmsNormForward,
  rmsNormWeightGradient,
} from "../../kernels/rms_norm/rms_norm.ts";
import { copy, peakFma } from "../../kernels/roofline/roofline.ts";
import { softmaxBackward, softmaxForward } from "../../kernels/softmax/softmax.ts";

/** What a person may choose beside the shape. */
export interface KernelChoices {
  /** Least subgroup size of the device; 0 without. */
  readonly subgroupSize: number;
  /** Subgroup matrices of the device; none by default. */
  readonly subgroupMatrices?: readonly SubgroupMatrix[];
  /** How activations are stored; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** One of the kernel's variants; its own choice where left out. */
  readonly variant?: string;
  /** How a product's operands are stored. */
  readonly layout: MatmulLayout;
  /** Dropout rate, where the kernel drops. */
  readonly dropout: number;
}

/** One kernel. */
export interface RegisteredKernel {
  /** What it is called on the command line. */
  readonly name: string;
  /** What the numbers of `--shape` mean, in order, with those of ELECTRA-small. */
  readonly shape: Readonly<Record<string, number>>;
  /** Variants that `--variant` may name. */
  readonly variants?: readonly string[];
  /** Whether `--layout` matters. */
  readonly layouts?: boolean;
  /** Whether `--dropout` matters. */
  readonly drops?: boolean;
  /** Whether `--precision` matters. */
  readonly halves?: boolean;
  /** The program of a shape with the numbers that `shape` names. */
  readonly launch: (
    shape: Readonly<Record<string, number>>,
    choices: KernelChoices,
  ) => KernelProgram;
}

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, clipNorm: 1 };
const LAYER_NORM = { epsilon: 1e-12 };
const TOKENS = 1024, VOCABULARY = 32_000, PICKS = 19;

/** An entry whose launcher takes exactly the numbers that its shape names. */
function entry<Name extends string>(
  kernel: Omit<RegisteredKernel, "shape" | "launch"> & {
    readonly shape: Readonly<Record<Name, number>>;
    readonly launch: (shape: Record<Name, number>, choices: KernelChoices) => KernelProgram;
  },
): RegisteredKernel {
  const { launch } = kernel;
  return { ...kernel, launch: (shape, choices) => launch(shape as Record<Name, number>, choices) };
}

/** An entry whose shape is all that there is to choose. */
function plain<Name extends string>(
  name: string,
  shape: Readonly<Record<Name, number>>,
  launch: (shape: Record<Name, number>) => KernelProgram,
): RegisteredKernel {
  return entry({ name, shape, launch: (numbers: Record<Name, number>) => launch(numbers) });
}

const ATTENTION = { batch: 8, heads: 4, sequence: 128, headSize: 64 };
const ROWS = { rows: TOKENS, columns: 256 };
const GATHER = { batch: 8, sequence: 128, picks: PICKS, columns: 64 };
const EMBEDDING = { batch: 8, sequence: 128, columns: 128 };
const CHUNK = { rows: 8 * PICKS, vocabulary: VOCABULARY };
const ELEMENTS = { elements: TOKENS * 256 };
const FLAT = { elements: 14_386_944 };

/** All kernels, in the order in which a step meets them. */
export const KERNELS: readonly RegisteredKernel[] = [
  entry({
    name: "matmul",
    shape: { m: TOKENS, n: 1024, k: 256 },
    variants: Object.keys(matmulVariants),
    layouts: true,
    halves: true,
    launch: (shape, { variant, dropout: _, ...choices }) =>
      matmul({ ...shape, ...choices }, variant as MatmulVariant | undefined),
  }),
  entry({
    name: "attention",
    shape: ATTENTION,
    variants: attentionVariants,
    drops: true,
    halves: true,
    launch: (shape, { dropout, storage, subgroupSize, variant }) =>
      attentionForward(
        { ...shape, dropout, storage, subgroupSize },
        variant as AttentionVariant | undefined,
      ),
  }),
  entry({
    name: "attention_backward",
    shape: ATTENTION,
    variants: attentionVariants,
    drops: true,
    halves: true,
    launch: (shape, { dropout, storage, subgroupSize, variant }) =>
      attentionBackward(
        { ...shape, dropout, storage, subgroupSize },
        variant as AttentionVariant | undefined,
      ),
  }),
  entry({
    name: "layernorm",
    shape: ROWS,
    variants: rowVariants,
    drops: true,
    halves: true,
    launch: (shape, { dropout, storage, subgroupSize, variant }) =>
      layerNormForward(
        { ...shape, ...LAYER_NORM, residual: true, dropout, storage, subgroupSize },
        variant as RowVariant | undefined,
      ),
  }),
  entry({
    name: "layernorm_backward",
    shape: ROWS,
    variants: rowVariants,
    drops: true,
    halves: true,
    launch: (shape, { dropout, storage, subgroupSize, variant }) =>
      layerNormBackward(
        { ...shape, ...LAYER_NORM, residual: true, dropout, storage, subgroupSize },
        variant as RowVariant | undefined,
      ),
  }),
  entry({
    name: "softmax",
    shape: ROWS,
    variants: rowVariants,
    halves: true,
    launch: (shape, { storage, subgroupSize, variant }) =>
      softmaxForward({ ...shape, storage, subgroupSize }, variant as RowVariant | undefined),
  }),
  entry({
    name: "softmax_backward",
    shape: ROWS,
    variants: rowVariants,
    halves: true,
    launch: (shape, { storage, subgroupSize, variant }) =>
      softmaxBackward({ ...shape, storage, subgroupSize }, variant as RowVariant | undefined),
  }),
  plain(
    "embedding",
    { ...EMBEDDING, vocabulary: VOCABULARY, positions: 512, types: 2 },
    (s) => embeddingForward(s),
  ),
  plain(
    "embedding_word_backward",
    { tokens: TOKENS, columns: 128, vocabulary: VOCABULARY },
    embeddingWordBackward,
  ),
  plain(
    "embedding_position_backward",
    { ...EMBEDDING, positions: 512 },
    embeddingPositionBackward,
  ),
  plain(
    "embedding_type_backward",
    { tokens: TOKENS, columns: 128, types: 2 },
    embeddingTypeBackward,
  ),
  plain("gather_rows", GATHER, gatherRows),
  plain("gather_rows_backward", GATHER, gatherRowsBackward),
  plain("replace_tokens", { batch: 8, sequence: 128, picks: PICKS }, replaceTokens),
  plain("cross_entropy", CHUNK, ({ rows, vocabulary }) =>
    crossEntropyChunk({
      rows,
      vocabulary,
      chunkStart: 0,
      chunkColumns: vocabulary,
      first: true,
      sample: true,
      temperature: 1,
      disallowCorrect: false,
      stream: 1,
    })),
  plain("cross_entropy_finish", { rows: 8 * PICKS }, crossEntropyFinish),
  plain("cross_entropy_backward", CHUNK, ({ rows, vocabulary }) =>
    crossEntropyChunkBackward({
      rows,
      chunkStart: 0,
      chunkColumns: vocabulary,
      gradientScale: 1,
    })),
  plain("sigmoid_cross_entropy", { elements: TOKENS }, sigmoidCrossEntropyForward),
  plain(
    "sigmoid_cross_entropy_backward",
    { elements: TOKENS },
    ({ elements }) => sigmoidCrossEntropyBackward({ elements, gradientScale: 50 }),
  ),
  plain(
    "weighted_sum",
    { elements: TOKENS },
    weightedSum,
  ),
  plain("token_blocks", { tokens: TOKENS }, tokenBlocks),
  plain("loss_scale", { growthInterval: 1000 }, lossScale),
  plain("cast", ELEMENTS, ({ elements }) => cast({ elements, from: "f16" })),
  plain("add", ELEMENTS, add),
  plain("multiply", ELEMENTS, multiply),
  plain("fill", ELEMENTS, ({ elements }) => fill({ elements, value: 0 })),
  entry({
    name: "dropout",
    shape: ELEMENTS,
    drops: true,
    launch: ({ elements }, choices) => dropout({ elements, rate: choices.dropout, stream: 1 }),
  }),
  entry({
    name: "column_sum",
    shape: ROWS,
    halves: true,
    launch: (shape, { storage, subgroupSize }) => columnSum({ ...shape, storage, subgroupSize }),
  }),
  entry({
    name: "rms_norm",
    shape: ROWS,
    halves: true,
    launch: (shape, { storage }) => rmsNormForward({ ...shape, epsilon: 1e-6, storage }),
  }),
  entry({
    name: "rms_norm_backward",
    shape: ROWS,
    halves: true,
    launch: (shape, { storage }) => rmsNormBackward({ ...shape, storage }),
  }),
  entry({
    name: "rms_norm_weight_gradient",
    shape: ROWS,
    halves: true,
    launch: (shape, choices) => rmsNormWeightGradient({ ...shape, ...choices }),
  }),
  plain("squared_norm", FLAT, squaredNorm),
  plain("weight_average", FLAT, ({ elements }) => weightAverage({ elements, decay: 0.9999 })),
  plain("adam", FLAT, ({ elements }) => adam({ elements, ...ADAM })),
  plain("peak_fma", { workgroups: 4096, steps: 256 }, peakFma),
  plain("copy", { elements: 1 << 24 }, copy),
];
