/**
 * RMSNorm and its gradients in float64.
 *
 * @module
 */

/** Inputs of the reference. */
export interface RmsNormOperands {
  /** Columns. */
  readonly columns: number;
  /** Added to the mean of the squares. */
  readonly epsilon: number;
  /** [rows, columns] */
  readonly input: ArrayLike<number>;
  /** [columns] */
  readonly weight: ArrayLike<number>;
}

/** Output and 1 / √(mean of the squares + ε) of each row. */
export function rmsNormReference(
  { columns, epsilon, input, weight }: RmsNormOperands,
): { output: Float64Array; rstd: Float64Array } {
  const rows = input.length / columns;
  const output = new Float64Array(rows * columns), rstd = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let mean = 0;
    for (let c = 0; c < columns; c++) mean += input[row * columns + c] ** 2 / columns;
    rstd[row] = 1 / Math.sqrt(mean + epsilon);
    for (let c = 0; c < columns; c++) {
      output[row * columns + c] = input[row * columns + c] * rstd[row] * weight[c];
    }
  }
  return { output, rstd };
}

/** Gradients with respect to the input and the weight. */
export function rmsNormBackwardReference(
  operands: RmsNormOperands,
  outputGradient: ArrayLike<number>,
): { input: Float64Array; weight: Float64Array } {
  const { columns, input, weight } = operands;
  const { rstd } = rmsNormReference(operands);
  const gradients = {
    input: new Float64Array(input.length),
    weight: new Float64Array(columns),
  };
  for (let row = 0; row < rstd.length; row++) {
    const normalized = (c: number): number => input[row * columns + c] * rstd[row];
    const scaled = (c: number): number => outputGradient[row * columns + c] * weight[c];
    let projection = 0;
    for (let c = 0; c < columns; c++) {
      projection += scaled(c) * normalized(c) / columns;
      gradients.weight[c] += outputGradient[row * columns + c] * normalized(c);
    }
    for (let c = 0; c < columns; c++) {
      gradients.input[row * columns + c] = rstd[row] * (scaled(c) - normalized(c) * projection);
    }
  }
  return gradients;
}
