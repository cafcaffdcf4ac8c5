/**
 * The exact WGSL of a matrix product's variants.
 *
 * @module
 */
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import { type Binding, declareBindings, declareParams, specialise } from "../launch.ts";
import { TOKEN_BLOCK } from "../padding/token_blocks.ts";
import { unroll } from "../unroll.ts";
import type { MatmulSpec } from "./spec.ts";
import type { MatmulTile } from "./variants.ts";
import anySource from "./matmul_any.wgsl" with { type: "text" };
import joinSource from "./matmul_join.wgsl" with { type: "text" };
import paddingSource from "./matmul_padding.wgsl" with { type: "text" };
import partialSource from "./matmul_partial.wgsl" with { type: "text" };
import shapeSource from "./matmul_shape.wgsl" with { type: "text" };
import storeSource from "./matmul_store.wgsl" with { type: "text" };
import subgroupSource from "./matmul_subgroup.wgsl" with { type: "text" };
import workgroupSource from "./matmul_workgroup.wgsl" with { type: "text" };

/** The text of the `any` variant. */
export function anyWgsl(
  spec: MatmulSpec,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  const { splits = 1 } = tile;
  const names = { ...options(spec), SPLIT: Number(splits > 1), WHOLE: Number(splits === 1) };
  return specialise(unroll(anySource, names), {
    ...types(spec),
    constants: { ...workgroupOf(tile), SPLITS: splits },
    libraries: [
      geluLibrary,
      declareBindings(bindings, { a: "Elem", b: "Elem", derivative: "Elem", c: "Output" }),
      shapeLibrary(spec, bindings),
    ],
  });
}

/** The text of every other variant, or of its first dispatch where it splits k. */
export function vectorWgsl(
  spec: MatmulSpec,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  const { k, layout, subgroupSize = 4 } = spec;
  const { kind, rows, columns, workgroupX, workgroupY, depth = 4, splits = 1 } = tile;
  const transposed = layout === "TN";
  const padding = paddingOptions(bindings, spec);
  const quads = { ROW_QUADS: rows / 4, QUADS: columns / 4 };
  const share = subgroupSize >= 8 ? 8 : 4;
  const tiles = { TILE_M: rows * workgroupY, TILE_N: columns * workgroupX };
  const blocks = (tiles.TILE_M + tiles.TILE_N) / 4 * (depth / 4);
  const constants: Record<string, number> = {
    ...quads,
    SPLITS: splits,
    TOKEN_BLOCK,
    ...(kind === "subgroup" ? { GROUPS: rows / share, SHARE: share } : {}),
    ...(kind === "workgroup" ? { ...tiles, DEPTH: depth } : {}),
  };
  const names = {
    ...options(spec),
    ...padding,
    ...constants,
    SHARE_QUADS: share / 4,
    LOADS: Math.ceil(blocks / (workgroupX * workgroupY)),
    ...layoutOptions(spec),
    // Sums over tokens may have any length; others are over widths that four divides.
    K_TAIL: Number(transposed),
    K_WHOLE: Number(!transposed),
    // Sums over tokens or over a part of the vocabulary may end anywhere in a stage, and where padding is skipped,
    // stages may begin past the end.
    K_EDGE: Number(layout !== "NT" || k % depth !== 0 || padding.SKIPS_SUMS > 0),
  };
  return specialise(unroll(kind === "subgroup" ? subgroupSource : workgroupSource, names), {
    ...types(spec),
    enables: [...types(spec).enables, ...(kind === "subgroup" ? ["subgroups"] : [])],
    constants: { ...workgroupOf(tile), ...constants },
    libraries: [
      ...(splits === 1 ? [geluLibrary] : []),
      declareBindings(bindings, VECTOR_TYPES),
      shapeLibrary(spec, bindings),
      unroll(paddingSource, names),
      splits === 1 ? unroll(storeSource, names) : partialSource,
    ],
  });
}

/** The text that joins the splits. */
export function joinWgsl(
  spec: MatmulSpec,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  return specialise(joinSource, {
    ...types(spec),
    constants: { SPLITS: tile.splits ?? 1 },
    libraries: [
      geluLibrary,
      declareBindings(bindings, VECTOR_TYPES),
      shapeLibrary(spec, bindings),
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

/** Which operands are stored transposed, for {@link unroll}. */
export function layoutOptions({ layout }: MatmulSpec): Record<string, number> {
  const [a, b] = [layout[0] === "T", layout[1] === "T"];
  return {
    A_TRANSPOSED: Number(a),
    A_STRAIGHT: Number(!a),
    B_TRANSPOSED: Number(b),
    B_STRAIGHT: Number(!b),
  };
}

/** The parameter words that every text has, their declaration included, and where operands lie. */
export function shapeLibrary(spec: MatmulSpec, bindings: readonly Binding[]): string {
  return [unroll(shapeSource, layoutOptions(spec)), declareParams(bindings.length)].join("\n");
}

/** The invocations of a workgroup. */
export function workgroupOf({ workgroupX, workgroupY }: MatmulTile): Record<string, number> {
  return { WORKGROUP_X: workgroupX, WORKGROUP_Y: workgroupY };
}
