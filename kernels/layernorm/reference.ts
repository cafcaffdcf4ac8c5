/**
 * Layernorm and its gradients in float64, without dropout (which masks `hidden` beforehand).
 *
 * @module
 */

/** Inputs of the reference. */
export interface LayerNormOperands {
  /** Rows. */
  readonly rows: number;
  /** Columns. */
  readonly columns: number;
  /** Added to the variance. */
  readonly epsilon: number;
  /** [rows, columns]: the sum that is normalised. */
  readonly sum: ArrayLike<number>;
  /** [columns] */
  readonly weight: ArrayLike<number>;
  /** [columns] */
  readonly bias: ArrayLike<number>;
}

/** Output and statistics. */
export function layerNormReference(
  { rows, columns, epsilon, sum, weight, bias }: LayerNormOperands,
): { output: Float64Array; statistics: Float64Array } {
  const output = new Float64Array(rows * columns), statistics = new Float64Array(2 * rows);
  for (let row = 0; row < rows; row++) {
    let mean = 0, variance = 0;
    for (let c = 0; c < columns; c++) mean += sum[row * columns + c] / columns;
    for (let c = 0; c < columns; c++) variance += (sum[row * columns + c] - mean) ** 2 / columns;
    const rstd = 1 / Math.sqrt(variance + epsilon);
    for (let c = 0; c < columns; c++) {
      output[row * columns + c] = (sum[row * columns + c] - mean) * rstd * weight[c] + bias[c];
    }
    statistics.set([mean, rstd], 2 * row);
  }
  return { output, statistics };
}

/** Gradients with respect to the sum, the weight and the bias. */
export function layerNormBackwardReference(
  operands: LayerNormOperands,
  outputGradient: ArrayLike<number>,
): { sum: Float64Array; weight: Float64Array; bias: Float64Array } {
  const { rows, columns, sum, weight } = operands;
  const { statistics } = layerNormReference(operands);
  const gradients = {
    sum: new Float64Array(rows * columns),
    weight: new Float64Array(columns),
    bias: new Float64Array(columns),
  };
  for (let row = 0; row < rows; row++) {
    const [mean, rstd] = statistics.subarray(2 * row, 2 * row + 2);
    const normalized = (c: number): number => (sum[row * columns + c] - mean) * rstd;
    const scaled = (c: number): number => outputGradient[row * columns + c] * weight[c];
    let average = 0, projection = 0;
    for (let c = 0; c < columns; c++) {
      average += scaled(c) / columns;
      projection += scaled(c) * normalized(c) / columns;
      gradients.weight[c] += outputGradient[row * columns + c] * normalized(c);
      gradients.bias[c] += outputGradient[row * columns + c];
    }
    for (let c = 0; c < columns; c++) {
      gradients.sum[row * columns + c] = rstd *
        (scaled(c) - average - normalized(c) * projection);
    }
  }
  return gradients;
}
