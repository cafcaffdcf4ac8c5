import { assertStringIncludes, assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import {
  matmul,
  type MatmulSpec,
  type MatmulVariant,
  matmulVariants,
} from "../../kernels/matmul/matmul.ts";
import { matmulReference } from "../../kernels/matmul/reference.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

/** How many lanes a kernel may count on here: the tiles share rows among 4 or 8 of them. */
async function sharedLanes(): Promise<number[]> {
  const { subgroupSize } = (await testGpu()).features;
  return [4, 8].filter((lanes) => lanes <= subgroupSize);
}

async function holdToReference(spec: MatmulSpec, variant?: MatmulVariant): Promise<void> {
  const { m, n, k, batch = 1, epilogue, bias, accumulate } = spec;
  const a = normal(batch * m * k, 1), b = normal(batch * k * n, 2);
  const extra = {
    ...(bias ? { bias: normal(n, 3) } : {}),
    ...(epilogue === "gelu_backward" ? { preActivation: normal(batch * m * n, 4) } : {}),
    ...(accumulate ? { c: normal(batch * m * n, 5) } : {}),
  };
  const expected = matmulReference(spec, { a, b, ...extra });
  const actual = await runTwice(await testGpu(), matmul(spec, variant), { a, b, ...extra });
  const what = `${spec.layout} ${m}×${n}×${k} ${variant ?? ""}`;
  assertClose(actual.c, expected.c, 2e-6, what);
  if (epilogue === "gelu") assertClose(actual.preActivation, expected.preActivation, 2e-6, what);
}

for (const layout of ["NN", "NT", "TN"] as const) {
  Deno.test(`matmul ${layout} agrees with float64 at odd, prime, tiny and just-past-a-tile shapes`, async () => {
    for (const [m, n, k] of [[1, 1, 1], [7, 13, 5], [37, 29, 31], [5, 3, 64], [65, 67, 33]]) {
      await holdToReference({ m, n, k, layout });
    }
  });

  Deno.test(`matmul ${layout} agrees with float64 in every variant, edges included`, async () => {
    for (const variant of Object.keys(matmulVariants) as MatmulVariant[]) {
      const { subgroups } = matmulVariants[variant];
      for (const subgroupSize of subgroups ? await sharedLanes() : [undefined]) {
        await holdToReference({ m: 68, n: 76, k: 20, layout, subgroupSize }, variant);
        await holdToReference({ m: 4, n: 4, k: 4, layout, subgroupSize }, variant);
      }
    }
  });

  Deno.test(`matmul ${layout} adds bias, applies GELU and its derivative, and accumulates`, async () => {
    for (const [m, n, k] of [[36, 40, 24], [9, 11, 7]]) {
      await holdToReference({ m, n, k, layout, bias: true, epilogue: "gelu", alpha: 0.5 });
      await holdToReference({ m, n, k, layout, epilogue: "gelu_backward" });
      await holdToReference({ m, n, k, layout, accumulate: true, bias: true });
    }
  });

  Deno.test(`matmul ${layout} multiplies batches`, async () => {
    await holdToReference({ m: 8, n: 12, k: 16, layout, batch: 3 });
    await holdToReference({ m: 3, n: 5, k: 7, layout, batch: 3 });
  });
}

Deno.test("matmul TN sums over a length that four does not divide", async () => {
  await holdToReference({ m: 32, n: 24, k: 335, layout: "TN" });
  for (const subgroupSize of await sharedLanes()) {
    await holdToReference({ m: 36, n: 24, k: 335, layout: "TN", subgroupSize }, "subgroup 32x8");
  }
});

Deno.test("matmul reads and writes rows and batches at strides, and nothing between them", async () => {
  const gpu = await testGpu();
  for (const [m, n, k, pad] of [[8, 12, 16, 4], [5, 7, 3, 2]]) {
    const batch = 2;
    const [aRow, bRow, cRow] = [k + pad, n + pad, n + 2 * pad];
    const [aBatch, bBatch, cBatch] = [m * aRow + 8, k * bRow + 8, m * cRow + 8];
    const extent = (rows: number, columns: number, row: number, one: number): number =>
      (batch - 1) * one + (rows - 1) * row + columns;
    const a = normal(extent(m, k, aRow, aBatch), 1), b = normal(extent(k, n, bRow, bBatch), 2);
    const c = normal(extent(m, n, cRow, cBatch), 3);
    const program = matmul({
      m,
      n,
      k,
      batch,
      layout: "NN",
      accumulate: true,
      aRowStride: aRow,
      bRowStride: bRow,
      cRowStride: cRow,
      aBatchStride: aBatch,
      bBatchStride: bBatch,
      cBatchStride: cBatch,
    });
    const expected = Float64Array.from(c);
    for (let p = 0; p < batch; p++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          for (let l = 0; l < k; l++) {
            expected[p * cBatch + i * cRow + j] += a[p * aBatch + i * aRow + l] *
              b[p * bBatch + l * bRow + j];
          }
        }
      }
    }
    const actual = await runTwice(gpu, program, { a, b, c });
    assertClose(actual.c, expected, 2e-6, `${m}×${n}×${k} strided`);
  }
});

Deno.test("matmul refuses shapes that make no product, naming them", () => {
  const error = assertThrows(() => matmul({ m: 0, n: 1, k: 1, layout: "NN" }), KernelError);
  assertStringIncludes(error.message, "m must be a positive integer");
  assertThrows(
    () => matmul({ m: 2, n: 8, k: 8, layout: "NN", bRowStride: 4 }),
    KernelError,
    "row strides",
  );
  assertThrows(() => matmul({ m: 3, n: 3, k: 3, layout: "NN" }, "8x8"), KernelError, "multiples");
  assertThrows(
    () => matmul({ m: 32, n: 8, k: 8, layout: "NN" }, "subgroup 32x8"),
    KernelError,
    "subgroups",
  );
});
