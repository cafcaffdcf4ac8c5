/**
 * Which variant does a matrix product, where none was timed.
 *
 * @module
 */
import type { MatmulSpec } from "./spec.ts";
import {
  type MatmulTile,
  type MatmulVariant,
  matmulVariants,
  suitableVariants,
  whyUnfit,
} from "./variants.ts";

/** Steps of k up to which sums of a few elements are made in one. */
const MOST_IN_ONE = 4096;

/** Workgroups that are taken to fill a GPU. */
const FILLING = 256;

/**
 * A variant by shape alone. Narrow subgroups (up to 8 lanes) belong to adapters that run on a CPU; all
 * others are taken for GPUs.
 */
export function chooseVariant(spec: MatmulSpec): MatmulVariant {
  const { subgroupSize = 0 } = spec;
  if (whyUnfit(spec, "4x4")) {
    const { m, n, k } = spec;
    const long = k > MOST_IN_ONE && m * n < FILLING * 16 && !whyUnfit(spec, "any split 64");
    return long ? "any split 64" : "any";
  }
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
