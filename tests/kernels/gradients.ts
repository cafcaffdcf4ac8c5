/**
 * Central differences, the judge of every gradient reference.
 */
import { assertClose } from "./harness.ts";

/**
 * Fails unless `gradient` is the derivative of `scalar` at `point`, by central differences of a float64
 * function.
 */
export function assertGradient(
  scalar: (point: Float64Array) => number,
  point: ArrayLike<number>,
  gradient: ArrayLike<number>,
  what: string,
): void {
  const at = Float64Array.from(point);
  const step = 1e-5;
  const numeric = at.map((value, i) => {
    const moved = at.slice();
    moved[i] = value + step;
    const up = scalar(moved);
    moved[i] = value - step;
    return (up - scalar(moved)) / (2 * step);
  });
  assertClose(gradient, numeric, 1e-7, what, 1e-2);
}

/** Σ a·b, a loss whose gradient with respect to a is b. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
