/**
 * Products by subgroup matrices of shapes that only GPUs have, with plain loops in place of the matrices.
 * That proves where the kernel puts what, though not what a GPU makes
 * of it; tests/dawn/subgroup_matrix_test.ts runs the matrices that an adapter has.
 */
import { assert } from "@std/assert/mod.js";
import type { KernelProgram } from "../../kernels/launch.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import type { MatmulVariant } from "../../kernels/matmul/variants.ts";
import { matmulReference } from "../../kernels/matmul/reference.ts";
import {
  assertClose,
  fromHalf,
  normal,
  runTwice,
  testGpu,
  testNeeding,
  toHalf,
} from "./harness.ts";

/** A factor is the place where it is staged, a result the place of its sums, shared by the lanes. */
const LOOPS = `
var<workgroup> sums: array<f32, TILE_M * TILE_N>;
var<private> lane: u32;
var<private> first_sum: u32;
fn multiply(left: u32, right: u32, result: u32) -> u32 {
  for (var i = lane; i < RESULT; i += LANES) {
    var sum = 0f;
    for (var k = 0u; k < SIZE_K; k++) {
      sum += f32(a_stage[left + i / SIZE_N * A_BY_ROW + k * A_BY_K]) *
        f32(b_stage[right + k * B_BY_K + i % SIZE_N * B_BY_COLUMN]);
    }
    sums[first_sum + result * RESULT + i] += sum;
  }
  return result;
}
fn put(at: u32, result: u32) {
  for (var i = lane; i < RESULT; i += LANES) {
    results[at + i] = sums[first_sum + result * RESULT + i];
  }
}
`;

/** The same text with loops for matrices; fails where it holds a call that is not known here. */
function withLoops(wgsl: string): string {
  const text = wgsl
    .replace(/enable (subgroups|chromium_experimental_subgroup_matrix);\n/g, "")
    .replace(/subgroup_matrix_\w+<\w+, \d+, \d+>/g, "u32")
    .replace("@builtin(subgroup_id) subgroup: u32,", "")
    .replace(
      "let first =",
      `let subgroup = invocation / LANES;
  lane = invocation % LANES;
  first_sum = subgroup * ROWS * COLUMNS;
  let first =`,
    )
    .replace(/var (c_(\d+)_(\d+)): Result;/g, "var $1 = $2u * TILES_N + $3u;")
    .replace(/subgroupMatrixLoad<\w+, \w+>\(&\w+, (.*), \w+\);/g, "$1;")
    .replaceAll("subgroupMatrixMultiplyAccumulate", "multiply")
    .replace(/subgroupMatrixStore<row_major>\(&results, (.*), (\w+), SIZE_N\);/g, "put($1, $2);");
  assert(!/subgroup_?matrix/i.test(text.replace(/\/\/.*$/gm, "")), "a call is left");
  return [text, strides("A", "ROW", "K", wgsl), strides("B", "K", "COLUMN", wgsl), LOOPS].join(
    "\n",
  );
}

/** Steps between neighbouring rows and columns of the matrices of an operand, as its loads say. */
function strides(operand: string, row: string, column: string, wgsl: string): string {
  const [, major, line] = new RegExp(
    `, (\\w+)_major>\\(&${operand.toLowerCase()}_stage, .*, (\\w+)\\)`,
  )
    .exec(wgsl)!;
  const [along, across] = major === "row" ? [column, row] : [row, column];
  return `const ${operand}_BY_${along} = 1u;\nconst ${operand}_BY_${across} = ${line};`;
}

const CASES = [
  [{ m: 16, n: 16, k: 16, storage: "f16" }, "matrix 64x64 split 4", ["NT"]],
  [{ m: 8, n: 16, k: 16, storage: "f16" }, "matrix 64x64", ["NN", "NT", "TN"]],
  [{ m: 16, n: 8, k: 8, storage: "f32" }, "matrix 64x64", ["NN", "NT", "TN"]],
] as const;

const { features } = await testGpu();

for (const [{ storage, ...size }, variant, layouts] of CASES) {
  const name = `${size.m}×${size.n}×${size.k} of ${storage}`;
  const missing = storage === "f16" && !features.f16 ? "16-bit floats" : undefined;
  const test = `matmul by subgroup matrices ${name} puts every element in its place`;
  testNeeding(missing, test, async (context) => {
    const matrix = { ...size, componentType: storage, resultType: "f32", lanes: 8 };
    for (const layout of layouts) {
      const fn = (): Promise<void> =>
        holdToReference({ layout, storage, subgroupMatrices: [matrix] }, variant);
      await context.step({ name: layout, fn });
    }
  });
}

async function holdToReference(
  device: Pick<MatmulSpec, "layout" | "storage" | "subgroupMatrices">,
  variant: MatmulVariant,
): Promise<void> {
  const spec = { ...device, m: 68, n: 76, k: 276, outputStorage: "f32" } as const;
  const { m, n, k, storage } = spec;
  const numbers = (count: number, seed: number): Float32Array =>
    storage === "f16" ? fromHalf(toHalf(normal(count, seed))) : normal(count, seed);
  const a = numbers(m * k, 1), b = numbers(n * k, 2);
  const program: KernelProgram = matmul(spec, variant);
  const [launch, ...join] = program.launches;
  const launches = [{ ...launch, wgsl: withLoops(launch.wgsl) }, ...join];
  const data = storage === "f16" ? { a: toHalf(a), b: toHalf(b) } : { a, b };
  const actual = await runTwice(await testGpu(), { ...program, launches }, data);
  assertClose(actual.c, matmulReference(spec, { a, b }).c, 2e-6, `${spec.layout} ${variant}`);
}
