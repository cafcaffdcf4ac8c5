/** Losses of fine-tuning's heads against float64. */
import { assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import {
  softmaxCrossEntropyBackwardReference,
  softmaxCrossEntropyReference,
} from "../../kernels/softmax_cross_entropy/reference.ts";
import {
  softmaxCrossEntropyBackward,
  softmaxCrossEntropyForward,
} from "../../kernels/softmax_cross_entropy/softmax_cross_entropy.ts";
import {
  squaredErrorBackward,
  squaredErrorForward,
} from "../../kernels/squared_error/squared_error.ts";
import { assertGradient } from "./gradients.ts";
import { assertClose, normal, runProgram, runTwice, testGpu } from "./harness.ts";

const LOSS_SCALE = 8;
const stepState = new Uint32Array([
  1,
  2,
  0,
  new Uint32Array(Float32Array.of(LOSS_SCALE).buffer)[0],
]);

/** Rows, columns, interleaved rows. */
const SHAPES = [[1, 1, 1], [5, 2, 1], [3, 9, 1], [70, 17, 1], [6, 67, 2], [4, 512, 2], [
  9,
  130,
  3,
]] as const;

function labelsOf(rows: number, columns: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, i) => (i * 7919) % columns);
}

Deno.test("softmax cross-entropy and its gradient agree with float64, interleaved rows included", async () => {
  const gpu = await testGpu();
  for (const [rows, columns, groups] of SHAPES) {
    const what = `${rows}×${columns} in ${groups}`;
    const logits = normal(rows * columns, 3, 4), labels = labelsOf(rows, columns);
    const spec = { rows, columns, groups };
    const { loss, logSumExp } = await runTwice(gpu, softmaxCrossEntropyForward(spec), {
      logits,
      labels,
    });
    const expected = softmaxCrossEntropyReference(logits, labels, columns, groups);
    assertClose(loss, expected, 2e-6, what, 1);
    const weights = normal(rows, 5).map((w) => Math.max(0, w)), normalizer = Float32Array.of(0.3);
    const data = { logits, labels, logSumExp, weights, normalizer, stepState };
    const backward = { ...spec, gradientScale: 1.5 };
    const { logitsGradient } = await runTwice(gpu, softmaxCrossEntropyBackward(backward), data);
    const gradient = softmaxCrossEntropyBackwardReference(
      logits,
      labels,
      weights,
      columns,
      groups,
      1.5 * normalizer[0] * LOSS_SCALE,
    );
    assertClose(logitsGradient, gradient, 3e-6, what, 1e-3);
    const before = normal(rows * columns, 6);
    const added = await runProgram(
      gpu,
      softmaxCrossEntropyBackward({ ...backward, accumulate: true }),
      {
        ...data,
        logitsGradient: before,
      },
    );
    assertClose(added.logitsGradient, gradient.map((g, i) => g + before[i]), 3e-6, what, 1e-3);
  }
});

Deno.test("softmax cross-entropy stays finite for logits that exp cannot hold", async () => {
  const logits = Float32Array.of(500, -500, 0, -3e4, 3e4, -3e4), labels = Uint32Array.of(1, 1);
  const { loss } = await runTwice(
    await testGpu(),
    softmaxCrossEntropyForward({ rows: 2, columns: 3 }),
    {
      logits,
      labels,
    },
  );
  assertClose(loss, [1000, 0], 1e-6, "losses", 1);
});

Deno.test("the reference gradient of softmax cross-entropy agrees with central differences", () => {
  const logits = normal(12, 1), labels = Uint32Array.of(1, 2), weights = [0.5, 2];
  for (const groups of [1, 2]) {
    const gradient = softmaxCrossEntropyBackwardReference(logits, labels, weights, 6, groups, 3);
    const loss = (point: Float64Array): number =>
      softmaxCrossEntropyReference(point, labels, 6, groups)
        .reduce((sum, l, row) => sum + 3 * weights[row] * l, 0);
    assertGradient(loss, logits, gradient, `logits in ${groups}`);
  }
});

Deno.test("the squared error and its gradient agree with float64", async () => {
  const gpu = await testGpu();
  for (const elements of [1, 63, 200]) {
    const predictions = normal(elements, 1),
      labels = normal(elements, 2),
      weights = normal(elements, 3);
    const { loss } = await runTwice(gpu, squaredErrorForward({ elements }), {
      predictions,
      labels,
    });
    assertClose(loss, predictions.map((p, i) => (p - labels[i]) ** 2), 2e-6, `${elements}`, 1e-3);
    const { predictionsGradient } = await runTwice(
      gpu,
      squaredErrorBackward({ elements, gradientScale: 2 }),
      {
        predictions,
        labels,
        weights,
        normalizer: Float32Array.of(0.1),
        stepState,
      },
    );
    const expected = predictions.map((p, i) => 2 * (p - labels[i]) * weights[i] * 0.2 * LOSS_SCALE);
    assertClose(predictionsGradient, expected, 2e-6, `${elements}`, 1e-3);
  }
});

Deno.test("losses of heads refuse shapes without rows, and groups that do not divide them", () => {
  assertThrows(() => softmaxCrossEntropyForward({ rows: 0, columns: 2 }), KernelError, "rows");
  assertThrows(
    () => softmaxCrossEntropyForward({ rows: 3, columns: 2, groups: 2 }),
    KernelError,
    "rows / groups",
  );
  assertThrows(() => squaredErrorForward({ elements: 0 }), KernelError, "elements");
});
