/**
 * What a matrix product is.
 *
 * @module
 */
import type { SubgroupMatrix } from "../device.ts";

/** Whether A is stored [m,k] (N) or [k,m] (T), and B [k,n] (N) or [n,k] (T). */
export type MatmulLayout = "NN" | "NT" | "TN";

/** A matrix product over dense storage; the matrices of a batch follow one another. */
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
