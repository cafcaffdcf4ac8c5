/**
 * Rounding as Python and TensorFlow do it.
 *
 * @module
 */

/** The nearest whole number; of two that are equally near, the even one: 0.5 → 0, 1.5 → 2, 2.5 → 2. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value), rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
