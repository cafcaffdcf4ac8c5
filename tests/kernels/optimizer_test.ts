import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { adam } from "../../kernels/adam/adam.ts";
import { adamReference } from "../../kernels/adam/reference.ts";
import { KernelError } from "../../kernels/errors.ts";
import { columnSum } from "../../kernels/reduce/column_sum.ts";
import { squaredNorm, sumAll } from "../../kernels/reduce/global_norm.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, clipNorm: 1 };

function stepState(lossScale: number): Uint32Array {
  const state = new Uint32Array(4);
  new Float32Array(state.buffer)[3] = lossScale;
  return state;
}

interface Inputs {
  readonly [name: string]: Float32Array;
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly groups: Float32Array;
  readonly squaredNorm: Float32Array;
}

function inputs(elements: number, gradientScale: number): Inputs {
  const groups = new Float32Array(elements / 32);
  for (let block = 0; block < elements / 64; block++) {
    groups.set([1 / (1 + block), block % 2 ? 0.01 : 0], 2 * block);
  }
  const gradients = normal(elements, 2, gradientScale);
  return {
    parameters: normal(elements, 1),
    gradients,
    firstMoment: normal(elements, 3, 0.1),
    secondMoment: normal(elements, 4, 0.1).map(Math.abs),
    groups,
    squaredNorm: Float32Array.of(gradients.reduce((sum, g) => sum + g * g, 0)),
  };
}

Deno.test("adam agrees with float64: clipped or not, scaled loss, rates and decay by group", async () => {
  for (const [elements, gradientScale] of [[64, 0.001], [320, 10], [4096, 1]]) {
    for (const lossScale of [1, 1024]) {
      const data = inputs(elements, gradientScale * lossScale);
      const state = {
        parameters: Float64Array.from(data.parameters),
        firstMoment: Float64Array.from(data.firstMoment),
        secondMoment: Float64Array.from(data.secondMoment),
      };
      adamReference(settings, state, data.gradients, data.groups, 0.01, lossScale);
      const actual = await runTwice(await testGpu(), adam({ elements, ...settings }), {
        ...data,
        learningRate: Float32Array.of(0.01),
        stepState: stepState(lossScale),
      });
      for (const name of ["parameters", "firstMoment", "secondMoment"] as const) {
        assertClose(actual[name], state[name], 1e-6, `${name} of ${elements}`);
      }
    }
  }
});

Deno.test("adam's epsilon holds back tiny gradients, and those that are 0 move nothing", async () => {
  const elements = 64;
  const gradients = normal(elements, 2, 1e-5).fill(0, 0, 8);
  const data = {
    ...inputs(elements, 1),
    gradients,
    firstMoment: new Float32Array(elements),
    secondMoment: new Float32Array(elements),
    squaredNorm: Float32Array.of(gradients.reduce((sum, g) => sum + g * g, 0)),
  };
  const state = {
    parameters: Float64Array.from(data.parameters),
    firstMoment: new Float64Array(elements),
    secondMoment: new Float64Array(elements),
  };
  adamReference(settings, state, gradients, data.groups, 1, 1);
  const actual = await runTwice(await testGpu(), adam({ elements, ...settings }), {
    ...data,
    learningRate: Float32Array.of(1),
    stepState: stepState(1),
  });
  assertClose(actual.parameters, state.parameters, 1e-5, "parameters");
  assertEquals(actual.parameters.slice(0, 8), data.parameters.slice(0, 8));
});

Deno.test("adam changes nothing when the gradient norm is infinite or NaN", async () => {
  for (const bad of [Infinity, NaN]) {
    const data = { ...inputs(64, 1), squaredNorm: Float32Array.of(bad) };
    const actual = await runTwice(await testGpu(), adam({ elements: 64, ...settings }), {
      ...data,
      learningRate: Float32Array.of(0.01),
      stepState: stepState(1),
    });
    assertEquals(actual.parameters, data.parameters);
    assertEquals(actual.firstMoment, data.firstMoment);
    assertEquals(actual.secondMoment, data.secondMoment);
  }
});

Deno.test("squaredNorm and sumAll agree with float64 from 1 element to two stages", async () => {
  for (const elements of [1, 127, 128, 4099, 20_012, 3_000_017]) {
    const input = normal(elements, 1);
    const squares = input.reduce((sum, x) => sum + x * x, 0);
    const norm = await runTwice(await testGpu(), squaredNorm({ elements, accumulate: true }), {
      input,
      output: Float32Array.of(2),
    });
    assertClose(norm.output, [squares + 2], 1e-6, `squared norm of ${elements}`);
    const sum = await runTwice(await testGpu(), sumAll({ elements }), { input });
    const expected = input.reduce((total, x) => total + x, 0);
    assertClose(sum.output, [expected], 1e-6, `sum of ${elements}`, Math.sqrt(elements));
  }
});

Deno.test("columnSum agrees with float64 in one stage and in two, written and accumulated", async () => {
  for (const [rows, columns] of [[1, 1], [7, 13], [64, 3], [65, 130], [1009, 5], [67, 36]]) {
    for (const accumulate of [false, true]) {
      const input = normal(rows * columns, 1);
      const old = normal(columns, 2);
      const expected = Float64Array.from(old, (x) => accumulate ? x : 0);
      input.forEach((x, i) => expected[i % columns] += x);
      for (const subgroupSize of [0, 8]) {
        const program = columnSum({ rows, columns, accumulate, subgroupSize });
        const data = { input, ...(accumulate ? { output: old } : {}) };
        const { output } = await runTwice(await testGpu(), program, data);
        assertClose(output, expected, 2e-6, `${rows}×${columns} with ${subgroupSize} lanes`);
      }
    }
  }
});

Deno.test("flat kernels refuse sizes that make no sense", () => {
  assertThrows(() => adam({ elements: 65, ...settings }), KernelError, "multiple of 64");
  assertThrows(() => squaredNorm({ elements: 0 }), KernelError, "elements");
  assertThrows(() => columnSum({ rows: 1, columns: 1.5 }), KernelError, "columns");
});
