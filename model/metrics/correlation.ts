/**
 * Correlation of predicted numbers with the right ones.
 *
 * @module
 */

/** Pearson's r, −1 to 1; NaN where either side is constant or there are fewer than two. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const mean = (values: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[i];
    return sum / n;
  };
  const [meanA, meanB] = [mean(a), mean(b)];
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i] - meanA, b[i] - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa) / Math.sqrt(bb) : NaN;
}

/** Spearman's rho: Pearson's r of the ranks, equal values sharing the mean of theirs. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return pearson(ranks(a), ranks(b));
}

/** Ranks from 1; equal values share their mean rank. All NaN where any value is. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const ranked = new Float64Array(values.length);
  if (Array.prototype.some.call(values, Number.isNaN)) return ranked.fill(NaN);
  const order = Array.from(values, (_, i) => i).sort((i, j) => values[i] - values[j]);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranked[order[i]] = (from + 1 + to) / 2;
    from = to;
  }
  return ranked;
}
