import { assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import {
  rmsNormBackwardReference,
  type RmsNormOperands,
  rmsNormReference,
} from "../../kernels/rms_norm/reference.ts";
import {
  rmsNormBackward,
  rmsNormForward,
  rmsNormWeightGradient,
} from "../../kernels/rms_norm/rms_norm.ts";
import { assertGradient, dot } from "./gradients.ts";
import {
  assertClose,
  type Data,
  fromHalf,
  halfTest,
  normal,
  runTwice,
  testGpu,
  toHalf,
} from "./harness.ts";

const SHAPES = [[1, 1], [3, 7], [1, 4], [5, 256], [67, 128], [131, 65]] as const;
const epsilon = 1e-6;

function operands(
  rows: number,
  columns: number,
): RmsNormOperands & Record<"input" | "weight" | "outputGradient", Float32Array> {
  return {
    columns,
    epsilon,
    input: normal(rows * columns, 1, 2),
    weight: normal(columns, 2),
    outputGradient: normal(rows * columns, 3),
  };
}

Deno.test("RMSNorm agrees with float64 on odd shapes", async () => {
  for (const [rows, columns] of SHAPES) {
    const { input, weight } = operands(rows, columns);
    const expected = rmsNormReference({ columns, epsilon, input, weight });
    const program = rmsNormForward({ rows, columns, epsilon });
    const actual = await runTwice(await testGpu(), program, { input, weight });
    assertClose(actual.output, expected.output, 2e-6, `output ${rows}×${columns}`);
    assertClose(actual.rstd, expected.rstd, 2e-6, `rstd ${rows}×${columns}`);
  }
});

Deno.test("RMSNorm of zeros is zero, and epsilon keeps its scale finite", async () => {
  const data = { input: new Float32Array(8), weight: normal(4, 1) };
  const program = rmsNormForward({ rows: 2, columns: 4, epsilon });
  const { output, rstd } = await runTwice(await testGpu(), program, data);
  assertClose(output, new Float32Array(8), 0, "output");
  assertClose(rstd, [1000, 1000], 2e-6, "rstd");
});

Deno.test("RMSNorm's gradients agree with float64, written and accumulated", async () => {
  const gpu = await testGpu();
  const { subgroupSize } = gpu.features;
  for (const [rows, columns] of SHAPES) {
    const { outputGradient, ...at } = operands(rows, columns);
    const { input, weight } = at;
    const rstd = Float32Array.from(rmsNormReference(at).rstd);
    const expected = rmsNormBackwardReference(at, outputGradient);
    for (const accumulate of [false, true]) {
      const what = `${rows}×${columns} ${accumulate ? "accumulated" : "written"}`;
      const before = (count: number): Float32Array =>
        accumulate ? normal(count, 4) : new Float32Array(count);
      const old = (name: string, values: Float32Array): Record<string, Data> =>
        accumulate ? { [name]: values } : {};
      const plus = (values: Float64Array, added: Float32Array): Float64Array =>
        values.map((value, i) => value + added[i]);

      const oldInput = before(rows * columns), oldWeight = before(columns);
      const { inputGradient } = await runTwice(
        gpu,
        rmsNormBackward({ rows, columns, accumulate }),
        { outputGradient, input, weight, rstd, ...old("inputGradient", oldInput) },
      );
      // In a single column the gradient cancels but for epsilon.
      const floor = columns === 1 ? 1 : 1e-6;
      assertClose(inputGradient, plus(expected.input, oldInput), 3e-6, `input ${what}`, floor);

      const { output } = await runTwice(
        gpu,
        rmsNormWeightGradient({ rows, columns, accumulate, subgroupSize }),
        { outputGradient, input, rstd, ...old("output", oldWeight) },
      );
      assertClose(output, plus(expected.weight, oldWeight), 3e-6, `weight ${what}`);
    }
  }
});

Deno.test("RMSNorm's reference gradients agree with central differences on 7×13", () => {
  const { outputGradient, ...at } = operands(7, 13);
  const gradients = rmsNormBackwardReference(at, outputGradient);
  for (const name of ["input", "weight"] as const) {
    const loss = (point: Float64Array): number =>
      dot(rmsNormReference({ ...at, [name]: point }).output, outputGradient);
    assertGradient(loss, at[name], gradients[name], name);
  }
});

await halfTest("RMSNorm in f16 differs by the rounding of storage alone", async (gpu) => {
  const rows = 9, columns = 36, storage = "f16";
  const { weight, ...rest } = operands(rows, columns);
  const half = { input: toHalf(rest.input), outputGradient: toHalf(rest.outputGradient) };
  const at = { columns, epsilon, input: fromHalf(half.input), weight };
  const expected = rmsNormReference(at);
  const gradients = rmsNormBackwardReference(at, fromHalf(half.outputGradient));
  const forward = rmsNormForward({ rows, columns, epsilon, storage });
  const { output, rstd } = await runTwice(gpu, forward, { input: half.input, weight });
  assertClose(fromHalf(output), expected.output, 6e-4, "output");
  const backward = rmsNormBackward({ rows, columns, storage });
  const { inputGradient } = await runTwice(gpu, backward, { ...half, weight, rstd });
  assertClose(fromHalf(inputGradient), gradients.input, 6e-4, "input");
  const sums = await runTwice(gpu, rmsNormWeightGradient({ rows, columns, storage }), {
    ...half,
    rstd,
  });
  assertClose(sums.output, gradients.weight, 3e-6, "weight");
});

Deno.test("RMSNorm refuses shapes without rows or columns", () => {
  for (
    const make of [
      () => rmsNormForward({ rows: 0, columns: 4, epsilon }),
      () => rmsNormBackward({ rows: 0, columns: 4 }),
      () => rmsNormWeightGradient({ rows: 0, columns: 4 }),
    ]
  ) {
    assertThrows(make, KernelError, "rows must be a positive integer");
  }
});
