import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert/mod.js";
import { add, dropout, fill, multiply } from "../../kernels/elementwise/elementwise.ts";
import { KernelError } from "../../kernels/errors.ts";
import { softmaxBackward, softmaxForward } from "../../kernels/softmax/softmax.ts";
import { softmaxBackwardReference, softmaxReference } from "../../kernels/softmax/reference.ts";
import { rowVariants } from "../../kernels/reduce/lanes.ts";
import { dropoutThreshold, randomWord } from "../../kernels/random/random.ts";
import { assertGradient, dot } from "./gradients.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

const SIZES = [1, 7, 64, 65, 260, 1009];

Deno.test("add, multiply and fill do so, written and accumulated", async () => {
  const gpu = await testGpu();
  for (const elements of SIZES) {
    const a = normal(elements, 1), b = normal(elements, 2), output = normal(elements, 3);
    const sum = await runTwice(gpu, add({ elements }), { a, b });
    assertClose(sum.output, a.map((x, i) => x + b[i]), 1e-7, "add");
    const product = await runTwice(gpu, multiply({ elements }), { a, b });
    assertClose(product.output, a.map((x, i) => x * b[i]), 1e-7, "multiply");
    const more = await runTwice(gpu, multiply({ elements, accumulate: true }), { a, b, output });
    assertClose(more.output, a.map((x, i) => output[i] + x * b[i]), 1e-6, "multiply and add");
    for (const value of [3, -0.25]) {
      const filled = await runTwice(gpu, fill({ elements, value }), {});
      assertEquals(filled.output, new Float32Array(elements).fill(value));
    }
  }
});

Deno.test("dropout keeps the elements that the host's words say and scales them up", async () => {
  for (const elements of SIZES) {
    const input = normal(elements, 1);
    const stepState = Uint32Array.of(11, 12, 0, 0);
    const { output } = await runTwice(
      await testGpu(),
      dropout({ elements, rate: 0.3, stream: 13 }),
      { input, stepState },
    );
    const kept = input.map((x, i) =>
      randomWord(11, 13, 12, i) >= dropoutThreshold(0.3) ? x / 0.7 : 0
    );
    assertClose(output, kept, 1e-6, "dropout");
  }
});

Deno.test("dropout at rate 0.1 drops a tenth", () => {
  let dropped = 0;
  for (let i = 0; i < 100_000; i++) if (randomWord(1, 2, 3, i) < dropoutThreshold(0.1)) dropped++;
  assertAlmostEquals(dropped / 100_000, 0.1, 0.003);
});

Deno.test("softmax and its gradient agree with float64, at extreme logits too", async () => {
  const { subgroupSize } = (await testGpu()).features;
  const shapes = [[1, 1], [3, 7], [65, 67], [1, 4], [7, 36], [5, 260]];
  const cases = shapes.flatMap(([rows, columns]) =>
    rowVariants.map((variant) => ({ rows, columns, variant }))
  ).filter(({ columns, variant }) =>
    variant === "row" || columns % 4 === 0 && (variant === "workgroup" || subgroupSize >= 4)
  );
  for (const { rows, columns, variant } of cases) {
    const what = `${rows}×${columns} ${variant}`;
    const input = normal(rows * columns, 1, 30);
    const expected = softmaxReference(rows, columns, input);
    const forward = softmaxForward({ rows, columns, subgroupSize }, variant);
    const { output } = await runTwice(await testGpu(), forward, { input });
    assertClose(output, expected, 2e-6, `softmax ${what}`);
    const outputGradient = normal(rows * columns, 2), inputGradient = normal(rows * columns, 3);
    const program = softmaxBackward({ rows, columns, accumulate: true, subgroupSize }, variant);
    const data = { output: Float32Array.from(expected), outputGradient, inputGradient };
    const backward = await runTwice(await testGpu(), program, data);
    const gradient = softmaxBackwardReference(rows, columns, expected, outputGradient);
    const sum = gradient.map((g, i) => g + inputGradient[i]);
    assertClose(backward.inputGradient, sum, 2e-6, `gradient ${what}`);
  }
});

Deno.test("softmax's reference gradient agrees with central differences on 3×5", () => {
  const input = normal(15, 1), outputGradient = normal(15, 2);
  const gradient = softmaxBackwardReference(3, 5, softmaxReference(3, 5, input), outputGradient);
  assertGradient((x) => dot(softmaxReference(3, 5, x), outputGradient), input, gradient, "softmax");
});

Deno.test("elementwise kernels refuse to run over nothing", () => {
  assertThrows(() => add({ elements: 0 }), KernelError, "elements must be a positive integer");
  assertThrows(() => softmaxForward({ rows: 2, columns: 0 }), KernelError, "columns");
});
