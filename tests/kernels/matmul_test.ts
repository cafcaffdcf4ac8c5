import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import {
  type MatmulTile,
  type MatmulVariant,
  matmulVariants,
  suitableVariants,
} from "../../kernels/matmul/variants.ts";
import { tokenBlocks } from "../../kernels/padding/token_blocks.ts";
import { matmulReference } from "../../kernels/matmul/reference.ts";
import { assertClose, halfTest, normal, runTwice, testGpu, testNeeding } from "./harness.ts";

/** How many lanes a kernel may count on here: the tiles share rows among 4 or 8 of them. */
const { features } = await testGpu();
const SHARED_LANES = [4, 8].filter((lanes) => lanes <= features.subgroupSize);

/** A test of tiles that share rows. */
function lanesTest(name: string, fn: () => Promise<void>): void {
  testNeeding(SHARED_LANES.length > 0 ? undefined : "subgroups of 4 lanes or more", name, fn);
}

async function holdToReference(spec: MatmulSpec, variant?: MatmulVariant): Promise<void> {
  const { m, n, k, batch = 1, epilogue, bias, accumulate } = spec;
  const a = normal(batch * m * k, 1), b = normal(batch * k * n, 2);
  const extra = {
    ...(bias ? { bias: normal(n, 3) } : {}),
    ...(epilogue === "gelu_backward" ? { derivative: normal(batch * m * n, 4) } : {}),
    ...(accumulate ? { c: normal(batch * m * n, 5) } : {}),
  };
  const expected = matmulReference(spec, { a, b, ...extra });
  const actual = await runTwice(await testGpu(), matmul(spec, variant), { a, b, ...extra });
  const what = `${spec.layout} ${m}×${n}×${k} ${variant ?? ""}`;
  assertClose(actual.c, expected.c, 2e-6, what);
  if (epilogue === "gelu") assertClose(actual.derivative, expected.derivative, 2e-6, what);
}

/** A shape with edges along each axis, and the smallest. */
async function holdEdges(
  layout: MatmulSpec["layout"],
  variant: MatmulVariant,
  subgroupSize?: number,
): Promise<void> {
  const { splits = 1 }: MatmulTile = matmulVariants[variant];
  const least = splits > 1 ? 64 * splits : 4;
  await holdToReference({ m: 68, n: 76, k: least + 16, layout, subgroupSize }, variant);
  await holdToReference({ m: 4, n: 4, k: least, layout, subgroupSize }, variant);
}

for (const layout of ["NN", "NT", "TN"] as const) {
  Deno.test(`matmul ${layout} agrees with float64 at odd, prime, tiny and just-past-a-tile shapes`, async () => {
    for (const [m, n, k] of [[1, 1, 1], [7, 13, 5], [37, 29, 31], [5, 3, 64], [65, 67, 33]]) {
      await holdToReference({ m, n, k, layout });
    }
  });

  Deno.test(`matmul ${layout} agrees with float64 in every variant, edges included`, async () => {
    for (const variant of Object.keys(matmulVariants) as MatmulVariant[]) {
      const { kind } = matmulVariants[variant];
      // tests/dawn/subgroup_matrix_test.ts, and the next test
      if (kind !== "matrix" && kind !== "subgroup") await holdEdges(layout, variant);
    }
  });

  lanesTest(`matmul ${layout} agrees with float64 in every variant that shares rows`, async () => {
    for (const variant of Object.keys(matmulVariants) as MatmulVariant[]) {
      if (matmulVariants[variant].kind !== "subgroup") continue;
      for (const subgroupSize of SHARED_LANES) await holdEdges(layout, variant, subgroupSize);
    }
  });

  lanesTest(
    `matmul ${layout} agrees with float64 where B is wide and a CPU's tiles go down first`,
    async () => {
      for (const subgroupSize of SHARED_LANES) {
        await holdToReference({ m: 76, n: 1028, k: 12, layout, subgroupSize, bias: true });
        await holdToReference({ m: 100, n: 1028, k: 12, layout, subgroupSize }, "subgroup 32x8");
      }
    },
  );

  Deno.test(`matmul ${layout} adds bias, applies GELU and its derivative, and accumulates`, async () => {
    for (const [m, n, k] of [[36, 40, 24], [9, 11, 7]]) {
      await holdToReference({ m, n, k, layout, bias: true, epilogue: "gelu" });
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
  for (const subgroupSize of SHARED_LANES) {
    await holdToReference({ m: 36, n: 24, k: 335, layout: "TN", subgroupSize }, "subgroup 32x8");
  }
});

for (const layout of ["NN", "NT", "TN"] as const) {
  Deno.test(`matmul ${layout} staged in workgroup memory: tiles' edges, tails of k, batches, epilogues`, async () => {
    const k = layout === "TN" ? 275 : 276;
    const staged = ["workgroup 128x64", "workgroup 32x32", "workgroup 64x64 split 4"] as const;
    for (const variant of staged) {
      await holdToReference({ m: 132, n: 68, k, layout, batch: 2 }, variant);
      await holdToReference({ m: 36, n: 40, k, layout, bias: true, epilogue: "gelu" }, variant);
      await holdToReference({ m: 36, n: 40, k, layout, epilogue: "gelu_backward" }, variant);
      await holdToReference({ m: 64, n: 32, k: 512, layout, accumulate: true }, variant);
    }
  });

  await halfTest(
    `matmul ${layout} reads and writes f16 in every kind of variant, summing in f32`,
    async (gpu) => {
      const [m, n, k] = [36, 40, 272];
      const a = new Float16Array(normal(m * k, 1)), b = new Float16Array(normal(k * n, 2));
      const bits = (values: Float16Array): Uint16Array => new Uint16Array(values.buffer);
      const subgroupSize = gpu.features.subgroupSize;
      const spec = { m, n, k, layout, storage: "f16", outputStorage: "f32", subgroupSize } as const;
      const expected = matmulReference(spec, { a, b });
      for (const variant of suitableVariants(spec)) {
        const program = matmul(spec, variant);
        const actual = await runTwice(gpu, program, { a: bits(a), b: bits(b) });
        assertClose(actual.c, expected.c, 2e-6, `f16 ${layout} ${variant}`);
      }
      const half = await runTwice(
        gpu,
        matmul({ ...spec, outputStorage: "f16" }, "workgroup 64x64"),
        {
          a: bits(a),
          b: bits(b),
        },
      );
      assertClose(new Float16Array(half.c.buffer), expected.c, 5e-4, `f16 ${layout} into f16`);
    },
  );
}

Deno.test("matmul chooses a variant that can do the product, on every kind of adapter", () => {
  for (const subgroupSize of [0, 4, 8, 16, 32, 64]) {
    for (const layout of ["NN", "NT", "TN"] as const) {
      for (const [m, n, k] of [[4, 4, 4], [3, 8, 8], [8192, 1024, 256], [256, 256, 32768]]) {
        const spec = { m, n, k, layout, subgroupSize };
        const label = matmul(spec).launches[0].label;
        const variant = label.slice(label.lastIndexOf(`×${k} `) + `×${k} `.length);
        assert(suitableVariants(spec).includes(variant as MatmulVariant), `${label}`);
      }
    }
  }
  const tall = matmul({ m: 256, n: 256, k: 32768, layout: "TN", subgroupSize: 32 });
  assertStringIncludes(tall.launches[0].label, "split");
});

Deno.test("matmul takes subgroup matrices of the operands' type that add up in f32, and no others", () => {
  const half = { m: 16, n: 16, k: 16, componentType: "f16", resultType: "f32", lanes: 32 };
  const spec: MatmulSpec = { m: 4096, n: 1024, k: 256, layout: "NT", storage: "f16" };
  const chosen = (matrices: (typeof half)[], more: Partial<MatmulSpec> = {}): string => {
    const whole = { ...spec, subgroupSize: 32, subgroupMatrices: matrices, ...more };
    const [{ label }] = matmul(whole).launches;
    assert(suitableVariants(whole).some((variant) => label.endsWith(` ${variant}`)), label);
    return label;
  };
  assertStringIncludes(chosen([half]), "matrix 128x128");
  assertStringIncludes(chosen([half], { m: 512 }), "matrix 64x64");
  const tall = { m: 256, n: 256, k: 32768, layout: "TN", outputStorage: "f32" } as const;
  assertStringIncludes(chosen([half], tall), "matrix 64x64 split 16");
  const smaller = { ...half, m: 8, n: 8, k: 8 };
  const [{ wgsl }] =
    matmul({ ...spec, subgroupMatrices: [smaller, half] }, "matrix 64x64").launches;
  assertStringIncludes(wgsl, "subgroup_matrix_left<f16, 16, 16>");
  for (
    const unfit of [
      chosen([]),
      chosen([half], { storage: "f32" }),
      chosen([half], { n: 1022 }),
      chosen([half], { subgroupSize: 8 }),
      chosen([{ ...half, resultType: "f16" }]),
      chosen([{ ...half, k: 64 }]),
      chosen([{ ...half, n: 24 }]),
      chosen([{ ...half, lanes: 128 }]),
    ]
  ) {
    assert(!unfit.includes("matrix"), unfit);
  }
  assertThrows(() => matmul(spec, "matrix 64x64"), KernelError, "wants subgroup matrices of f16");
});

/** Blocks of 16 tokens: 1 where any is real, as long as `tokens` are. */
const PATTERN = [0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0];

/** The first real block from each on. */
function firstReal(blocks: ArrayLike<number>): Uint32Array<ArrayBuffer> {
  const first = new Uint32Array(blocks.length);
  let next = blocks.length;
  for (let i = blocks.length - 1; i >= 0; i--) first[i] = next = blocks[i] ? i : next;
  return first;
}

/** The variants that skip a kind of padding, each with a spec that makes them do so here. */
function passing(spec: MatmulSpec): [MatmulSpec, MatmulVariant][] {
  const lanes = SHARED_LANES;
  return (Object.keys(matmulVariants) as MatmulVariant[]).flatMap((variant) =>
    (matmulVariants[variant].kind === "subgroup" ? lanes : [undefined]).flatMap((subgroupSize) => {
      const one = { ...spec, subgroupSize };
      return suitableVariants(one).includes(variant) ? [[one, variant] as const] : [];
    })
  ).map(([one, variant]) => [one, variant]);
}

/** Kinds of tiles that skip padded rows. */
const PASSES = ["subgroup", "workgroup"];

for (const layout of ["NN", "NT"] as const) {
  Deno.test(`matmul ${layout} makes all rows that are real, and of tiles of padding what sums of 0 give`, async () => {
    const m = 16 * PATTERN.length - 4, n = 20, k = 64;
    const a = normal(m * k, 1), b = normal(k * n, 2), bias = normal(n, 3);
    const isReal = (row: number): boolean => PATTERN[Math.floor(row / 16)] === 1;
    // What is read of a padded row would show.
    for (let i = 0; i < a.length; i++) if (!isReal(Math.floor(i / k))) a[i] = 1e30;
    const plain = { m, n, k, layout, bias: true } as const;
    const expected = matmulReference(plain, { a, b, bias }).c;
    for (const [spec, variant] of passing({ ...plain, padding: "rows" })) {
      const { kind, rows, workgroupY } = matmulVariants[variant];
      const tokenBlocks = firstReal(PATTERN);
      const data = { a, b, bias, ...(PASSES.includes(kind) ? { tokenBlocks } : {}) };
      const { c } = await runTwice(await testGpu(), matmul(spec, variant), data);
      const real = (_: number, i: number): boolean => isReal(Math.floor(i / n));
      assertClose(c.filter(real), expected.filter(real), 2e-6, `${layout} ${variant}`);
      assert(c.every(Number.isFinite));
      if (!PASSES.includes(kind) || rows * workgroupY > 96) continue;
      // Rows 96 to 191 are padding: a whole tile at least.
      const tile = Math.ceil(96 / (rows * workgroupY)) * rows * workgroupY;
      if (tile + rows * workgroupY > 192) continue;
      for (let i = tile * n; i < (tile + 1) * n; i++) assertEquals(c[i], bias[i % n]);
    }
  });
}

Deno.test("matmul TN sums over real tokens alone, does not read padding, and gives the bits of summing zeros", async () => {
  const k = 16 * 80, m = 36, n = 40;
  const real = Array.from({ length: 80 }, (_, i) => PATTERN[i % PATTERN.length]);
  const tokenBlocks = firstReal(real);
  const isReal = (i: number, width: number): boolean => real[Math.floor(i / width / 16)] === 1;
  const a = normal(k * m, 1), b = normal(k * n, 2), c = normal(m * n, 3);
  const plain = { m, n, k, layout: "TN", accumulate: true } as const;
  const zeroed = (x: Float32Array, width: number, value: number): Float32Array =>
    x.map((v, i) => isReal(i, width) ? v : value);
  const zeros = { a: zeroed(a, m, 0), b: zeroed(b, n, 0), c };
  const expected = matmulReference(plain, zeros).c;
  for (const [spec, variant] of passing({ ...plain, padding: "sums" })) {
    if (matmulVariants[variant].kind !== "workgroup") continue;
    const data = { a: zeroed(a, m, NaN), b: zeroed(b, n, NaN), c, tokenBlocks };
    const passed = await runTwice(await testGpu(), matmul(spec, variant), data);
    assertClose(passed.c, expected, 2e-6, variant);
    const { subgroupSize } = spec;
    const all = await runTwice(await testGpu(), matmul({ ...plain, subgroupSize }, variant), zeros);
    assertEquals(passed.c, all.c);
  }
  for (const padding of ["rows", "sums"] as const) {
    assertThrows(() => matmul({ ...plain, batch: 2, padding }), KernelError, "in one product");
  }
});

Deno.test("blocks of tokens tell the next one that holds a real token, the last block cut off", async () => {
  for (const tokens of [1, 16, 17, 250]) {
    for (const period of [37, 1, 1000]) {
      const attentionMask = Uint32Array.from(
        { length: tokens },
        (_, i) => Number(i % period === 5),
      );
      const program = tokenBlocks({ tokens });
      const { tokenBlocks: blocks } = await runTwice(await testGpu(), program, { attentionMask });
      const real = Array.from(
        { length: Math.ceil(tokens / 16) },
        (_, i) => Math.max(...attentionMask.subarray(16 * i, 16 * i + 16)),
      );
      assertEquals(Uint32Array.from(blocks), firstReal(real));
    }
  }
});

Deno.test("matmul refuses shapes that make no product, naming them", () => {
  const error = assertThrows(() => matmul({ m: 0, n: 1, k: 1, layout: "NN" }), KernelError);
  assertStringIncludes(error.message, "m must be a positive integer");
  assertThrows(
    () => matmul({ m: 3, n: 3, k: 3, layout: "NN" }, "workgroup 32x32"),
    KernelError,
    "multiples",
  );
  assertThrows(
    () => matmul({ m: 32, n: 8, k: 8, layout: "NN" }, "subgroup 32x8"),
    KernelError,
    "subgroups",
  );
  assertThrows(
    () => matmul({ m: 64, n: 64, k: 128, layout: "NT" }, "workgroup 64x64 split 4"),
    KernelError,
    "sums of at least 256",
  );
});
