/**
 * Matrix products made of subgroup matrices (tensor cores), where a provider offers them: Dawn does with
 * unsafe APIs on drivers that have cooperative matrices.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";
import { bytesPerElement } from "../launch.ts";
import type { MatmulSpec } from "./spec.ts";
import { depthOf, type MatmulTile } from "./variants.ts";
import matrixSource from "./matmul_matrix.wgsl" with { type: "text" };
import { TOKEN_BLOCK } from "../padding/token_blocks.ts";
import { librariesOf, type MatmulText, optionsOf, typesOf, workgroupOf } from "./text.ts";

/** Bytes between staged lines; Vulkan wants matrices to start at multiples of 16. */
const PADDING_BYTES = 16;

/** The text of a variant of kind `matrix`, or of its first dispatch where it splits k. */
export function matrixText(
  spec: MatmulSpec,
  tile: MatmulTile,
  matrix: SubgroupMatrix,
): MatmulText {
  const { storage = "f32" } = spec;
  const { rows, columns, workgroupX, workgroupY, splits = 1 } = tile;
  const depth = depthOf(tile, storage);
  const invocations = workgroupX * workgroupY * matrix.lanes;
  const loads = (lines: number): number => Math.ceil(lines * depth / 4 / invocations);
  return {
    files: [...librariesOf(splits), matrixSource],
    enables: [
      "subgroups",
      "chromium_experimental_subgroup_matrix",
      ...(matrix.chosenLanes ? ["subgroup_size_control"] : []),
    ],
    aliases: {
      ...typesOf(spec),
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
    options: {
      ...optionsOf(spec, tile),
      CHOSEN_LANES: matrix.chosenLanes ?? false,
      // As constants these are made of others in the page; blocks want numbers.
      TILES_ACROSS: columns / matrix.n,
      TILES_DOWN: rows / matrix.m,
      A_LOADS: loads(rows * workgroupY),
      B_LOADS: loads(columns * workgroupX),
    },
  };
}
