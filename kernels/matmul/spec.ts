/**
 * What a matrix product is.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";
import { KernelError } from "../errors.ts";
import { MOST_ELEMENTS, requireDimensions } from "../launch.ts";

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

/** Elements between neighbouring rows and matrices. */
export interface Strides {
  /** Between stored rows of A. */
  readonly a: number;
  /** Between stored rows of B. */
  readonly b: number;
  /** Between rows of C. */
  readonly c: number;
  /** Between the A of neighbouring products. */
  readonly aBatch: number;
  /** Between the B of neighbouring products. */
  readonly bBatch: number;
  /** Between the C of neighbouring products. */
  readonly cBatch: number;
}

/**
 * The strides of a product, dense where the spec names none.
 *
 * @throws {KernelError} for shapes or strides that make no product.
 */
export function stridesOf(spec: MatmulSpec): Strides {
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
  const strides = {
    a,
    b,
    c,
    aBatch: spec.aBatchStride ?? aRows * a,
    bBatch: spec.bBatchStride ?? bRows * b,
    cBatch: spec.cBatchStride ?? m * c,
  };
  for (const stride of Object.values(strides)) {
    if (stride > MOST_ELEMENTS) {
      throw new KernelError(
        `matmul ${batch}×${m}×${n}×${k}: ${stride} elements from one matrix to the next are more ` +
          `than the ${MOST_ELEMENTS} that a binding may hold: use a smaller batch or a shorter sequence`,
      );
    }
  }
  return strides;
}
