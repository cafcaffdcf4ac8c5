/** What a library must do to take part. */

import type { Arrays, Work } from "./work.ts";

/** A piece of work made ready on one library: compiled, its inputs on the device. */
export interface Runner {
  /** Queues the work once; what the run before made may be let go. */
  run(): void;
  /** Sends what is queued to the device and waits until it is done. Reads nothing back. */
  finish(): Promise<void>;
  /**
   * Reads the results of the last run. Gradients bear the names of their inputs; `output` and `loss` are
   * what the forward pass makes.
   */
  results(): Promise<Readonly<Record<string, Float32Array>>>;
  /** Frees what it holds. */
  dispose(): void;
}

/** A library that takes part. */
export interface Contender {
  /** Its name in the table. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Makes a piece of work ready. */
  prepare(work: Work, inputs: Arrays): Promise<Runner>;
}

/** The transpose of a row-major [rows, columns]. */
export function transpose(
  data: Float32Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c];
  }
  return result;
}
