/**
 * Matrix product C = epilogue(α·A·B + bias), the work of every dense layer, forward and backward.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";
import { KernelError } from "../errors.ts";
import { TOKEN_BLOCK, tokenBlocksOf } from "../padding/token_blocks.ts";
import {
  type Binding,
  bytesPerElement,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  spreadWorkgroups,
} from "../launch.ts";
import { depthOf, matrixOfTile, matrixWgsl } from "./subgroup_matrix.ts";
import { anyWgsl, joinWgsl, type Strides, vectorWgsl } from "./wgsl.ts";

/** Whether A is stored [m,k] (N) or [k,m] (T), and B [k,n] (N) or [n,k] (T). */
export type MatmulLayout = "NN" | "NT" | "TN";

/** A matrix product. Strides count elements and default to dense storage. */
export interface MatmulSpec {
  /** Rows of C. */
  readonly m: number;
  /** Columns of C. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
  /** How A and B are stored. */
  readonly layout: MatmulLayout;
  /** Independent products; 1 by default. */
  readonly batch?: number;
  /** Between stored rows of A. */
  readonly aRowStride?: number;
  /** Between stored rows of B. */
  readonly bRowStride?: number;
  /** Between rows of C. */
  readonly cRowStride?: number;
  /** Between the A of neighbouring products. */
  readonly aBatchStride?: number;
  /** Between the B of neighbouring products. */
  readonly bBatchStride?: number;
  /** Between the C of neighbouring products. */
  readonly cBatchStride?: number;
  /** Factor of the product; 1 by default. */
  readonly alpha?: number;
  /** Adds `bias` [n], f32, to each row. */
  readonly bias?: boolean;
  /**
   * `gelu`: c = gelu(z), and writes `derivative` = gelu'(z) for the backward pass, since one exponential
   * serves both. `gelu_backward`: multiplies by `derivative`, which is read.
   */
  readonly epilogue?: "none" | "gelu" | "gelu_backward";
  /** Adds to c instead of overwriting it. */
  readonly accumulate?: boolean;
  /**
   * What blocks of padded tokens are passed over, where the variant can: `tokenBlocks` tells them, see
   * {@link tokenBlocks}. `rows`: tiles of C whose rows are all padding become what sums of 0 give. `sums`: steps
   * of k that are padding count as 0 and are not read. One product at a time.
   */
  readonly padding?: "rows" | "sums";
  /** Storage of a, b and derivative; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** Storage of c; as `storage` by default. */
  readonly outputStorage?: "f32" | "f16";
  /** The least subgroup size of the device, where it has subgroup operations and they may be used. */
  readonly subgroupSize?: number;
  /** Products of subgroup matrices that the device makes, where they may be used. */
  readonly subgroupMatrices?: readonly SubgroupMatrix[];
}

/** How the work of a product is shared out. */
export interface MatmulTile {
  /**
   * `register`: each invocation reads what it needs. `subgroup`: rows of A go round by broadcasts.
   * `workgroup`: operands are staged in workgroup memory. `matrix`: they are staged for subgroup matrices,
   * and subgroups stand where other kinds have invocations. `any`: one number at a time.
   */
  readonly kind: "register" | "subgroup" | "workgroup" | "matrix" | "any";
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

const registerTile = (rows: number, columns: number, workgroupY: number): MatmulTile => ({
  kind: "register",
  rows,
  columns,
  workgroupX: 8,
  workgroupY,
});
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
  | "16x16"
  | "16x8"
  | "8x8"
  | "4x4"
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
  | "any";

/**
 * Variants of the matmul, named by the part of C that an invocation (`register`, `subgroup`) or a
 * workgroup (`workgroup`, `matrix`) makes. Those of kind `subgroup` need a `subgroupSize` of 4 to 8, those
 * of kind `matrix` subgroup matrices of the operands' type that add up in f32.
 */
export const matmulVariants: Readonly<Record<MatmulVariant, MatmulTile>> = {
  "16x16": registerTile(16, 16, 2),
  "16x8": registerTile(16, 8, 4),
  "8x8": registerTile(8, 8, 4),
  "4x4": registerTile(4, 4, 4),
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
};

/** Least steps of k that are worth a split of their own. */
const LEAST_SPLIT = 64;

/** Most bytes of partial sums that a split product may take. */
const MOST_PARTIAL_BYTES = 1 << 26;

/**
 * C = epilogue(α·A·B + bias) (+ C).
 *
 * Bindings: a, b, [tokenBlocks, where padding is passed over], [bias], [derivative], c.
 *
 * @param variant a variant by name; chosen by shape where left out.
 * @throws {KernelError} for shapes or strides that make no product, or a variant that cannot do them.
 */
export function matmul(spec: MatmulSpec, variant?: MatmulVariant): KernelProgram {
  const { m, n, k, layout, batch = 1, storage = "f32", epilogue = "none" } = spec;
  const strides = stridesOf(spec);
  const chosen = variant ?? chooseVariant(spec);
  const unfit = whyUnfit(spec, chosen);
  if (unfit) throw new KernelError(`matmul ${m}×${n}×${k} ${layout}: variant ${chosen} ${unfit}`);
  const tile: MatmulTile = matmulVariants[chosen];
  const { splits = 1 } = tile;
  const [aRows, aColumns] = layout[0] === "T" ? [k, m] : [m, k];
  const [bRows, bColumns] = layout[1] === "T" ? [n, k] : [k, n];
  const extent = (rows: number, columns: number, stride: number, batchStride: number): number =>
    (batch - 1) * batchStride + (rows - 1) * stride + columns;
  const cElements = extent(m, n, strides.c, strides.cBatch);
  const operands: Binding[] = [
    {
      name: "a",
      access: "read",
      dtype: storage,
      elements: extent(aRows, aColumns, strides.a, strides.aBatch),
    },
    {
      name: "b",
      access: "read",
      dtype: storage,
      elements: extent(bRows, bColumns, strides.b, strides.bBatch),
    },
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
  const workgroups = [
    Math.ceil(n / (tile.columns * tile.workgroupX)),
    Math.ceil(m / (tile.rows * tile.workgroupY)),
    batch * splits,
  ] as const;
  const flops = 2 * batch * m * n * k;
  if (splits === 1) {
    const bindings = [...operands, ...results];
    return singleLaunch({
      kernel: "matmul",
      label,
      wgsl: wgslOf(spec, strides, bindings, tile),
      bindings,
      workgroups,
      cost: { flops, bytes: bytesOf(bindings) },
    });
  }
  const partials = { name: "partials", dtype: "f32", elements: splits * batch * m * n } as const;
  const split: Binding[] = [...operands, { ...partials, access: "write" }];
  const join: Binding[] = [{ ...partials, access: "read" }, ...results];
  return {
    launches: [
      {
        kernel: "matmul",
        label,
        wgsl: wgslOf(spec, strides, split, tile),
        bindings: split,
        workgroups,
        cost: { flops, bytes: bytesOf(split) },
      },
      {
        kernel: "matmul_join",
        label,
        wgsl: joinWgsl(spec, strides, join, tile),
        bindings: join,
        workgroups: spreadWorkgroups(Math.ceil(batch * m * n / 256)),
        cost: { flops: splits * batch * m * n, bytes: bytesOf(join) },
      },
    ],
    scratch: [partials],
  };
}

/** What padding a variant passes over. */
export function skippedPadding(
  { k, batch = 1, padding, storage = "f32" }: MatmulSpec,
  tile: MatmulTile,
): "rows" | "sums" | undefined {
  if (padding && batch > 1) {
    throw new KernelError(`matmul: padding is passed over in one product, not in ${batch}`);
  }
  if (tile.kind === "register" || tile.kind === "any") return undefined;
  if (padding !== "sums") return padding;
  // In the long loop of a CPU's tiles, looking for padding costs more than most batches have of it.
  if (tile.kind === "subgroup") return undefined;
  // Stages must not reach from a block into the next.
  const depth = tile.kind === "matrix" ? depthOf(tile, storage) : tile.depth!;
  return k % TOKEN_BLOCK === 0 && TOKEN_BLOCK % depth === 0 ? padding : undefined;
}

/** The text of a variant's only or first dispatch. */
function wgslOf(
  spec: MatmulSpec,
  strides: Strides,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  if (tile.kind === "any") return anyWgsl(spec, strides, bindings, tile);
  const matrix = tile.kind === "matrix" ? matrixOfTile(spec, tile) : undefined;
  return matrix
    ? matrixWgsl(spec, strides, bindings, tile, matrix)
    : vectorWgsl(spec, strides, bindings, tile);
}

/** Variants that can do a product as its spec says. */
export function suitableVariants(spec: MatmulSpec): MatmulVariant[] {
  return (Object.keys(matmulVariants) as MatmulVariant[]).filter((variant) =>
    !whyUnfit(spec, variant)
  );
}

function stridesOf(spec: MatmulSpec): Strides {
  const { m, n, k, layout, batch = 1 } = spec;
  requireDimensions("matmul", { m, n, k, batch });
  const [aRows, aColumns] = layout[0] === "T" ? [k, m] : [m, k];
  const [bRows, bColumns] = layout[1] === "T" ? [n, k] : [k, n];
  const a = spec.aRowStride ?? aColumns;
  const b = spec.bRowStride ?? bColumns;
  const c = spec.cRowStride ?? n;
  if (a < aColumns || b < bColumns || c < n) {
    throw new KernelError(
      `matmul ${m}×${n}×${k}: row strides ${a}, ${b}, ${c} are less than ` +
        `the ${aColumns}, ${bColumns}, ${n} columns`,
    );
  }
  return {
    a,
    b,
    c,
    aBatch: spec.aBatchStride ?? aRows * a,
    bBatch: spec.bBatchStride ?? bRows * b,
    cBatch: spec.cBatchStride ?? m * c,
  };
}

/** What keeps a variant from doing a product, where anything does. */
function whyUnfit(spec: MatmulSpec, variant: MatmulVariant): string | undefined {
  const { m, n, k, batch = 1, storage = "f32", subgroupSize = 0 } = spec;
  const tile: MatmulTile = matmulVariants[variant];
  const { kind, splits = 1 } = tile;
  if (kind !== "any" && !fallsIntoVectors(spec, stridesOf(spec))) return "wants multiples of 4";
  // Their many sums would spill on a GPU, and take its compiler long.
  if (kind === "subgroup" && (subgroupSize < 4 || subgroupSize > 8)) {
    return "wants subgroups of 4 to 8 lanes";
  }
  if (kind === "matrix" && !matrixOfTile(spec, tile)) {
    return `wants subgroup matrices of ${storage} that add up in f32`;
  }
  if (splits > 1 && k < LEAST_SPLIT * splits) {
    return `wants sums of at least ${LEAST_SPLIT * splits}`;
  }
  if (splits > 1 && 4 * splits * batch * m * n > MOST_PARTIAL_BYTES) {
    return `would need more than ${MOST_PARTIAL_BYTES} bytes for its partial sums`;
  }
  return undefined;
}

function bytesOf(bindings: readonly Binding[]): number {
  return bindings.reduce(
    (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
    0,
  );
}

/** Whether all rows start at multiples of four elements and k may be walked in fours. */
function fallsIntoVectors({ m, n, k, layout, batch = 1 }: MatmulSpec, strides: Strides): boolean {
  const { a, b, c, aBatch, bBatch, cBatch } = strides;
  const rows = [a, b, c, n, ...(layout === "TN" ? [m] : [k])];
  const matrices = batch > 1 ? [aBatch, bBatch, cBatch] : [];
  return [...rows, ...matrices].every((value) => value % 4 === 0);
}

/**
 * A variant by shape alone. Narrow subgroups (up to 8 lanes) belong to adapters that run on a CPU; all
 * others are taken for GPUs.
 */
function chooseVariant(spec: MatmulSpec): MatmulVariant {
  const { subgroupSize = 0 } = spec;
  if (whyUnfit(spec, "4x4")) return "any";
  return subgroupSize >= 4 && subgroupSize <= 8 ? chooseForCpu(spec) : chooseForGpu(spec);
}

/**
 * The largest tile that does not waste rows is fastest, and small products take small tiles, which compile
 * in a fraction of the time.
 */
function chooseForCpu(spec: MatmulSpec): MatmulVariant {
  const { m, n, k, batch = 1 } = spec;
  if (m <= 8) return "subgroup 8x4";
  if (n <= 32 || batch * m * n * k < 500_000) return "subgroup 16x4";
  const padded = (rows: number): number => Math.ceil(m / rows) * rows;
  if (padded(16) < Math.min(padded(32), padded(40)) / 1.25) return "subgroup 16x8";
  const tall = 1.05 * padded(40) < padded(32);
  // Where a panel of B outgrows the caches, splits let the next rows of A find it there.
  const long: MatmulVariant = tall ? "subgroup 40x8 split 16" : "subgroup 32x8 split 16";
  if (k >= 20_000 && !whyUnfit(spec, long)) return long;
  return tall ? "subgroup 40x8" : "subgroup 32x8";
}

/** Workgroups that are taken to fill a GPU. */
const FILLING = 256;

/** Multiply-adds that take as long as writing and reading a partial sum. */
const JOIN_WORK = 50;

/**
 * The tile with the least estimated time: the multiply-adds of all tiles, edges filled up, longer by what
 * each has to stage and where there are too few to fill the card, and the joining of splits.
 */
function chooseForGpu(spec: MatmulSpec): MatmulVariant {
  const { m, n, k, batch = 1 } = spec;
  const time = (variant: MatmulVariant): number => {
    const { rows, columns, workgroupX, workgroupY, splits = 1 }: MatmulTile =
      matmulVariants[variant];
    const height = rows * workgroupY, width = columns * workgroupX;
    const tiles = batch * Math.ceil(m / height) * Math.ceil(n / width);
    const work = tiles * height * width * k * (1 + 16 / height + 16 / width);
    const joins = splits > 1 ? JOIN_WORK * splits * batch * m * n : 0;
    return work * Math.max(1, FILLING / (tiles * splits)) + joins;
  };
  const suitable = suitableVariants(spec);
  const of = (kind: MatmulTile["kind"]): MatmulVariant[] =>
    suitable.filter((variant) => matmulVariants[variant].kind === kind);
  // Subgroup matrices, where the device has any for the operands, are several times as fast.
  const matrices = of("matrix");
  return (matrices.length > 0 ? matrices : of("workgroup")).toSorted((a, b) =>
    time(a) - time(b)
  )[0];
}
