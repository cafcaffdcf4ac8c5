/**
 * GELU in float64.
 *
 * @module
 */

/** The error function by its Taylor series (near 0) or continued fraction, to about 1e-15. */
export function erfReference(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = x, sum = x;
    for (let i = 1; Math.abs(term) > 1e-17 * Math.abs(sum); i++) {
      term *= -x * x / i;
      sum += term / (2 * i + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let i = 60; i > 0; i--) fraction = i / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction)));
}

/** x·Φ(x). */
export function geluReference(x: number): number {
  return 0.5 * x * (1 + erfReference(x / Math.SQRT2));
}

/** Φ(x) + x·φ(x). */
export function geluDerivativeReference(x: number): number {
  return 0.5 * (1 + erfReference(x / Math.SQRT2)) +
    x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}
