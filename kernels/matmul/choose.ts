/**
 * Which variant does a matrix product, where none was timed.
 *
 * @module
 */
import type { MatmulSpec } from "./spec.ts";
import {
  fallsIntoVectors,
  type MatmulTile,
  type MatmulVariant,
  matmulVariants,
  nextPower,
  suitableVariants,
  whyUnfit,
} from "./variants.ts";

/** Elements of a matrix below which a CPU's tiles are small. */
const SMALL = 4096;

/** Steps of k past which a CPU splits sums over a width: those over the vocabulary. */
const LONG = 4096;

/** Workgroups that are taken to fill a GPU. */
const FILLING = 256;

/**
 * A variant by shape alone. Narrow subgroups (up to 8 lanes) belong to adapters that run on a CPU; all
 * others are taken for GPUs. The number of rows (m, or k of a TN product) counts by its next power of two, so that
 * few variants serve all lengths; see {@link variantsOfLengths}.
 */
export function chooseVariant(spec: MatmulSpec): MatmulVariant {
  const { subgroupSize = 0 } = spec;
  if (!fallsIntoVectors(spec)) {
    const { m, n, layout } = spec;
    const few = layout === "TN" && m * n < FILLING * 16 && !whyUnfit(spec, "any split 64");
    return few ? "any split 64" : "any";
  }
  return subgroupSize >= 4 && subgroupSize <= 8 ? chooseForCpu(spec) : chooseForGpu(spec);
}

/**
 * The variants that {@link chooseVariant} names for the same product over so many rows or fewer, each with a
 * spec for which it does.
 */
export function variantsOfLengths(spec: MatmulSpec): ReadonlyMap<MatmulVariant, MatmulSpec> {
  const variants = new Map<MatmulVariant, MatmulSpec>();
  const length = spec.layout === "TN" ? "k" : "m";
  for (let rows = nextPower(spec[length]); rows >= 1; rows /= 2) {
    const shorter = { ...spec, [length]: rows };
    variants.set(chooseVariant(shorter), shorter);
  }
  return variants;
}

/**
 * By widths alone, since compiling takes a CPU long: large tiles where the product has room for them, small ones,
 * which compile in a fraction of the time, for small matrices.
 */
function chooseForCpu(spec: MatmulSpec): MatmulVariant {
  const { m, n, k, layout } = spec;
  if (layout !== "TN") {
    if (n <= 32 || n * k < SMALL) return "subgroup 16x4";
    // Where a panel of B outgrows the caches, splits let the next rows of A find it there.
    return k > LONG && !whyUnfit(spec, "subgroup 32x8 split 16")
      ? "subgroup 32x8 split 16"
      : "subgroup 32x8";
  }
  if (m <= 8) return "subgroup 8x4";
  if (n <= 32 || m * n < SMALL) return "subgroup 16x4";
  const padded = (rows: number): number => Math.ceil(m / rows) * rows;
  if (padded(16) < Math.min(padded(32), padded(40)) / 1.25) return "subgroup 16x8";
  return 1.05 * padded(40) < padded(32) ? "subgroup 40x8" : "subgroup 32x8";
}

/** Multiply-adds that take as long as writing and reading a partial sum. */
const JOIN_WORK = 50;

/**
 * The tile with the least estimated time: the multiply-adds of all tiles, edges filled up, longer by what
 * each has to stage and where there are too few to fill the card, and the joining of splits.
 */
function chooseForGpu(spec: MatmulSpec): MatmulVariant {
  const { n, batch = 1, layout } = spec;
  const [m, k] = layout === "TN" ? [spec.m, nextPower(spec.k)] : [nextPower(spec.m), spec.k];
  const time = (variant: MatmulVariant): number => {
    const { rows, columns, workgroupX, workgroupY, splits = 1 }: MatmulTile =
      matmulVariants[variant];
    const height = rows * workgroupY, width = columns * workgroupX;
    const tiles = batch * Math.ceil(m / height) * Math.ceil(n / width);
    const work = tiles * height * width * k * (1 + 16 / height + 16 / width);
    const joins = splits > 1 ? JOIN_WORK * splits * batch * m * n : 0;
    return work * Math.max(1, FILLING / (tiles * splits)) + joins;
  };
  const suitable = suitableVariants({ ...spec, m, k });
  const of = (kind: MatmulTile["kind"]): MatmulVariant[] =>
    suitable.filter((variant) => matmulVariants[variant].kind === kind);
  // Subgroup matrices, where the device has any for the operands, are several times as fast.
  const matrices = of("matrix");
  return (matrices.length > 0 ? matrices : of("workgroup")).toSorted((a, b) =>
    time(a) - time(b)
  )[0];
}
