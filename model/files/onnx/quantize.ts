/**
 * Weights in 8 bits, each row with a scale of its own.
 *
 * @module
 */

/** A matrix in 8 bits: row r is about `quantized[r] · scales[r]`. */
export interface QuantizedRows {
  /** [rows, columns], −127 … 127. */
  readonly quantized: Int8Array<ArrayBuffer>;
  /** [rows] */
  readonly scales: Float32Array<ArrayBuffer>;
}

/** Quantises [rows, columns] symmetrically: the largest magnitude of a row becomes 127. */
export function quantizeRows(values: Float32Array, rows: number, columns: number): QuantizedRows {
  const quantized = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let largest = 0;
    for (let i = start; i < start + columns; i++) largest = Math.max(largest, Math.abs(values[i]));
    scales[row] = largest > 0 ? largest / 127 : 1;
    for (let i = start; i < start + columns; i++) {
      quantized[i] = Math.round(values[i] / scales[row]);
    }
  }
  return { quantized, scales };
}

/** [rows, columns] → [columns, rows]. */
export function transpose<T extends Float32Array<ArrayBuffer> | Int8Array<ArrayBuffer>>(
  values: T,
  rows: number,
  columns: number,
): T {
  const turned = new (values.constructor as new (length: number) => T)(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column];
    }
  }
  return turned;
}
