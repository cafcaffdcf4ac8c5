/**
 * Softmax over rows in float64.
 *
 * @module
 */

/** exp(input) / Σ exp(input) over each row. */
export function softmaxReference(
  rows: number,
  columns: number,
  input: ArrayLike<number>,
): Float64Array {
  const output = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    let largest = -Infinity, total = 0;
    for (let c = 0; c < columns; c++) largest = Math.max(largest, input[row * columns + c]);
    for (let c = 0; c < columns; c++) total += Math.exp(input[row * columns + c] - largest);
    for (let c = 0; c < columns; c++) {
      output[row * columns + c] = Math.exp(input[row * columns + c] - largest) / total;
    }
  }
  return output;
}

/** The gradient with respect to the input. */
export function softmaxBackwardReference(
  rows: number,
  columns: number,
  output: ArrayLike<number>,
  outputGradient: ArrayLike<number>,
): Float64Array {
  const gradient = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    let projected = 0;
    for (let c = 0; c < columns; c++) {
      projected += output[row * columns + c] * outputGradient[row * columns + c];
    }
    for (let c = 0; c < columns; c++) {
      const at = row * columns + c;
      gradient[at] = output[at] * (outputGradient[at] - projected);
    }
  }
  return gradient;
}
