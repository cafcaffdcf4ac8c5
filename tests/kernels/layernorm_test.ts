import { assert, assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import { layerNormBackward, layerNormForward } from "../../kernels/layernorm/layernorm.ts";
import {
  layerNormBackwardReference,
  type LayerNormOperands,
  layerNormReference,
} from "../../kernels/layernorm/reference.ts";
import { type RowVariant, rowVariants } from "../../kernels/reduce/lanes.ts";
import { dropoutThreshold, randomWord } from "../../kernels/random/random.ts";
import { assertGradient, dot } from "./gradients.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

const SHAPES = [[1, 1], [3, 7], [1, 4], [5, 256], [67, 128], [131, 65], [19, 132]] as const;
const epsilon = 1e-12;

/** The variants that can do a number of columns on this device. */
async function variantsFor(
  columns: number,
): Promise<{ variant: RowVariant; subgroupSize: number }[]> {
  const { subgroupSize } = (await testGpu()).features;
  return rowVariants
    .filter((variant) => variant === "row" || columns % 4 === 0)
    .filter((variant) => variant !== "subgroup" || subgroupSize >= 4)
    .map((variant) => ({ variant, subgroupSize }));
}

interface Operands extends LayerNormOperands {
  readonly hidden: Float32Array;
  readonly residual: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

function operands(rows: number, columns: number): Omit<Operands, "sum"> {
  const hidden = normal(rows * columns, 1, 2);
  const residual = normal(rows * columns, 2, 2);
  const weight = normal(columns, 3), bias = normal(columns, 4);
  return { rows, columns, epsilon, hidden, residual, weight, bias };
}

Deno.test("layernorm forward agrees with float64, alone and with a residual", async () => {
  for (const [rows, columns] of SHAPES) {
    const { hidden, residual, weight, bias } = operands(rows, columns);
    for (const withResidual of [false, true]) {
      const sum = withResidual ? hidden.map((x, i) => Math.fround(x + residual[i])) : hidden;
      const expected = layerNormReference({ rows, columns, epsilon, sum, weight, bias });
      for (const { variant, subgroupSize } of await variantsFor(columns)) {
        const spec = { rows, columns, epsilon, residual: withResidual, subgroupSize };
        const data = { hidden, weight, bias, ...(withResidual ? { residual } : {}) };
        const actual = await runTwice(await testGpu(), layerNormForward(spec, variant), data);
        const what = `${rows}×${columns} ${variant}`;
        // A single column has variance 0 and so an output equal to the bias.
        assertClose(actual.output, expected.output, 2e-6, `output ${what}`);
        assertClose(actual.statistics, expected.statistics, 2e-6, `statistics ${what}`);
      }
    }
  }
});

Deno.test("layernorm backward agrees with float64, written and accumulated", async () => {
  for (const [rows, columns] of SHAPES) {
    const { hidden: sum, weight, bias } = operands(rows, columns);
    const outputGradient = normal(rows * columns, 5);
    const all = { rows, columns, epsilon, sum, weight, bias };
    const statistics = Float32Array.from(layerNormReference(all).statistics);
    const expected = layerNormBackwardReference(all, outputGradient);
    for (const accumulate of [false, true]) {
      const old: Record<string, Float32Array> = accumulate
        ? {
          hiddenGradient: normal(rows * columns, 6),
          residualGradient: normal(rows * columns, 7),
          weightGradient: normal(columns, 8),
          biasGradient: normal(columns, 9),
        }
        : {};
      const data = { outputGradient, sum, weight, statistics, ...old };
      const plus = (values: Float64Array, before?: Float32Array): Float64Array =>
        values.map((value, i) => value + (before?.[i] ?? 0));
      const floor = columns === 1 ? 1e6 : 1e-6; // rstd is 1e6 where the variance is 0
      for (const { variant, subgroupSize } of await variantsFor(columns)) {
        const program = layerNormBackward({
          rows,
          columns,
          epsilon,
          residual: true,
          accumulateHidden: accumulate,
          accumulateResidual: accumulate,
          accumulateWeight: accumulate,
          accumulateBias: accumulate,
          subgroupSize,
        }, variant);
        const actual = await runTwice(await testGpu(), program, data);
        const what = `${rows}×${columns} ${variant} ${accumulate ? "accumulated" : "written"}`;
        const hold = (name: string, values: Float64Array, floor?: number): void =>
          assertClose(actual[name], plus(values, old[name]), 3e-6, `${name} ${what}`, floor);
        hold("hiddenGradient", expected.sum, floor);
        hold("residualGradient", expected.sum, floor);
        hold("weightGradient", expected.weight);
        hold("biasGradient", expected.bias);
      }
    }
  }
});

Deno.test("layernorm's reference gradients agree with central differences on 7×13", () => {
  const { hidden: sum, weight, bias } = operands(7, 13);
  const outputGradient = normal(7 * 13, 5);
  const at = { rows: 7, columns: 13, epsilon, sum, weight, bias };
  const gradients = layerNormBackwardReference(at, outputGradient);
  for (const name of ["sum", "weight", "bias"] as const) {
    const loss = (point: Float64Array): number =>
      dot(layerNormReference({ ...at, [name]: point }).output, outputGradient);
    assertGradient(loss, at[name], gradients[name], name);
  }
});

Deno.test("layernorm drops the same elements forward and backward, as the host's words say", async () => {
  for (const columns of [31, 36]) {
    for (const { variant, subgroupSize } of await variantsFor(columns)) {
      await holdDropout(9, columns, variant, subgroupSize);
    }
  }
});

async function holdDropout(
  rows: number,
  columns: number,
  variant: RowVariant,
  subgroupSize: number,
): Promise<void> {
  const dropout = 0.4, stream = 77;
  const { hidden, residual, weight, bias } = operands(rows, columns);
  const stepState = Uint32Array.of(5, 6, 0, 0);
  const scale = hidden.map((_, i) =>
    randomWord(5, stream, 6, i) >= dropoutThreshold(dropout) ? 1 / (1 - dropout) : 0
  );
  assert(scale.some((s) => s === 0) && scale.some((s) => s > 1));
  const spec = { rows, columns, epsilon, residual: true, dropout, stream, subgroupSize };
  const sum = hidden.map((x, i) => x * scale[i] + residual[i]);
  const forward = await runTwice(await testGpu(), layerNormForward(spec, variant), {
    hidden,
    residual,
    weight,
    bias,
    stepState,
  });
  assertClose(forward.sum, sum, 1e-6, "sum");
  const outputGradient = normal(rows * columns, 5);
  const backward = await runTwice(await testGpu(), layerNormBackward(spec, variant), {
    outputGradient,
    sum: forward.sum,
    weight,
    statistics: forward.statistics,
    stepState,
  });
  const expected = layerNormBackwardReference(
    { rows, columns, epsilon, sum, weight, bias },
    outputGradient,
  );
  assertClose(backward.residualGradient, expected.sum, 3e-6, "residual gradient");
  const masked = expected.sum.map((value, i) => value * scale[i]);
  assertClose(backward.hiddenGradient, masked, 3e-6, "hidden gradient");
}

Deno.test("layernorm refuses a variant that cannot share the columns among lanes", () => {
  const spec = { rows: 2, columns: 7, epsilon, residual: false };
  assertThrows(() => layerNormForward(spec, "workgroup"), KernelError, "cannot do 7 columns");
  assertThrows(
    () => layerNormBackward({ ...spec, columns: 8 }, "subgroup"),
    KernelError,
    "0 lanes",
  );
});

Deno.test("layernorm refuses an empty shape", () => {
  const spec = { rows: 0, columns: 3, epsilon, residual: false };
  assertThrows(() => layerNormForward(spec), KernelError, "rows must be a positive integer");
  assertThrows(() => layerNormBackward(spec), KernelError, "rows must be a positive integer");
});
