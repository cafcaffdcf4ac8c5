/**
 * The ways in which a matrix product can be shared out, and what each of them can do.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";
import { KernelError } from "../errors.ts";
import { bytesPerElement } from "../launch.ts";
import { TOKEN_BLOCK } from "../padding/token_blocks.ts";
import type { MatmulSpec } from "./spec.ts";

/** How the work of a product is shared out. */
export interface MatmulTile {
  /**
   * `subgroup`: rows of A go round by broadcasts.
   * `workgroup`: operands are staged in workgroup memory. `matrix`: they are staged for subgroup matrices,
   * and subgroups stand where other kinds have invocations. `any`: one number at a time.
   */
  readonly kind: "subgroup" | "workgroup" | "matrix" | "any";
  /** Rows per invocation (`matrix`: per subgroup), a multiple of 4; of 8 in `subgroup`. */
  readonly rows: number;
  /** Columns per invocation (`matrix`: per subgroup), a multiple of 4. */
  readonly columns: number;
  /** Invocations (`matrix`: subgroups) along n. */
  readonly workgroupX: number;
  /** Invocations (`matrix`: subgroups) along m. */
  readonly workgroupY: number;
  /** Steps of k that `workgroup` stages at a time: 8 or 16. */
  readonly depth?: number;
  /** Parts of k that are summed side by side and joined by a second dispatch; 1 by default. */
  readonly splits?: number;
}

const subgroupTile = (rows: number, columns: number, splits = 1): MatmulTile => ({
  kind: "subgroup",
  rows,
  columns,
  workgroupX: 8,
  workgroupY: 1,
  splits,
});
const workgroupTile = (
  rows: number,
  columns: number,
  workgroupX: number,
  workgroupY: number,
  depth: number,
  splits = 1,
): MatmulTile => ({ kind: "workgroup", rows, columns, workgroupX, workgroupY, depth, splits });
const matrixTile = (rows: number, columns: number, splits = 1): MatmulTile => ({
  kind: "matrix",
  rows,
  columns,
  workgroupX: 2,
  workgroupY: 2,
  splits,
});

/** Names of the variants. */
export type MatmulVariant =
  | "subgroup 40x8"
  | "subgroup 40x8 split 16"
  | "subgroup 32x8"
  | "subgroup 32x8 split 16"
  | "subgroup 16x8"
  | "subgroup 16x4"
  | "subgroup 8x4"
  | "workgroup 128x128"
  | "workgroup 128x64"
  | "workgroup 64x64"
  | "workgroup 32x32"
  | "workgroup 128x128 split 4"
  | "workgroup 128x128 split 16"
  | "workgroup 64x64 split 4"
  | "workgroup 64x64 split 16"
  | "workgroup 64x64 split 64"
  | "matrix 128x128"
  | "matrix 64x64"
  | "matrix 128x128 split 4"
  | "matrix 64x64 split 4"
  | "matrix 64x64 split 16"
  | "any"
  | "any split 64";

/**
 * Variants of the matmul, named by the part of C that an invocation (`subgroup`) or a
 * workgroup (`workgroup`, `matrix`) makes. Those of kind `subgroup` need a `subgroupSize` of 4 to 8, those
 * of kind `matrix` subgroup matrices of the operands' type that add up in f32.
 */
export const matmulVariants: Readonly<Record<MatmulVariant, MatmulTile>> = {
  "subgroup 40x8": subgroupTile(40, 8),
  "subgroup 40x8 split 16": subgroupTile(40, 8, 16),
  "subgroup 32x8": subgroupTile(32, 8),
  "subgroup 32x8 split 16": subgroupTile(32, 8, 16),
  "subgroup 16x8": subgroupTile(16, 8),
  "subgroup 16x4": subgroupTile(16, 4),
  "subgroup 8x4": subgroupTile(8, 4),
  // Depths such that each invocation stages one block of 4 × 4: a second would cost 16 registers.
  "workgroup 128x128": workgroupTile(8, 8, 16, 16, 16),
  "workgroup 128x64": workgroupTile(8, 8, 8, 16, 8),
  "workgroup 64x64": workgroupTile(8, 8, 8, 8, 8),
  "workgroup 32x32": workgroupTile(4, 4, 8, 8, 16),
  "workgroup 128x128 split 4": workgroupTile(8, 8, 16, 16, 16, 4),
  "workgroup 128x128 split 16": workgroupTile(8, 8, 16, 16, 16, 16),
  "workgroup 64x64 split 4": workgroupTile(8, 8, 8, 8, 8, 4),
  "workgroup 64x64 split 16": workgroupTile(8, 8, 8, 8, 8, 16),
  "workgroup 64x64 split 64": workgroupTile(8, 8, 8, 8, 8, 64),
  "matrix 128x128": matrixTile(64, 64),
  "matrix 64x64": matrixTile(32, 32),
  "matrix 128x128 split 4": matrixTile(64, 64, 4),
  "matrix 64x64 split 4": matrixTile(32, 32, 4),
  "matrix 64x64 split 16": matrixTile(32, 32, 16),
  /** For shapes that do not fall into vec4s. */
  any: { kind: "any", rows: 4, columns: 4, workgroupX: 8, workgroupY: 8 },
  "any split 64": { kind: "any", rows: 4, columns: 4, workgroupX: 8, workgroupY: 8, splits: 64 },
};

/** Least steps of k that are worth a split of their own. */
const LEAST_SPLIT = 64;

/** Most bytes of partial sums that a split product may take. */
const MOST_PARTIAL_BYTES = 1 << 26;

/** Variants that can do a product as its spec says. */
export function suitableVariants(spec: MatmulSpec): MatmulVariant[] {
  return (Object.keys(matmulVariants) as MatmulVariant[]).filter((variant) =>
    !whyUnfit(spec, variant)
  );
}

/** What keeps a variant from doing a product, where anything does. */
export function whyUnfit(spec: MatmulSpec, variant: MatmulVariant): string | undefined {
  const { m, n, k, batch = 1, storage = "f32", subgroupSize = 0 } = spec;
  const tile: MatmulTile = matmulVariants[variant];
  const { kind, splits = 1 } = tile;
  if (kind !== "any" && !fallsIntoVectors(spec)) return "wants multiples of 4";
  // The joining goes in vec4s.
  if (kind === "any" && splits > 1 && n % 4 > 0) {
    return "wants a result in multiples of 4";
  }
  // Their many sums would spill on a GPU, and take its compiler long.
  if (kind === "subgroup" && (subgroupSize < 4 || subgroupSize > 8)) {
    return "wants subgroups of 4 to 8 lanes";
  }
  if (kind === "matrix" && !matrixOfTile(spec, tile)) {
    return `wants subgroup matrices of ${storage} that add up in f32`;
  }
  // The length of sums over rows differs from plan to plan: it counts by its next power of two, or not at all.
  const least = LEAST_SPLIT * splits, length = spec.layout === "TN" ? nextPower(k) : k;
  const anyLength = spec.layout === "TN" && kind === "any";
  if (splits > 1 && length < least && !anyLength) return `wants sums of at least ${least}`;
  if (splits > 1 && 4 * splits * batch * m * n > MOST_PARTIAL_BYTES) {
    return `would need more than ${MOST_PARTIAL_BYTES} bytes for its partial sums`;
  }
  return undefined;
}

/** Columns from which on a CPU's tiles go down the rows of C first. */
const WIDE = 1024;

/**
 * Whether tiles next to each other in the order of workgroups lie below one another in C. On a CPU the caches then
 * keep the columns of B for the next rows, which pays where B is wide.
 */
export function goesDown({ n }: MatmulSpec, { kind }: MatmulTile): boolean {
  return kind === "subgroup" && n >= WIDE;
}

/** Most lanes of a workgroup, and most elements of a result matrix: then the least limits of WebGPU do. */
const MOST_LANES = 256, MOST_RESULTS = 256;

/**
 * The subgroup matrices that a tile of a product is made of: of the product's own storage, added up in f32,
 * the largest of the device that divide the tile.
 */
export function matrixOfTile(
  spec: MatmulSpec,
  tile: MatmulTile,
): SubgroupMatrix | undefined {
  const { storage = "f32", subgroupMatrices = [] } = spec;
  const { rows, columns, workgroupX, workgroupY } = tile;
  const size = ({ m, n, k }: SubgroupMatrix): number => m * n * k;
  return subgroupMatrices.filter(({ m, n, k, componentType, resultType, lanes }) =>
    componentType === storage && resultType === "f32" &&
    rows % m === 0 && columns % n === 0 && depthOf(tile, storage) % k === 0 &&
    n % 4 === 0 && m * n <= MOST_RESULTS && workgroupX * workgroupY * lanes <= MOST_LANES
  ).toSorted((a, b) => size(b) - size(a))[0];
}

/** Steps of k that are staged at a time: as many as 16 KB of workgroup memory hold beside the results. */
export function depthOf(
  { rows, columns, workgroupX, workgroupY }: MatmulTile,
  storage: "f32" | "f16",
): number {
  const bytes = rows * workgroupY + columns * workgroupX > 128 ? 32 : 64;
  return bytes / bytesPerElement(storage);
}

/** What padding a variant passes over. */
export function skippedPadding(
  { k, batch = 1, padding, storage = "f32" }: MatmulSpec,
  tile: MatmulTile,
): "rows" | "sums" | undefined {
  if (padding && batch > 1) {
    throw new KernelError(`matmul: padding is passed over in one product, not in ${batch}`);
  }
  if (tile.kind === "any") return undefined;
  if (padding !== "sums") return padding;
  // In the long loop of a CPU's tiles, looking for padding costs more than most batches have of it.
  if (tile.kind === "subgroup") return undefined;
  // Stages must not reach from a block into the next.
  const depth = tile.kind === "matrix" ? depthOf(tile, storage) : tile.depth!;
  return k % TOKEN_BLOCK === 0 && TOKEN_BLOCK % depth === 0 ? padding : undefined;
}

/** The next power of two. */
export function nextPower(count: number): number {
  return 2 ** Math.ceil(Math.log2(count));
}

/** Whether all rows start at multiples of four elements and k may be walked in fours. */
export function fallsIntoVectors({ m, n, k, layout }: MatmulSpec): boolean {
  return n % 4 === 0 && (layout === "TN" ? m : k) % 4 === 0;
}

/** Steps of k that one split sums; a multiple of what a variant walks at a time. */
export function splitLength(
  { k, storage = "f32" }: MatmulSpec,
  tile: MatmulTile,
): number {
  const { kind, splits = 1 } = tile;
  const step = kind === "any" ? 1 : kind === "matrix" ? depthOf(tile, storage) : TOKEN_BLOCK;
  return Math.ceil(k / splits / step) * step;
}
