/**
 * Multi-head self-attention that never stores the matrix of scores: forward keeps the log-sum-exp of each
 * row, backward makes the probabilities again (Dao et al., "FlashAttention", 2022).
 *
 * @module
 */
import { KernelError } from "../errors.ts";
import {
  type KernelLaunch,
  type KernelProgram,
  launchOf,
  requireDimensions,
  type Scratch,
  spreadWorkgroups,
} from "../launch.ts";
import { dropoutThreshold, randomLibrary } from "../random/random.ts";
import commonSource from "./attention_common.wgsl" with { type: "text" };
import forwardSource from "./attention_forward.wgsl" with { type: "text" };
import forwardSubgroupSource from "./attention_forward_subgroup.wgsl" with { type: "text" };
import gradientCommonSource from "./attention_gradient_common.wgsl" with { type: "text" };
import gradientSubgroupSource from "./attention_gradient_subgroup.wgsl" with { type: "text" };
import keySource from "./attention_key_gradient.wgsl" with { type: "text" };
import projectionSource from "./attention_projection.wgsl" with { type: "text" };
import querySource from "./attention_query_gradient.wgsl" with { type: "text" };
import subgroupSource from "./attention_subgroup.wgsl" with { type: "text" };
import tileSource from "./attention_tile.wgsl" with { type: "text" };

/** Shape of an attention. */
export interface AttentionSpec {
  /** Sequences. */
  readonly batch: number;
  /** Heads. */
  readonly heads: number;
  /** Tokens in a sequence. */
  readonly sequence: number;
  /** Columns of one head. */
  readonly headSize: number;
  /** Dropout rate of the probabilities; 0 by default. */
  readonly dropout?: number;
  /** Random stream of the dropout. */
  readonly stream?: number;
  /** Storage of qkv, context and their gradients; f32 by default. */
  readonly storage?: "f32" | "f16";
  /**
   * Whether blocks of padded tokens are skipped; true by default. Skipping padded keys changes no bit, unless
   * scores reach the thousands. Skipping padded queries, in the backward pass, takes the gradient of their
   * context as 0, which it is where no loss looks at padding.
   */
  readonly skipPadding?: boolean;
  /** The least subgroup size of the device, where it has subgroup operations and they may be used. */
  readonly subgroupSize?: number;
}

/**
 * Ways to compute it: `tile` multiplies tiles that a workgroup stages in its memory and does any shape;
 * `subgroup` is for narrow subgroups, whose lanes load rows together.
 */
export const attentionVariants = ["tile", "subgroup"] as const;

/** Names of the variants. */
export type AttentionVariant = typeof attentionVariants[number];

/** Bytes of workgroup memory that every device has. */
const WORKGROUP_BYTES = 16_384;

/** Columns of a tile's scores; known to attention_tile.wgsl. */
const TILE_COLUMNS = 32;

/** Head size up to which an invocation may hold two quads of rows. */
const MOST_FOR_TWO_QUADS = 64;

/** Lanes of subgroups on the GPUs that let an invocation have far more than 128 registers: NVIDIA's and RDNA. */
const LANES_WITH_MANY_REGISTERS = 32;

/** Head size up to which rows may lie across the lanes of a narrow subgroup, given their registers. */
const MOST_ACROSS = 128;

/**
 * context = softmax(q·kᵀ/√headSize + mask)·v for each head; padded keys get −10000 on their score, so that
 * they count for nothing wherever their sequence has a real one.
 *
 * The dropout of (row, key) takes lane key % 4 of block row · ⌈sequence / 4⌉ + key / 4, row =
 * (b · heads + h) · sequence + query.
 *
 * Bindings: qkv [batch·sequence, 3·heads·headSize]; attentionMask u32 [batch, sequence]; [stepState];
 * context [batch·sequence, heads·headSize]; logSumExp f32 [batch, heads, sequence].
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function attentionForward(spec: AttentionSpec, variant?: AttentionVariant): KernelProgram {
  const chosen = choose(spec, variant);
  const kernel = "attention", flopsPerProduct = 4;
  if (chosen === "tile") {
    const sources = [commonSource, tileSource, forwardSource];
    const shape = tileShape(spec, queryQuads(spec));
    return programOf(build(spec, { kernel, sources, flopsPerProduct, ...shape }));
  }
  const { share, vectors, ...constants } = subgroupShape(spec);
  return programOf(build(spec, {
    kernel,
    sources: [commonSource, subgroupSource, forwardSubgroupSource],
    flopsPerProduct,
    rows: vectors * share,
    constants: { ...constants, GROUPS: vectors },
    enables: ["subgroups"],
  }));
}

/**
 * Gradients of {@link attentionForward}, those of padding exactly 0: the gradient that arrives at a padded
 * query is taken as 0, whatever it is, unless `skipPadding` is false.
 *
 * Bindings: contextGradient, qkv, context, logSumExp, attentionMask, [stepState], qkvGradient.
 *
 * @param variant a variant by name; chosen by shape and device where left out.
 * @throws {KernelError} for dimensions that are not positive, or a variant that cannot do them.
 */
export function attentionBackward(spec: AttentionSpec, variant?: AttentionVariant): KernelProgram {
  const chosen = choose(spec, variant);
  const { context, rowProjection } = elementsOf(spec);
  const scratch: Scratch[] = [{ name: "rowProjection", dtype: "f32", elements: rowProjection }];
  const projecting = build(spec, {
    kernel: "attention_projection",
    sources: [projectionSource],
    flopsPerProduct: 0,
    rows: 64,
  });
  if (chosen === "tile") {
    // The two kernels write different columns of one tensor, so together they write all of it.
    const sources = [commonSource, gradientCommonSource, tileSource];
    return {
      launches: [
        projecting,
        build(spec, {
          kernel: "attention_query_gradient",
          sources: [...sources, querySource],
          flopsPerProduct: 6,
          ...tileShape(spec, queryQuads(spec)),
        }),
        build(spec, {
          kernel: "attention_key_gradient",
          sources: [...sources, keySource],
          flopsPerProduct: 8,
          ...tileShape(spec, 1),
        }),
      ],
      scratch,
    };
  }
  const { share: _, vectors, ...constants } = subgroupShape(spec);
  return {
    launches: [
      projecting,
      build(spec, {
        kernel: "attention_gradient",
        sources: [commonSource, gradientCommonSource, subgroupSource, gradientSubgroupSource],
        flopsPerProduct: 10,
        rows: spec.sequence,
        constants: { ...constants, KEYS: vectors },
        enables: ["subgroups"],
      }),
    ],
    scratch: [...scratch, { name: "queryGradient", dtype: "f32", elements: context }],
  };
}

function choose(spec: AttentionSpec, variant?: AttentionVariant): AttentionVariant {
  const { batch, heads, sequence, headSize, subgroupSize = 0 } = spec;
  requireDimensions("attention", { batch, heads, sequence, headSize });
  const narrow = subgroupSize >= 4 && headSize % 4 === 0 && headSize <= MOST_ACROSS;
  if (variant === "subgroup" && !narrow) {
    throw new KernelError(
      `attention: variant subgroup wants subgroups of at least 4 lanes and a head size that is a ` +
        `multiple of 4 up to ${MOST_ACROSS}, not ${subgroupSize} lanes and ${headSize}`,
    );
  }
  const chosen = variant ?? (narrow && subgroupSize <= 8 ? "subgroup" : "tile");
  if (chosen === "tile") tileShape(spec, queryQuads(spec)); // refuses what does not fit
  return chosen;
}

/** Quads of queries that an invocation holds. */
function queryQuads({ headSize, subgroupSize }: AttentionSpec): number {
  return headSize <= MOST_FOR_TWO_QUADS && subgroupSize === LANES_WITH_MANY_REGISTERS ? 2 : 1;
}

/** What a workgroup and its invocations hold of an attention by tiles, given the quads of rows of each. */
function tileShape(
  { headSize }: AttentionSpec,
  rowQuads: number,
): Pick<Parts, "rows" | "constants" | "loads"> {
  const quads = Math.ceil(headSize / 4), outQuads = Math.ceil(quads / 8);
  const width = Math.max(8 * rowQuads + TILE_COLUMNS / 4, 8 * outQuads);
  const weights = TILE_COLUMNS * 8 * rowQuads;
  const depth = [16, 8, 4].find((depth) =>
    depth <= Math.max(4, 4 * quads) && 16 * (depth * width + weights) <= WORKGROUP_BYTES
  );
  if (!depth) {
    throw new KernelError(`attention: headSize ${headSize} is more than workgroup memory holds`);
  }
  return {
    rows: 32 * rowQuads,
    constants: { ROW_QUADS: rowQuads, OUT_QUADS: outQuads, DEPTH: depth, WIDTH: width },
    loads: {
      BLOCK_LOADS: Math.ceil((8 * rowQuads + TILE_COLUMNS / 4) * depth / 4 / 64),
      TOKEN_LOADS: Math.ceil(depth * quads / 64),
    },
  };
}

/** Tokens that are skipped together: a power of two, so that the bits of one word do for a sequence. */
function skippedTokens(sequence: number): number {
  return Math.max(16, 2 ** Math.ceil(Math.log2(sequence / 32)));
}

/** How rows lie across the lanes, and how many vectors of queries or keys a workgroup holds. */
function subgroupShape(
  { headSize, subgroupSize = 0 }: AttentionSpec,
): { share: number; vectors: number; SHARE: number; LANE_QUADS: number } {
  const share = subgroupSize >= 8 ? 8 : 4;
  const vectors = headSize <= MOST_ACROSS / 2 ? 4 : 2;
  return { share, vectors, SHARE: share, LANE_QUADS: Math.ceil(headSize / 4 / share) };
}

/** Elements of all tensors. */
function elementsOf(
  { batch, heads, sequence, headSize }: AttentionSpec,
): Record<
  "qkv" | "attentionMask" | "context" | "logSumExp" | "rowProjection" | `${string}Gradient`,
  number
> {
  const context = batch * sequence * heads * headSize, rows = batch * heads * sequence;
  return {
    qkv: 3 * context,
    attentionMask: batch * sequence,
    context,
    logSumExp: rows,
    rowProjection: rows,
    contextGradient: context,
    queryGradient: context,
    qkvGradient: 3 * context,
  };
}

function programOf(launch: KernelLaunch): KernelProgram {
  return { launches: [launch], scratch: [] };
}

interface Parts {
  readonly kernel: string;
  /** Files, from what others build on to the one with the entry point. */
  readonly sources: readonly string[];
  readonly flopsPerProduct: number;
  /** Queries or keys of a workgroup. */
  readonly rows: number;
  readonly constants?: Readonly<Record<string, number>>;
  /** How often loads of a workgroup are repeated in the text. */
  readonly loads?: Readonly<Record<string, number>>;
  readonly enables?: readonly string[];
}

function build(spec: AttentionSpec, parts: Parts): KernelLaunch {
  const { batch, heads, sequence, headSize, dropout = 0, stream = 0, storage = "f32" } = spec;
  const { skipPadding = true } = spec;
  const { kernel, sources, flopsPerProduct, constants = {}, enables = [] } = parts;
  const vectors = headSize % 4 === 0;
  const drops = dropout > 0 && sources.includes(commonSource);
  const quads = Math.ceil(headSize / 4);
  const readsGradient = sources.includes(gradientCommonSource);
  return launchOf({
    kernel,
    label: `${batch}×${heads}×${sequence}×${headSize}${drops ? " dropout" : ""}`,
    files: [...(drops ? [randomLibrary] : []), ...sources],
    enables,
    aliases: {
      Elem: storage,
      Elem4: `vec4<${storage}>`,
      Stored: vectors ? `vec4<${storage}>` : storage,
    },
    constants: {
      HEADS: heads,
      HEAD_SIZE: headSize,
      QUADS: quads,
      SKIPS: Number(skipPadding),
      ...constants,
      THRESHOLD: dropoutThreshold(dropout),
      KEEP_SCALE: { f32: 1 / (1 - dropout) },
    },
    options: {
      VECTORS: vectors,
      DROPOUT: drops,
      READS_GRADIENT: readsGradient,
      RAGGED: 4 * quads % (constants.DEPTH ?? 4) !== 0,
      ...parts.loads,
    },
    elements: elementsOf(spec),
    params: { batch, sequence, block: skippedTokens(sequence), stream },
    workgroups: spreadWorkgroups(Math.ceil(sequence / parts.rows) * batch * heads),
    flops: flopsPerProduct * batch * heads * sequence * sequence * headSize,
  });
}
