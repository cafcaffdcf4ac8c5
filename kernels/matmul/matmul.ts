/**
 * Matrix product C = epilogue(A·B + bias), the work of every dense layer, forward and backward.
 *
 * @module
 */
import { KernelError } from "../errors.ts";
import { type KernelProgram, launchOf, requireDimensions, spreadWorkgroups } from "../launch.ts";
import { tokenBlocksOf } from "../padding/token_blocks.ts";
import { chooseVariant } from "./choose.ts";
import type { MatmulSpec } from "./spec.ts";
import { matrixText } from "./subgroup_matrix.ts";
import {
  goesDown,
  type MatmulTile,
  type MatmulVariant,
  matmulVariants,
  matrixOfTile,
  skippedPadding,
  splitLength,
  whyUnfit,
} from "./variants.ts";
import { anyText, joinText, type MatmulText, vectorText } from "./text.ts";

/**
 * C = epilogue(A·B + bias) (+ C).
 *
 * Bindings: a, b, [tokenBlocks, where padding is passed over], [bias], [derivative], c.
 *
 * @param variant a variant by name; chosen by shape where left out.
 * @throws {KernelError} for shapes that make no product, or a variant that cannot do them.
 */
export function matmul(spec: MatmulSpec, variant?: MatmulVariant): KernelProgram {
  const { m, n, k, layout, batch = 1 } = spec;
  requireDimensions("matmul", { m, n, k, batch });
  const chosen = variant ?? chooseVariant(spec);
  const unfit = whyUnfit(spec, chosen);
  if (unfit) throw new KernelError(`matmul ${m}×${n}×${k} ${layout}: variant ${chosen} ${unfit}`);
  const tile: MatmulTile = matmulVariants[chosen];
  const { splits = 1 } = tile;
  const skips = skippedPadding(spec, tile);
  const elements = {
    a: batch * m * k,
    b: batch * k * n,
    tokenBlocks: tokenBlocksOf(skips === "rows" ? m : k),
    bias: n,
    derivative: batch * m * n,
    c: batch * m * n,
    partials: splits * batch * m * n,
  };
  const label = `${layout} ${batch > 1 ? `${batch}×` : ""}${m}×${n}×${k} ${chosen}`;
  const across = Math.ceil(n / (tile.columns * tile.workgroupX));
  const down = Math.ceil(m / (tile.rows * tile.workgroupY));
  const params = {
    m,
    n,
    k,
    batch,
    split_k: splitLength(spec, tile),
    goes_down: Number(goesDown(spec, tile)),
  };
  const workgroups = spreadWorkgroups(across * down * batch * splits);
  const product = launchOf({
    kernel: "matmul",
    label,
    ...textOf(spec, tile),
    elements,
    params,
    workgroups,
    flops: 2 * batch * m * n * k,
  });
  if (splits === 1) return { launches: [product], scratch: [] };
  const join = launchOf({
    kernel: "matmul_join",
    label,
    ...joinText(spec, tile),
    elements,
    params,
    workgroups: spreadWorkgroups(Math.ceil(batch * m * n / 256)),
    flops: splits * batch * m * n,
  });
  const partials = { name: "partials", dtype: "f32", elements: elements.partials } as const;
  return { launches: [product, join], scratch: [partials] };
}

/** The text of a variant's only or first dispatch. */
function textOf(spec: MatmulSpec, tile: MatmulTile): MatmulText {
  if (tile.kind === "any") return anyText(spec, tile);
  const matrix = tile.kind === "matrix" ? matrixOfTile(spec, tile) : undefined;
  return matrix ? matrixText(spec, tile, matrix) : vectorText(spec, tile);
}
