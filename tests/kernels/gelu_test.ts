import { assertAlmostEquals } from "@std/assert/mod.js";
import { geluDerivativeReference, geluReference } from "../../kernels/gelu/reference.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import { assertGradient } from "./gradients.ts";
import { normal, runTwice, testGpu } from "./harness.ts";

Deno.test("gelu and its derivative agree with the exact erf from −12 to 12 within 1e-6", async () => {
  // Times the identity, so that the epilogue of the product sees the points themselves.
  const m = 601, n = 4;
  const a = Float32Array.from({ length: m * n }, (_, i) => (i - 1202) / 100);
  const b = Float32Array.from({ length: n * n }, (_, i) => Number(i % n === Math.floor(i / n)));
  const program = matmul({ m, n, k: n, layout: "NN", epilogue: "gelu" });
  const { c, derivative } = await runTwice(await testGpu(), program, { a, b });
  a.forEach((x, i) => {
    assertAlmostEquals(c[i], geluReference(x), 1e-6 * Math.max(1, Math.abs(x)));
    assertAlmostEquals(derivative[i], geluDerivativeReference(x), 1.5e-6);
  });
});

Deno.test("the reference derivative of gelu agrees with central differences", () => {
  const point = normal(50, 1, 2);
  const sum = (x: Float64Array): number => x.reduce((s, v) => s + geluReference(v), 0);
  assertGradient(sum, point, Float64Array.from(point, geluDerivativeReference), "gelu");
});
