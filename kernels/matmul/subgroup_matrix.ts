/**
 * Matrix products made of subgroup matrices (tensor cores), where a provider offers them: Dawn does with
 * unsafe APIs on drivers that have cooperative matrices.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import { type Binding, bytesPerElement, declareBindings, specialise } from "../launch.ts";
import { unroll } from "../unroll.ts";
import type { MatmulSpec } from "./spec.ts";
import { depthOf, type MatmulTile } from "./variants.ts";
import matrixSource from "./matmul_matrix.wgsl" with { type: "text" };
import { TOKEN_BLOCK } from "../padding/token_blocks.ts";
import paddingSource from "./matmul_padding.wgsl" with { type: "text" };
import partialSource from "./matmul_partial.wgsl" with { type: "text" };
import storeSource from "./matmul_store.wgsl" with { type: "text" };
import {
  layoutOptions,
  options,
  paddingOptions,
  shapeLibrary,
  types,
  VECTOR_TYPES,
  workgroupOf,
} from "./wgsl.ts";

/** Bytes between staged lines; Vulkan wants matrices to start at multiples of 16. */
const PADDING_BYTES = 16;

/** The text of a variant of kind `matrix`, or of its first dispatch where it splits k. */
export function matrixWgsl(
  spec: MatmulSpec,
  bindings: readonly Binding[],
  tile: MatmulTile,
  matrix: SubgroupMatrix,
): string {
  const { layout, storage = "f32" } = spec;
  const { rows, columns, workgroupX, workgroupY, splits = 1 } = tile;
  const [aTransposed, bTransposed] = [layout[0] === "T", layout[1] === "T"];
  const depth = depthOf(tile, storage);
  const invocations = workgroupX * workgroupY * matrix.lanes;
  const loads = (lines: number): number => Math.ceil(lines * depth / 4 / invocations);
  const names = {
    ...options(spec),
    ...paddingOptions(bindings, spec),
    TILES_M: rows / matrix.m,
    TILES_N: columns / matrix.n,
    A_LOADS: loads(rows * workgroupY),
    B_LOADS: loads(columns * workgroupX),
    ...layoutOptions(spec),
  };
  const body = unroll(matrixSource, names)
    .replaceAll("A_MAJOR", aTransposed ? "col_major" : "row_major")
    .replaceAll("B_MAJOR", bTransposed ? "col_major" : "row_major")
    .replace(
      "@compute",
      matrix.chosenLanes ? `@compute @subgroup_size(${matrix.lanes})` : "@compute",
    );
  const { enables, aliases } = types(spec);
  return specialise(body, {
    enables: [
      ...enables,
      "subgroups",
      "chromium_experimental_subgroup_matrix",
      ...(matrix.chosenLanes ? ["subgroup_size_control"] : []),
    ],
    aliases: {
      ...aliases,
      // Columns come before rows.
      Left: `subgroup_matrix_left<${storage}, ${matrix.k}, ${matrix.m}>`,
      Right: `subgroup_matrix_right<${storage}, ${matrix.n}, ${matrix.k}>`,
      Result: `subgroup_matrix_result<f32, ${matrix.n}, ${matrix.m}>`,
    },
    constants: {
      ...workgroupOf(tile),
      ROWS: rows,
      COLUMNS: columns,
      DEPTH: depth,
      PADDING: PADDING_BYTES / bytesPerElement(storage),
      SPLITS: splits,
      SIZE_M: matrix.m,
      SIZE_N: matrix.n,
      SIZE_K: matrix.k,
      LANES: matrix.lanes,
      TOKEN_BLOCK,
    },
    libraries: [
      ...(splits === 1 ? [geluLibrary] : []),
      declareBindings(bindings, VECTOR_TYPES),
      shapeLibrary(spec, bindings),
      unroll(paddingSource, names),
      splits === 1 ? unroll(storeSource, names) : partialSource,
    ],
  });
}
