/**
 * Matrix product C = epilogue(A·B + bias), the work of every dense layer, forward and backward.
 *
 * @module
 */
import { KernelError } from "../errors.ts";
import {
  type Binding,
  bytesPerElement,
  type KernelProgram,
  paramWords,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import { tokenBlocksOf } from "../padding/token_blocks.ts";
import { chooseVariant } from "./choose.ts";
import type { MatmulSpec } from "./spec.ts";
import { matrixWgsl } from "./subgroup_matrix.ts";
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
import { anyWgsl, joinWgsl, vectorWgsl } from "./wgsl.ts";

/**
 * C = epilogue(A·B + bias) (+ C).
 *
 * Bindings: a, b, [tokenBlocks, where padding is passed over], [bias], [derivative], c.
 *
 * @param variant a variant by name; chosen by shape where left out.
 * @throws {KernelError} for shapes that make no product, or a variant that cannot do them.
 */
export function matmul(spec: MatmulSpec, variant?: MatmulVariant): KernelProgram {
  const { m, n, k, layout, batch = 1, storage = "f32", epilogue = "none" } = spec;
  requireDimensions("matmul", { m, n, k, batch });
  const chosen = variant ?? chooseVariant(spec);
  const unfit = whyUnfit(spec, chosen);
  if (unfit) throw new KernelError(`matmul ${m}×${n}×${k} ${layout}: variant ${chosen} ${unfit}`);
  const tile: MatmulTile = matmulVariants[chosen];
  const { splits = 1 } = tile;
  const cElements = batch * m * n;
  const operands: Binding[] = [
    { name: "a", access: "read", dtype: storage, elements: batch * m * k },
    { name: "b", access: "read", dtype: storage, elements: batch * k * n },
  ];
  const skips = skippedPadding(spec, tile);
  if (skips) {
    const elements = tokenBlocksOf(skips === "rows" ? m : k);
    operands.push({ name: "tokenBlocks", access: "read", dtype: "u32", elements });
  }
  const results: Binding[] = [];
  if (spec.bias) results.push({ name: "bias", access: "read", dtype: "f32", elements: n });
  if (epilogue !== "none") {
    const access = epilogue === "gelu" ? "write" : "read";
    results.push({ name: "derivative", access, dtype: storage, elements: cElements });
  }
  results.push({
    name: "c",
    access: spec.accumulate ? "read_write" : "write",
    dtype: spec.outputStorage ?? storage,
    elements: cElements,
  });
  const label = `${layout} ${batch > 1 ? `${batch}×` : ""}${m}×${n}×${k} ${chosen}`;
  const across = Math.ceil(n / (tile.columns * tile.workgroupX));
  const down = Math.ceil(m / (tile.rows * tile.workgroupY));
  const lengths = {
    m,
    n,
    k,
    batch,
    split_k: splitLength(spec, tile),
    goes_down: Number(goesDown(spec, tile)),
  };
  const workgroups = spreadWorkgroups(across * down * batch * splits);
  const flops = 2 * batch * m * n * k;
  if (splits === 1) {
    const bindings = [...operands, ...results];
    const wgsl = wgslOf(spec, bindings, tile);
    return singleLaunch({
      kernel: "matmul",
      label,
      wgsl,
      bindings,
      params: paramWords("matmul", wgsl, lengths),
      workgroups,
      cost: { flops, bytes: bytesOf(bindings) },
    });
  }
  const partials = { name: "partials", dtype: "f32", elements: splits * batch * m * n } as const;
  const split: Binding[] = [...operands, { ...partials, access: "write" }];
  const join: Binding[] = [{ ...partials, access: "read" }, ...results];
  const splitText = wgslOf(spec, split, tile), joinText = joinWgsl(spec, join, tile);
  return {
    launches: [
      {
        kernel: "matmul",
        label,
        wgsl: splitText,
        bindings: split,
        params: paramWords("matmul", splitText, lengths),
        workgroups,
        cost: { flops, bytes: bytesOf(split) },
      },
      {
        kernel: "matmul_join",
        label,
        wgsl: joinText,
        bindings: join,
        params: paramWords("matmul_join", joinText, lengths),
        workgroups: spreadWorkgroups(Math.ceil(batch * m * n / 256)),
        cost: { flops: splits * batch * m * n, bytes: bytesOf(join) },
      },
    ],
    scratch: [partials],
  };
}

/** The text of a variant's only or first dispatch. */
function wgslOf(
  spec: MatmulSpec,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  if (tile.kind === "any") return anyWgsl(spec, bindings, tile);
  const matrix = tile.kind === "matrix" ? matrixOfTile(spec, tile) : undefined;
  return matrix ? matrixWgsl(spec, bindings, tile, matrix) : vectorWgsl(spec, bindings, tile);
}

function bytesOf(bindings: readonly Binding[]): number {
  return bindings.reduce(
    (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
    0,
  );
}
