/**
 * The exact WGSL of a matrix product's variants.
 *
 * @module
 */
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import { type Binding, declareBindings, specialise } from "../launch.ts";
import { TOKEN_BLOCK } from "../padding/token_blocks.ts";
import { unroll } from "../unroll.ts";
import type { MatmulSpec, Strides } from "./spec.ts";
import { goesDown, type MatmulTile } from "./variants.ts";
import anySource from "./matmul_any.wgsl" with { type: "text" };
import joinSource from "./matmul_join.wgsl" with { type: "text" };
import paddingSource from "./matmul_padding.wgsl" with { type: "text" };
import partialSource from "./matmul_partial.wgsl" with { type: "text" };
import storeSource from "./matmul_store.wgsl" with { type: "text" };
import subgroupSource from "./matmul_subgroup.wgsl" with { type: "text" };
import tileSource from "./matmul_tile.wgsl" with { type: "text" };
import workgroupSource from "./matmul_workgroup.wgsl" with { type: "text" };

/** The text of the `any` variant. */
export function anyWgsl(
  spec: MatmulSpec,
  strides: Strides,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  const { k, layout } = spec;
  const { splits = 1 } = tile;
  const names = { ...options(spec), SPLIT: Number(splits > 1), WHOLE: Number(splits === 1) };
  return specialise(unroll(anySource, names), {
    ...types(spec),
    constants: {
      ...shapes(spec, strides, tile),
      SPLITS: splits,
      SPLIT_K: Math.ceil(k / splits),
      A_ROW: layout[0] === "T" ? 1 : strides.a,
      A_K: layout[0] === "T" ? strides.a : 1,
      B_K: layout[1] === "T" ? 1 : strides.b,
      B_COLUMN: layout[1] === "T" ? strides.b : 1,
    },
    libraries: [
      geluLibrary,
      declareBindings(bindings, { a: "Elem", b: "Elem", derivative: "Elem", c: "Output" }),
    ],
  });
}

/** The text of every other variant, or of its first dispatch where it splits k. */
export function vectorWgsl(
  spec: MatmulSpec,
  strides: Strides,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  const { k, layout, subgroupSize = 4 } = spec;
  const { kind, rows, columns, workgroupX, workgroupY, depth = 4, splits = 1 } = tile;
  const padding = paddingOptions(bindings, spec);
  const quads = { ROW_QUADS: rows / 4, QUADS: columns / 4 };
  const share = subgroupSize >= 8 ? 8 : 4;
  const tiles = { TILE_M: rows * workgroupY, TILE_N: columns * workgroupX };
  const blocks = (tiles.TILE_M + tiles.TILE_N) / 4 * (depth / 4);
  const constants: Record<string, number> = {
    ...quads,
    A_STRIDE: strides.a,
    B_STRIDE: strides.b,
    ...(kind === "register" ? {} : {
      SPLITS: splits,
      SPLIT_K: Math.ceil(k / splits / TOKEN_BLOCK) * TOKEN_BLOCK,
      TOKEN_BLOCK,
    }),
    ...(kind === "subgroup"
      ? { GROUPS: rows / share, SHARE: share, GOES_DOWN: Number(goesDown(spec, tile)) }
      : {}),
    ...(kind === "workgroup" ? { ...tiles, DEPTH: depth } : {}),
  };
  const names = {
    ...options(spec),
    ...padding,
    ...constants,
    SHARE_QUADS: share / 4,
    LOADS: Math.ceil(blocks / (workgroupX * workgroupY)),
    A_TRANSPOSED: Number(layout[0] === "T"),
    A_STRAIGHT: Number(layout[0] === "N"),
    B_TRANSPOSED: Number(layout[1] === "T"),
    B_STRAIGHT: Number(layout[1] === "N"),
    K_TAIL: Number(k % 4 !== 0),
    K_WHOLE: Number(k % 4 === 0),
    // Where padding is passed over, stages may begin past the end.
    K_EDGE: Number(k % depth !== 0 || padding.SKIPS_SUMS > 0),
  };
  const sources = { register: tileSource, subgroup: subgroupSource, workgroup: workgroupSource };
  return specialise(unroll(sources[kind as keyof typeof sources], names), {
    ...types(spec),
    enables: [...types(spec).enables, ...(kind === "subgroup" ? ["subgroups"] : [])],
    constants: { ...shapes(spec, strides, tile), ...constants },
    libraries: [
      ...(splits === 1 ? [geluLibrary] : []),
      declareBindings(bindings, VECTOR_TYPES),
      unroll(paddingSource, names),
      splits === 1 ? unroll(storeSource, names) : partialSource,
    ],
  });
}

/** The text that joins the splits. */
export function joinWgsl(
  spec: MatmulSpec,
  strides: Strides,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  return specialise(joinSource, {
    ...types(spec),
    constants: {
      ...shapes(spec, strides, tile),
      SPLITS: tile.splits ?? 1,
    },
    libraries: [
      geluLibrary,
      declareBindings(bindings, VECTOR_TYPES),
      unroll(storeSource, options(spec)),
    ],
  });
}

/** What padding a text passes over, by the bindings it has. */
export function paddingOptions(
  bindings: readonly Binding[],
  { padding }: MatmulSpec,
): { SKIPS_ROWS: number; SKIPS_SUMS: number; WALKS_ALL: number } {
  const skips = bindings.some(({ name }) => name === "tokenBlocks") ? padding : undefined;
  return {
    SKIPS_ROWS: Number(skips === "rows"),
    SKIPS_SUMS: Number(skips === "sums"),
    WALKS_ALL: Number(skips !== "sums"),
  };
}

/** WGSL types of bindings in products made in vec4s. */
export const VECTOR_TYPES = {
  a: "Elem4",
  b: "Elem4",
  bias: "vec4<f32>",
  derivative: "Elem4",
  partials: "vec4<f32>",
  c: "Output4",
};

/** What the end of a product does, for {@link unroll}. */
export function options({ bias, epilogue, accumulate }: MatmulSpec): Record<string, number> {
  return {
    BIAS: Number(bias ?? false),
    GELU: Number(epilogue === "gelu"),
    GELU_BACKWARD: Number(epilogue === "gelu_backward"),
    ACCUMULATE: Number(accumulate ?? false),
  };
}

/** Extensions and types by storage. */
export function types(
  { storage = "f32", outputStorage }: MatmulSpec,
): { enables: string[]; aliases: Record<string, string> } {
  const output = outputStorage ?? storage;
  return {
    enables: storage === "f16" || output === "f16" ? ["f16"] : [],
    aliases: {
      Elem: storage,
      Elem4: `vec4<${storage}>`,
      Output: output,
      Output4: `vec4<${output}>`,
    },
  };
}

/** Constants that every text has. */
export function shapes(
  { m, n, k, batch = 1, alpha = 1 }: MatmulSpec,
  { c, aBatch, bBatch, cBatch }: Strides,
  { workgroupX, workgroupY }: MatmulTile,
): Record<string, number | { f32: number }> {
  return {
    M: m,
    N: n,
    K: k,
    BATCH: batch,
    C_STRIDE: c,
    A_BATCH: aBatch,
    B_BATCH: bBatch,
    C_BATCH: cBatch,
    ALPHA: { f32: alpha },
    WORKGROUP_X: workgroupX,
    WORKGROUP_Y: workgroupY,
  };
}
