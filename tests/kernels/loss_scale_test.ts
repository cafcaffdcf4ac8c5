import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import {
  LOSS_SCALE_BOUNDS,
  lossScale,
  type LossScaleState,
} from "../../kernels/loss_scale/loss_scale.ts";
import { lossScaleReference } from "../../kernels/loss_scale/reference.ts";
import { runTwice, testGpu } from "./harness.ts";

interface StepEnd {
  readonly report: Float32Array;
  readonly state: LossScaleState;
}

async function endStep(
  before: LossScaleState,
  squaredNorm: number,
  growthInterval: number,
): Promise<StepEnd> {
  const stepState = Uint32Array.of(7, 8, 9, 0);
  new Float32Array(stepState.buffer)[3] = before.scale;
  const written = await runTwice(await testGpu(), lossScale({ growthInterval }), {
    squaredNorm: Float32Array.of(squaredNorm),
    stepState,
    goodSteps: Uint32Array.of(before.goodSteps),
  });
  const words = written.stepState as Uint32Array;
  assertEquals([...words.subarray(0, 3)], [7, 8, 9], "what the host writes stays");
  const scale = new Float32Array(words.buffer, words.byteOffset)[3];
  return {
    report: written.report as Float32Array,
    state: { scale, goodSteps: written.goodSteps[0] },
  };
}

Deno.test("the loss scale doubles after good steps and halves on infinite and NaN norms, within bounds", async () => {
  const interval = 3;
  let state: LossScaleState = { scale: 1024, goodSteps: 0 };
  for (const norm of [1e8, 4, 0, 9, Infinity, 1, 1, NaN, 1, 1, 1, 1, 1, 1]) {
    const { report, state: next } = await endStep(state, norm, interval);
    assertEquals(next, lossScaleReference(state, norm, interval));
    const bad = !Number.isFinite(norm);
    assertEquals([...report.subarray(1)], [state.scale, Number(bad)]);
    if (!bad) assertEquals(report[0], Math.fround(Math.sqrt(norm) / state.scale));
    state = next;
  }
  assertEquals(state.scale, 2048, "1024 → 2048 → 1024 → 512 → 1024 → 2048");
  const { least, most } = LOSS_SCALE_BOUNDS;
  assertEquals((await endStep({ scale: least, goodSteps: 0 }, NaN, 3)).state.scale, least);
  assertEquals((await endStep({ scale: most, goodSteps: 2 }, 1, 3)).state.scale, most);
});

Deno.test("a fixed loss scale is only reported", async () => {
  const written = await runTwice(await testGpu(), lossScale({}), {
    squaredNorm: Float32Array.of(25),
    stepState: Uint32Array.of(0, 0, 0, 0x3f800000),
  });
  assertEquals(written.report, Float32Array.of(5, 1, 0));
  assert(!("stepState" in written));
});

Deno.test("a growth interval of no steps is refused", () => {
  assertThrows(() => lossScale({ growthInterval: 0 }), KernelError, "growthInterval");
});
