/**
 * The WGSL files of a matrix product's variants, and what makes them exact.
 *
 * @module
 */
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import type { LaunchSpec, Prelude } from "../launch.ts";
import { TOKEN_BLOCK } from "../padding/token_blocks.ts";
import type { MatmulSpec } from "./spec.ts";
import { type MatmulTile, skippedPadding } from "./variants.ts";
import anySource from "./matmul_any.wgsl" with { type: "text" };
import joinSource from "./matmul_join.wgsl" with { type: "text" };
import paddingSource from "./matmul_padding.wgsl" with { type: "text" };
import partialSource from "./matmul_partial.wgsl" with { type: "text" };
import shapeSource from "./matmul_shape.wgsl" with { type: "text" };
import storeSource from "./matmul_store.wgsl" with { type: "text" };
import subgroupSource from "./matmul_subgroup.wgsl" with { type: "text" };
import workgroupSource from "./matmul_workgroup.wgsl" with { type: "text" };

/** Files and prelude of a text. */
export type MatmulText = Prelude & Pick<LaunchSpec, "files">;

/** The text of the `any` variant. */
export function anyText(spec: MatmulSpec, tile: MatmulTile): MatmulText {
  const { splits = 1 } = tile;
  return {
    files: [geluLibrary, shapeSource, anySource],
    aliases: typesOf(spec),
    constants: { ...workgroupOf(tile), SPLITS: splits },
    options: { ...optionsOf(spec, tile), SPLIT: splits > 1 },
  };
}

/** The text of the variants `workgroup` and `subgroup`, or of their first dispatch where they split k. */
export function vectorText(spec: MatmulSpec, tile: MatmulTile): MatmulText {
  const { k, layout, subgroupSize = 4 } = spec;
  const { kind, rows, columns, workgroupX, workgroupY, depth = 4, splits = 1 } = tile;
  const share = subgroupSize >= 8 ? 8 : 4;
  const tiles = { TILE_M: rows * workgroupY, TILE_N: columns * workgroupX };
  const blocks = (tiles.TILE_M + tiles.TILE_N) / 4 * (depth / 4);
  const options = optionsOf(spec, tile);
  return {
    files: [...librariesOf(splits), kind === "subgroup" ? subgroupSource : workgroupSource],
    enables: kind === "subgroup" ? ["subgroups"] : [],
    aliases: typesOf(spec),
    constants: {
      ...workgroupOf(tile),
      ROW_QUADS: rows / 4,
      QUADS: columns / 4,
      SPLITS: splits,
      TOKEN_BLOCK,
      ...(kind === "subgroup" ? { GROUPS: rows / share, SHARE: share } : {}),
      ...tiles,
      DEPTH: depth,
    },
    options: {
      ...options,
      SHARE_QUADS: share / 4,
      LOADS: Math.ceil(blocks / (workgroupX * workgroupY)),
      // Sums over tokens may have any length; others are over widths that four divides.
      K_TAIL: layout === "TN",
      // Sums over tokens or over a part of the vocabulary may end anywhere in a stage, and where padding is
      // skipped, stages may begin past the end.
      K_EDGE: layout !== "NT" || k % depth !== 0 || options.SKIPS_SUMS,
    },
  };
}

/** The text that joins the splits. */
export function joinText(spec: MatmulSpec, tile: MatmulTile): MatmulText {
  return {
    files: [geluLibrary, shapeSource, storeSource, joinSource],
    aliases: typesOf(spec),
    constants: { SPLITS: tile.splits ?? 1 },
    options: optionsOf(spec, tile),
  };
}

/** Libraries of a product made in vec4s: where operands lie, what padding is skipped, and the end. */
export function librariesOf(splits: number): string[] {
  return splits === 1
    ? [geluLibrary, shapeSource, paddingSource, storeSource]
    : [shapeSource, paddingSource, partialSource];
}

/** How operands are stored, what padding is skipped, and what the end of a product does. */
export function optionsOf(spec: MatmulSpec, tile: MatmulTile): Record<string, boolean> {
  const { layout, bias = false, epilogue, accumulate = false } = spec;
  const skips = skippedPadding(spec, tile);
  return {
    A_TRANSPOSED: layout[0] === "T",
    B_TRANSPOSED: layout[1] === "T",
    SKIPS_ROWS: skips === "rows",
    SKIPS_SUMS: skips === "sums",
    BIAS: bias,
    GELU: epilogue === "gelu",
    GELU_BACKWARD: epilogue === "gelu_backward",
    ACCUMULATE: accumulate,
  };
}

/** Types by storage. */
export function typesOf(
  { storage = "f32", outputStorage = storage }: MatmulSpec,
): Record<string, string> {
  return {
    Elem: storage,
    Elem4: `vec4<${storage}>`,
    Output: outputStorage,
    Output4: `vec4<${outputStorage}>`,
  };
}

/** The invocations of a workgroup. */
export function workgroupOf({ workgroupX, workgroupY }: MatmulTile): Record<string, number> {
  return { WORKGROUP_X: workgroupX, WORKGROUP_Y: workgroupY };
}
