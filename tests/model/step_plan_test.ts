import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert/mod.js";
import { testGpu } from "../kernels/harness.ts";
import { profilePlans, timePlans } from "../../model/autograd/profile.ts";
import { summarize } from "../../model/autograd/profile_summary.ts";
import { resolveHparams } from "../../model/electra/config.ts";
import { encodeChromeTrace } from "../../model/autograd/chrome_trace.ts";
import { ModelError } from "../../model/errors.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { traitsOf } from "../../model/training/recording.ts";
import { planPretraining } from "../../model/electra/pretraining.ts";
import type { StepPlan } from "../../model/training/step_plan.ts";
import { batchOf, makePretraining, smallHparams } from "./small_electra.ts";

const DEFAULT_TRAITS = { subgroupSize: 0, maxStorageBufferBindingSize: 1 << 27 };

function planSmall(
  sequence: number,
  batch: number,
  storage: "f32" | "f16" = "f32",
): StepPlan {
  const { hparams } = resolveHparams({
    model_size: "small",
    vocab_size: 32_000,
    max_seq_length: sequence,
    train_batch_size: batch,
  });
  return planPretraining(hparams, DEFAULT_TRAITS, storage);
}

Deno.test("ELECTRA-small at sequence 512, batch 64 is planned within 10 GB in f32, 6 GB in f16", () => {
  const { bytes, memory, parameters } = planSmall(512, 64);
  assertLess(bytes, 10e9);
  assertLess(planSmall(512, 64, "f16").bytes, 6e9);
  assertEquals(memory.reduce((sum, { amount }) => sum + amount, 0), bytes);
  assertEquals(parameters.reduce((sum, { amount }) => sum + amount, 0), 14_386_881);
});

Deno.test("a table of 64,000 × 768 is planned where the adapter binds it, else refused by its limit", () => {
  const { hparams } = resolveHparams({ model_size: "base", vocab_size: 64_000 });
  const traits = { subgroupSize: 32, maxStorageBufferBindingSize: 1 << 28 };
  const plan = planPretraining(hparams, traits);
  const words = plan.parameters.find(({ name }) => name === "word embeddings");
  assertEquals(words?.amount, 64_000 * 768);
  const error = assertThrows(
    () => planPretraining(hparams, { ...traits, maxStorageBufferBindingSize: 1 << 27 }),
    ModelError,
  );
  for (const part of ["word_embeddings", "64000×768", "188 MB", "128 MB", "smaller vocabulary"]) {
    assertStringIncludes(error.message, part);
  }
});

Deno.test("a parameter of more than 2²⁵ elements gets a flat buffer of its own", () => {
  const store = new ParameterStore();
  for (const rows of [100, 40_000_000, 200, 300]) {
    const shape = [rows];
    const initializer = { kind: "constant", value: 0 } as const;
    store.declare({ name: `${rows}`, shape, initializer, decays: true });
  }
  assertEquals(store.chunks.map(({ elements }) => elements), [128, 40_000_000, 256 + 320]);
  store.requireBindable({ maxStorageBufferBindingSize: 160_000_000 });
  assertThrows(
    () => store.requireBindable({ maxStorageBufferBindingSize: 159_999_999 }),
    ModelError,
  );
});

Deno.test("the memory of attention grows linearly with the sequence", () => {
  const [short, middle, long] = [128, 256, 512].map((sequence) => planSmall(sequence, 8));
  assertEquals(middle.attentionBytes, 2 * short.attentionBytes);
  assertEquals(long.attentionBytes, 4 * short.attentionBytes);
  assertLess(long.bytes / short.bytes, 4);
});

Deno.test("a plan made without a device is what the device is given", async () => {
  const gpu = await testGpu();
  const hparams = smallHparams();
  const plan = planPretraining(hparams, traitsOf(gpu));
  const trainer = await makePretraining({}, { seed: 1 });
  const statistics = trainer.plans.map((one) => one.statistics);
  const [dispatches, flops, bytes] = (["dispatches", "flops", "bytes"] as const).map((name) =>
    statistics.reduce((sum, one) => sum + one[name], 0)
  );
  assertEquals([plan.dispatches, plan.flops], [dispatches, flops]);
  // Beside the tensors the device holds the dispatches' parameter words, 256 bytes each at most.
  const parameterWords = trainer.store.bytes + bytes - plan.bytes;
  assert(parameterWords >= 0 && parameterWords <= 256 * dispatches, `${parameterWords}`);
  trainer.destroy();
});

Deno.test("a profile times every dispatch once and computes what a plain run computes", async () => {
  const gpu = await testGpu();
  const states: Uint8Array[] = [];
  for (const wallClock of [undefined, false, true]) {
    const trainer = await makePretraining({}, { seed: 1 });
    const { metrics } = await trainer.train(batchOf(3, 19, 0));
    await metrics;
    const { plans } = trainer;
    if (wallClock === undefined) {
      assert(await timePlans(gpu, plans) > 0);
    } else {
      const dispatches = plans.flatMap((plan) => plan.dispatches);
      const profile = await profilePlans(gpu, plans, { wallClock });
      assertEquals(profile.timestamps, !wallClock && gpu.features.timestamps);
      assertEquals(profile.dispatches.map(({ dispatch }) => dispatch), dispatches);
      assert(profile.dispatches.every(({ start, seconds }) => start >= 0 && seconds >= 0));
      assert(profile.dispatches.reduce((sum, { seconds }) => sum + seconds, 0) > 0);
      const { traceEvents } = JSON.parse(encodeChromeTrace(profile, "test"));
      const spans = traceEvents.filter(({ ph }: { ph: string }) => ph === "X");
      assertEquals(spans.length, dispatches.length + 3);
    }
    const [values] = (await trainer.store.readAll("parameters")).values();
    states.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    trainer.destroy();
  }
  assertEquals(states[1], states[0]);
  assertEquals(states[2], states[0]);
});

Deno.test("a summary adds up groups and holds them against the slower of arithmetic and memory", () => {
  const dispatch = (kernel: string, flops: number, bytes: number, seconds: number) => ({
    seconds,
    dispatch: {
      operation: kernel,
      phase: "forward" as const,
      tensors: [],
      launch: {
        kernel,
        label: "",
        wgsl: "",
        bindings: [],
        workgroups: [1, 1, 1] as const,
        cost: {
          flops,
          bytes,
        },
      },
    },
  });
  const times = [
    dispatch("copy", 0, 50, 1),
    dispatch("matmul", 100, 10, 2),
    dispatch("matmul", 300, 10, 5),
  ];
  const roofline = { flopsPerSecond: 100, bytesPerSecond: 100 };
  const [matmul, copy] = summarize(times, roofline, ({ launch }) => launch.kernel);
  assertEquals([matmul.name, matmul.calls, matmul.seconds], ["matmul", 2, 7]);
  assertAlmostEquals(matmul.share, 7 / 8);
  assertAlmostEquals(matmul.flopsPerSecond, 400 / 7);
  assertAlmostEquals(matmul.roofline, 4 / 7);
  assertAlmostEquals(copy.roofline, 0.5);
  assertEquals(copy.flopsPerSecond, 0);
});
