/**
 * What matmul computes, in float64.
 *
 * @module
 */
import { geluDerivativeReference, geluReference } from "../gelu/reference.ts";
import type { MatmulSpec } from "./spec.ts";

/** Operands of the reference; those the spec does not name are ignored. */
export interface MatmulOperands {
  /** A. */
  readonly a: ArrayLike<number>;
  /** B. */
  readonly b: ArrayLike<number>;
  /** [n] */
  readonly bias?: ArrayLike<number>;
  /** Read by `gelu_backward`. */
  readonly derivative?: ArrayLike<number>;
  /** Read where the product accumulates. */
  readonly c?: ArrayLike<number>;
}

/** C, and gelu'(z) where the epilogue is `gelu`. */
export function matmulReference(
  spec: MatmulSpec,
  operands: MatmulOperands,
): { c: Float64Array; derivative: Float64Array } {
  const { a, b } = operands;
  const { m, n, k, layout, batch = 1, epilogue = "none" } = spec;
  const c = new Float64Array(batch * m * n), derivative = new Float64Array(batch * m * n);
  for (let p = 0; p < batch; p++) {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) {
          const left = layout[0] === "T" ? i * m + row : row * k + i;
          const right = layout[1] === "T" ? column * k + i : i * n + column;
          sum += a[p * m * k + left] * b[p * k * n + right];
        }
        const at = p * m * n + row * n + column;
        const z = sum + (spec.bias ? operands.bias![column] : 0);
        c[at] = z;
        if (epilogue === "gelu") {
          c[at] = geluReference(z);
          derivative[at] = geluDerivativeReference(z);
        }
        if (epilogue === "gelu_backward") c[at] *= operands.derivative![at];
        if (spec.accumulate) c[at] += operands.c![at];
      }
    }
  }
  return { c, derivative };
}
