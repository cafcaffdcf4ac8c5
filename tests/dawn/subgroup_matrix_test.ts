/**
 * Products by subgroup matrices, run where Dawn and the driver have them: a GPU with tensor cores, or
 * Mesa's software driver from 26.1 on. Without, they are skipped.
 */
import { assertEquals } from "@std/assert/mod.js";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import {
  type MatmulVariant,
  matmulVariants,
  suitableVariants,
} from "../../kernels/matmul/variants.ts";
import { matmulReference } from "../../kernels/matmul/reference.ts";
import {
  assertClose,
  type Data,
  fromHalf,
  normal,
  runTwice,
  testGpu,
  testNeeding,
  toHalf,
} from "../kernels/harness.ts";

const variants = (Object.keys(matmulVariants) as MatmulVariant[]).filter((variant) =>
  matmulVariants[variant].kind === "matrix"
);

/** Room for matrices that round their sums in f32 in their own way; sums in f16 would be far off. */
const TOLERANCE = 1e-5;

/** Half a unit in the last place of f16, with room for sums. */
const HALF = 6e-4;

const { features: { subgroupMatrices } } = await testGpu();

/** A test of each storage. */
function matrixTest(name: string, run: (storage: "f32" | "f16") => Promise<void>): void {
  for (const storage of ["f16", "f32"] as const) {
    const spec: MatmulSpec = { m: 4, n: 4, k: 4, layout: "NN", storage, subgroupMatrices };
    const has = suitableVariants(spec).includes("matrix 64x64");
    const missing = has ? undefined : `subgroup matrices of ${storage}`;
    testNeeding(missing, `${name}, ${storage}`, () => run(storage));
  }
}

/** How numbers travel in a storage, and what they are afterwards. */
const CODECS = {
  f16: { encode: toHalf, decode: fromHalf, tolerance: HALF },
  f32: {
    encode: (values: ArrayLike<number>): Float32Array => Float32Array.from(values),
    decode: (data: Data): Float32Array => Float32Array.from(data),
    tolerance: TOLERANCE,
  },
};

async function holdToReference(spec: MatmulSpec, variant: MatmulVariant): Promise<void> {
  const { m, n, k, batch = 1, storage = "f32", outputStorage = storage, epilogue } = spec;
  const stored = CODECS[storage], output = CODECS[outputStorage];
  const data: Record<string, Data> = {
    a: stored.encode(normal(batch * m * k, 1)),
    b: stored.encode(normal(batch * k * n, 2)),
  };
  if (spec.bias) data.bias = normal(n, 3);
  if (epilogue === "gelu_backward") data.derivative = stored.encode(normal(batch * m * n, 4));
  if (spec.accumulate) data.c = output.encode(normal(batch * m * n, 5));
  const gpu = await testGpu();
  const { subgroupMatrices } = gpu.features;
  const actual = await runTwice(gpu, matmul({ ...spec, subgroupMatrices }, variant), data);
  const expected = matmulReference(spec, {
    a: stored.decode(data.a),
    b: stored.decode(data.b),
    bias: data.bias as Float32Array | undefined,
    derivative: data.derivative && stored.decode(data.derivative),
    c: data.c && output.decode(data.c),
  });
  const what = `${JSON.stringify(spec)} ${variant}`;
  assertClose(output.decode(actual.c), expected.c, output.tolerance, what);
  if (epilogue === "gelu") {
    const { derivative } = actual;
    assertClose(stored.decode(derivative), expected.derivative, stored.tolerance, what);
  }
}

for (const layout of ["NN", "NT", "TN"] as const) {
  matrixTest(
    `subgroup matrices ${layout} agree with float64 in all their variants, edges included`,
    async (storage) => {
      for (const variant of variants) {
        const { splits = 1 } = matmulVariants[variant];
        const least = splits > 1 ? 64 * splits : 4;
        const spec = { layout, storage, outputStorage: "f32" } as const;
        await holdToReference({ ...spec, m: 132, n: 140, k: least + 20 }, variant);
      }
    },
  );

  matrixTest(
    `subgroup matrices ${layout}: whole tiles, batches, factors, epilogues and both storages of c`,
    async (storage) => {
      const spec = { layout, storage, m: 68, n: 72, k: 96 } as const;
      const variant = "matrix 64x64";
      await holdToReference({ ...spec, m: 4, n: 4, k: 4, outputStorage: "f32" }, variant);
      await holdToReference({ ...spec, m: 128, n: 64, k: 64, outputStorage: "f32" }, variant);
      await holdToReference({ ...spec, batch: 3, outputStorage: "f32" }, variant);
      await holdToReference({ ...spec, bias: true, epilogue: "gelu" }, variant);
      await holdToReference({ ...spec, epilogue: "gelu_backward" }, variant);
      await holdToReference({ ...spec, accumulate: true, outputStorage: "f32" }, variant);
      await holdToReference({ ...spec, accumulate: true }, variant);
      await holdToReference(
        { ...spec, k: 276, bias: true, accumulate: true, outputStorage: "f32" },
        "matrix 64x64 split 4",
      );
    },
  );
}

matrixTest("subgroup matrices TN sum over a length that four does not divide", async (storage) => {
  const spec = { m: 36, n: 24, k: 335, layout: "TN", storage, outputStorage: "f32" } as const;
  for (const variant of ["matrix 64x64", "matrix 64x64 split 4"] as const) {
    await holdToReference(spec, variant);
  }
});

matrixTest("subgroup matrices skip rows and sums that are padding", async (storage) => {
  const gpu = await testGpu();
  const { subgroupMatrices } = gpu.features;
  const { encode } = CODECS[storage];
  const variant = "matrix 128x128", n = 24;
  // Of 16 blocks of 16 tokens, these are real; the first tile of rows has none.
  const real = [9, 10, 13];
  const tokenBlocks = Uint32Array.from({ length: 16 }, (_, i) => real.find((b) => b >= i) ?? 16);
  const isReal = (token: number): boolean => real.includes(Math.floor(token / 16));

  const rows = {
    m: 256,
    n,
    k: 32,
    layout: "NT",
    storage,
    outputStorage: "f32",
    bias: true,
  } as const;
  const a = new Float16Array(normal(256 * 32, 1)), b = new Float16Array(normal(n * 32, 2));
  const bias = normal(n, 3);
  const made = await runTwice(
    gpu,
    matmul({ ...rows, padding: "rows", subgroupMatrices }, variant),
    { a: encode(a), b: encode(b), tokenBlocks, bias },
  );
  const expected = matmulReference(rows, { a, b, bias }).c;
  assertEquals(
    made.c.slice(0, 128 * n),
    Float32Array.from({ length: 128 * n }, (_, i) => bias[i % n]),
  );
  assertClose(made.c.slice(128 * n), expected.slice(128 * n), TOLERANCE, "rows");

  const sums = { m: 36, n, k: 256, layout: "TN", storage, outputStorage: "f32" } as const;
  const kept = (width: number, seed: number): Float16Array =>
    new Float16Array(normal(256 * width, seed)).map((v, i) =>
      isReal(Math.floor(i / width)) ? v : 0
    );
  const left = kept(36, 4), right = kept(n, 5);
  const program = matmul({ ...sums, padding: "sums", subgroupMatrices }, variant);
  const passes = program.launches[0].bindings.some(({ name }) => name === "tokenBlocks");
  const { c } = await runTwice(gpu, program, {
    a: encode(left),
    b: encode(right),
    ...(passes ? { tokenBlocks } : {}),
  });
  assertClose(c, matmulReference(sums, { a: left, b: right }).c, TOLERANCE, "sums");
});
