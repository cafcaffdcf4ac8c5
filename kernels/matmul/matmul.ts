/**
 * Matrix product C = epilogue(α·A·B + bias), the work of every dense layer, forward and backward.
 *
 * @module
 */
import { KernelError } from "../errors.ts";
import geluLibrary from "../gelu/gelu.wgsl" with { type: "text" };
import {
  type Binding,
  bytesPerElement,
  declareBindings,
  type KernelProgram,
  requireDimensions,
  singleLaunch,
  specialise,
} from "../launch.ts";
import { unroll } from "../unroll.ts";
import anySource from "./matmul_any.wgsl" with { type: "text" };
import storeSource from "./matmul_store.wgsl" with { type: "text" };
import subgroupSource from "./matmul_subgroup.wgsl" with { type: "text" };
import tileSource from "./matmul_tile.wgsl" with { type: "text" };

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
   * `gelu`: writes `preActivation` = z and c = gelu(z). `gelu_backward`: multiplies by
   * gelu'(`preActivation`), which is read.
   */
  readonly epilogue?: "none" | "gelu" | "gelu_backward";
  /** Adds to c instead of overwriting it. */
  readonly accumulate?: boolean;
  /** Storage of a, b and preActivation; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** Storage of c; as `storage` by default. */
  readonly outputStorage?: "f32" | "f16";
  /** The least subgroup size of the device, where it has subgroup operations and they may be used. */
  readonly subgroupSize?: number;
}

/** A register tile: what one invocation holds of C, and the workgroup. */
export interface MatmulTile {
  /** Rows per invocation, a multiple of 4; of 8 with `subgroups`. */
  readonly rows: number;
  /** Columns per invocation, a multiple of 4. */
  readonly columns: number;
  /** Invocations along n. */
  readonly workgroupX: number;
  /** Invocations along m. */
  readonly workgroupY: number;
  /** Whether rows of A go round by subgroup broadcasts. */
  readonly subgroups: boolean;
}

/** Variants of the matmul. Those with `subgroups` need `subgroupSize` of at least 4. */
export const matmulVariants = {
  "16x16": { rows: 16, columns: 16, workgroupX: 8, workgroupY: 2, subgroups: false },
  "16x8": { rows: 16, columns: 8, workgroupX: 8, workgroupY: 4, subgroups: false },
  "8x8": { rows: 8, columns: 8, workgroupX: 8, workgroupY: 4, subgroups: false },
  "4x4": { rows: 4, columns: 4, workgroupX: 8, workgroupY: 4, subgroups: false },
  "subgroup 32x8": { rows: 32, columns: 8, workgroupX: 8, workgroupY: 1, subgroups: true },
  "subgroup 16x8": { rows: 16, columns: 8, workgroupX: 8, workgroupY: 1, subgroups: true },
  "subgroup 16x4": { rows: 16, columns: 4, workgroupX: 8, workgroupY: 1, subgroups: true },
  "subgroup 8x4": { rows: 8, columns: 4, workgroupX: 8, workgroupY: 1, subgroups: true },
  /** One number at a time, for shapes that do not fall into vec4s. */
  any: { rows: 4, columns: 4, workgroupX: 8, workgroupY: 8, subgroups: false },
} as const satisfies Readonly<Record<string, MatmulTile>>;

/** Names of the variants. */
export type MatmulVariant = keyof typeof matmulVariants;

interface Strides {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly aBatch: number;
  readonly bBatch: number;
  readonly cBatch: number;
}

/**
 * C = epilogue(α·A·B + bias) (+ C).
 *
 * Bindings: a, b, [bias], [preActivation], c.
 *
 * @param variant a variant by name; chosen by shape where left out.
 * @throws {KernelError} for shapes or strides that make no product, or a variant that cannot do them.
 */
export function matmul(spec: MatmulSpec, variant?: MatmulVariant): KernelProgram {
  const { m, n, k, layout, batch = 1, storage = "f32", epilogue = "none" } = spec;
  requireDimensions("matmul", { m, n, k, batch });
  const outputStorage = spec.outputStorage ?? storage;
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
  const strides: Strides = {
    a,
    b,
    c,
    aBatch: spec.aBatchStride ?? aRows * a,
    bBatch: spec.bBatchStride ?? bRows * b,
    cBatch: spec.cBatchStride ?? m * c,
  };
  const vectors = fallsIntoVectors(spec, strides);
  const chosen = variant ?? (vectors ? chooseVariant(spec) : "any");
  if (chosen !== "any" && !vectors) {
    throw new KernelError(
      `matmul ${m}×${n}×${k} ${layout}: variant ${chosen} wants multiples of 4`,
    );
  }
  const tile: MatmulTile = matmulVariants[chosen];
  if (tile.subgroups && !((spec.subgroupSize ?? 0) >= 4)) {
    throw new KernelError(
      `matmul ${m}×${n}×${k} ${layout}: variant ${chosen} wants subgroups of at least 4 lanes`,
    );
  }
  const extent = (rows: number, columns: number, stride: number, batchStride: number): number =>
    (batch - 1) * batchStride + (rows - 1) * stride + columns;
  const cElements = extent(m, n, c, strides.cBatch);
  const bindings: Binding[] = [
    {
      name: "a",
      access: "read",
      dtype: storage,
      elements: extent(aRows, aColumns, a, strides.aBatch),
    },
    {
      name: "b",
      access: "read",
      dtype: storage,
      elements: extent(bRows, bColumns, b, strides.bBatch),
    },
  ];
  if (spec.bias) bindings.push({ name: "bias", access: "read", dtype: "f32", elements: n });
  if (epilogue !== "none") {
    const access = epilogue === "gelu" ? "write" : "read";
    bindings.push({ name: "preActivation", access, dtype: storage, elements: cElements });
  }
  bindings.push({
    name: "c",
    access: spec.accumulate ? "read_write" : "write",
    dtype: outputStorage,
    elements: cElements,
  });
  return singleLaunch({
    kernel: "matmul",
    label: `${layout} ${batch > 1 ? `${batch}×` : ""}${m}×${n}×${k} ${chosen}`,
    wgsl: chosen === "any"
      ? anyWgsl(spec, strides, bindings, tile)
      : vectorWgsl(spec, strides, bindings, tile),
    bindings,
    workgroups: [
      Math.ceil(n / (tile.columns * tile.workgroupX)),
      Math.ceil(m / (tile.rows * tile.workgroupY)),
      batch,
    ],
    cost: {
      flops: 2 * batch * m * n * k,
      bytes: bindings.reduce(
        (sum, { dtype, elements }) => sum + bytesPerElement(dtype) * elements,
        0,
      ),
    },
  });
}

/** Whether all rows start at multiples of four elements and k may be walked in fours. */
function fallsIntoVectors({ m, n, k, layout, batch = 1 }: MatmulSpec, strides: Strides): boolean {
  const { a, b, c, aBatch, bBatch, cBatch } = strides;
  const rows = [a, b, c, n, ...(layout === "TN" ? [m] : [k])];
  const matrices = batch > 1 ? [aBatch, bBatch, cBatch] : [];
  return [...rows, ...matrices].every((value) => value % 4 === 0);
}

/**
 * Narrow subgroups (up to 8 lanes) belong to adapters that run on a CPU. There the largest tile that does
 * not waste rows is fastest; small products take small tiles, which compile in a fraction of the time.
 * Elsewhere large tiles serve where they still give every core work.
 */
function chooseVariant({ m, n, k, batch = 1, subgroupSize = 0 }: MatmulSpec): MatmulVariant {
  if (subgroupSize >= 4 && subgroupSize <= 8) {
    if (m <= 8) return "subgroup 8x4";
    if (n <= 32 || batch * m * n * k < 500_000) return "subgroup 16x4";
    return m % 32 === 0 || m > 128 ? "subgroup 32x8" : "subgroup 16x8";
  }
  const groups = ({ rows, columns, workgroupX, workgroupY }: MatmulTile): number =>
    batch * Math.ceil(m / (rows * workgroupY)) * Math.ceil(n / (columns * workgroupX));
  for (const name of ["16x8", "8x8"] as const) {
    if (groups(matmulVariants[name]) >= 8) return name;
  }
  return "4x4";
}

function anyWgsl(
  spec: MatmulSpec,
  strides: Strides,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  const { layout } = spec;
  return specialise(unroll(anySource, options(spec)), {
    ...types(spec),
    constants: {
      ...shapes(spec, strides, tile),
      A_ROW: layout[0] === "T" ? 1 : strides.a,
      A_K: layout[0] === "T" ? strides.a : 1,
      B_K: layout[1] === "T" ? 1 : strides.b,
      B_COLUMN: layout[1] === "T" ? strides.b : 1,
    },
    libraries: [
      geluLibrary,
      declareBindings(bindings, { a: "Elem", b: "Elem", preActivation: "Elem", c: "Output" }),
    ],
  });
}

function vectorWgsl(
  spec: MatmulSpec,
  strides: Strides,
  bindings: readonly Binding[],
  tile: MatmulTile,
): string {
  const share = (spec.subgroupSize ?? 4) >= 8 ? 8 : 4;
  const quads = { ROW_QUADS: tile.rows / 4, QUADS: tile.columns / 4 };
  const groups: Record<string, number> = tile.subgroups
    ? { GROUPS: tile.rows / share, SHARE: share }
    : {};
  const names = {
    ...options(spec),
    ...quads,
    ...groups,
    SHARE_QUADS: share / 4,
    A_TRANSPOSED: Number(spec.layout[0] === "T"),
    A_STRAIGHT: Number(spec.layout[0] === "N"),
    B_TRANSPOSED: Number(spec.layout[1] === "T"),
    B_STRAIGHT: Number(spec.layout[1] === "N"),
    K_TAIL: Number(spec.k % 4 !== 0),
  };
  return specialise(unroll(tile.subgroups ? subgroupSource : tileSource, names), {
    ...types(spec),
    enables: [...(types(spec).enables ?? []), ...(tile.subgroups ? ["subgroups"] : [])],
    constants: {
      ...shapes(spec, strides, tile),
      ...quads,
      ...groups,
      A_STRIDE: strides.a,
      B_STRIDE: strides.b,
    },
    libraries: [
      geluLibrary,
      declareBindings(bindings, {
        a: "Elem4",
        b: "Elem4",
        bias: "vec4<f32>",
        preActivation: "Elem4",
        c: "Output4",
      }),
      unroll(storeSource, names),
    ],
  });
}

function options({ bias, epilogue, accumulate }: MatmulSpec): Record<string, number> {
  return {
    BIAS: Number(bias ?? false),
    GELU: Number(epilogue === "gelu"),
    GELU_BACKWARD: Number(epilogue === "gelu_backward"),
    ACCUMULATE: Number(accumulate ?? false),
  };
}

function types(
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

function shapes(
  { m, n, k, alpha = 1 }: MatmulSpec,
  { c, aBatch, bBatch, cBatch }: Strides,
  { workgroupX, workgroupY }: MatmulTile,
): Record<string, number | { f32: number }> {
  return {
    M: m,
    N: n,
    K: k,
    C_STRIDE: c,
    A_BATCH: aBatch,
    B_BATCH: bBatch,
    C_BATCH: cBatch,
    ALPHA: { f32: alpha },
    WORKGROUP_X: workgroupX,
    WORKGROUP_Y: workgroupY,
  };
}
