/**
 * Histograms of float32 values as TensorBoard shows them, in one pass: a bucket holds the values whose sign,
 * exponent and first three bits of the mantissa are equal, so that its width is about a tenth of its values.
 *
 * @module
 */

/** Counts of values between limits that rise. */
export interface Histogram {
  /** The least value. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /** How many there are. */
  readonly count: number;
  /** Their sum. */
  readonly sum: number;
  /** The sum of their squares. */
  readonly squares: number;
  /** The upper end of each bucket; its lower end is that of the one before it. */
  readonly limits: readonly number[];
  /** Values in each bucket. */
  readonly counts: readonly number[];
}

/** Bits of a float32 that do not choose its bucket. */
const SHIFT = 20;

/** Buckets of either sign: exponents up to that of infinity, each in eight parts. */
const BUCKETS = 0x7f800000 >>> SHIFT;

/** The histogram of the finite values of some arrays; undefined where there is none. */
export function histogramOf(arrays: Iterable<Float32Array>): Histogram | undefined {
  const positive = new Float64Array(BUCKETS), negative = new Float64Array(BUCKETS);
  let min = Infinity, max = -Infinity, count = 0, sum = 0, squares = 0;
  for (const array of arrays) {
    const bits = new Uint32Array(array.buffer, array.byteOffset, array.length);
    for (let i = 0; i < array.length; i++) {
      const bucket = (bits[i] & 0x7fffffff) >>> SHIFT;
      if (bucket >= BUCKETS) continue;
      const value = array[i];
      if (bits[i] >>> 31) negative[bucket]++;
      else positive[bucket]++;
      if (value < min) min = value;
      if (value > max) max = value;
      count++;
      sum += value;
      squares += value * value;
    }
  }
  if (count === 0) return undefined;
  const limits: number[] = [], counts: number[] = [];
  let covered = -Infinity;
  const add = (low: number, high: number, values: number): void => {
    if (values === 0) return;
    // A gap is one empty bucket: the next one begins where it ends.
    if (low > covered) {
      limits.push(low);
      counts.push(0);
    }
    limits.push(high);
    counts.push(values);
    covered = high;
  };
  for (let i = BUCKETS - 1; i >= 0; i--) add(-edge(i + 1), -edge(i), negative[i]);
  for (let i = 0; i < BUCKETS; i++) add(edge(i), edge(i + 1), positive[i]);
  return { min, max, count, sum, squares, limits, counts };
}

const word = new Uint32Array(1), number = new Float32Array(word.buffer);

/** The least magnitude in a bucket; that of the one behind the last is just past the largest float32. */
function edge(bucket: number): number {
  if (bucket === BUCKETS) return 2 ** 128;
  word[0] = bucket << SHIFT;
  return number[0];
}
