/** Softmax cross-entropy in float64. */

/** Where element c of row r lies: see softmax_cross_entropy.wgsl. */
function place(row: number, column: number, columns: number, groups: number): number {
  return (Math.floor(row / groups) * columns + column) * groups + row % groups;
}

/** loss[r] = log Σ exp(x[r]) − x[r, label]. */
export function softmaxCrossEntropyReference(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  columns: number,
  groups: number,
): Float64Array {
  return Float64Array.from(labels, (label, row) => {
    const x = Array.from({ length: columns }, (_, c) => logits[place(row, c, columns, groups)]);
    const greatest = Math.max(...x);
    return greatest + Math.log(x.reduce((sum, v) => sum + Math.exp(v - greatest), 0)) - x[label];
  });
}

/** Its gradient, times the weight of each row and a factor. */
export function softmaxCrossEntropyBackwardReference(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
  columns: number,
  groups: number,
  factor: number,
): Float64Array {
  const gradient = new Float64Array(logits.length);
  for (let row = 0; row < labels.length; row++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.exp(logits[place(row, c, columns, groups)]);
    for (let c = 0; c < columns; c++) {
      const at = place(row, c, columns, groups);
      const difference = Math.exp(logits[at]) / sum - Number(c === labels[row]);
      gradient[at] = difference * weights[row] * factor;
    }
  }
  return gradient;
}
