/** A batch in parts, activations made again, shares of several devices: the same training in other memory. */
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert/mod.js";
import { resolveHparams } from "../../model/electra/config.ts";
import type { TokenBatch } from "../../model/electra/masking.ts";
import {
  planPretraining,
  type Pretraining,
  pretrainingObjective,
  trainingOptions,
} from "../../model/electra/pretraining.ts";
import { ModelError } from "../../model/errors.ts";
import { Training } from "../../model/training/training.ts";
import { testGpu } from "../kernels/harness.ts";
import { batchOf, checkpointOf, makePretraining, smallHparams, SPECIAL } from "./small_electra.ts";

const STEPS = 20, ROWS = 6, SEQUENCE = 19;

const NO_DROPOUT = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };

/** Rows of different lengths, so that parts have different weights. */
function unevenBatch(number: number): TokenBatch {
  const batch = batchOf(ROWS, SEQUENCE, number);
  for (let row = 0; row < ROWS; row++) {
    for (let s = SEQUENCE - 2 * row; s < SEQUENCE; s++) {
      batch.inputIds[row * SEQUENCE + s] = batch.attentionMask[row * SEQUENCE + s] = 0;
    }
  }
  return batch;
}

interface Run {
  /** Total loss of each step. */
  readonly losses: number[];
  /** All parameters at the end, by their names. */
  readonly parameters: Map<string, Float32Array>;
}

async function run(training: Pretraining): Promise<Run> {
  const losses: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    losses.push((await (await training.train(unevenBatch(step))).metrics).totalLoss);
  }
  const { parameters } = await training.state();
  const floats = [...parameters].map(([name, { bytes }]) =>
    [name, new Float32Array(bytes.slice().buffer)] as const
  );
  training.destroy();
  return { losses, parameters: new Map(floats) };
}

/** How far two runs are apart: the largest difference of parameters over the distance that they moved. */
function distance(a: Run, b: Run, start: Run["parameters"]): number {
  let apart = 0, moved = 0;
  for (const [name, values] of a.parameters) {
    const others = b.parameters.get(name)!, before = start.get(name)!;
    values.forEach((value, i) => {
      apart += (value - others[i]) ** 2;
      moved += (value - before[i]) ** 2;
    });
  }
  return Math.sqrt(apart / moved);
}

async function startOf(more: Record<string, unknown>): Promise<Run["parameters"]> {
  const training = await makePretraining(more);
  const { parameters } = await training.state();
  training.destroy();
  return new Map(
    Array.from(parameters, ([name, { bytes }]) => [name, new Float32Array(bytes.slice().buffer)]),
  );
}

for (const electra_objective of [true, false]) {
  const name = electra_objective ? "ELECTRA" : "a masked language model";
  Deno.test(`${name} in 2 and in 6 parts trains as in one batch, to float rounding over 20 steps`, async () => {
    const more = {
      electra_objective,
      train_batch_size: ROWS,
      num_warmup_steps: 0,
      model_hparam_overrides: NO_DROPOUT,
    };
    const start = await startOf(more);
    const whole = await run(await makePretraining(more));
    assert(Math.abs(whole.losses[0] - whole.losses[19]) > 0.01, "the model moves");
    for (const gradient_accumulation_steps of [2, 6]) {
      const parts = await run(await makePretraining({ ...more, gradient_accumulation_steps }));
      assertLess(Math.abs(parts.losses[0] / whole.losses[0] - 1), 1e-6);
      for (const [step, loss] of whole.losses.entries()) {
        const off = Math.abs(parts.losses[step] / loss - 1);
        assertLess(off, 1e-4, `step ${step + 1} in ${gradient_accumulation_steps} parts`);
      }
      const apart = distance(whole, parts, start);
      assertLess(apart, 1e-2, `parameters in ${gradient_accumulation_steps} parts`);
    }
  });
}

Deno.test("shares of a batch on several trainings add up to it through the exchange of gradients", async () => {
  const gpu = await testGpu();
  const hparams = smallHparams({
    train_batch_size: ROWS,
    num_warmup_steps: 0,
    model_hparam_overrides: NO_DROPOUT,
  });
  const whole = await run(
    await makePretraining({
      train_batch_size: ROWS,
      num_warmup_steps: 0,
      model_hparam_overrides: NO_DROPOUT,
    }),
  );
  const sums: Float32Array[][] = [];
  let arrived = 0, open: () => void = () => {};
  let gate = new Promise<void>((resolve) => open = resolve);
  const exchange = async (buffers: readonly GPUBuffer[]): Promise<void> => {
    const own: Float32Array[] = [];
    for (const buffer of buffers) {
      const read = gpu.device.createBuffer({
        size: buffer.size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      const encoder = gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, read, 0, buffer.size);
      gpu.device.queue.submit([encoder.finish()]);
      await read.mapAsync(GPUMapMode.READ);
      own.push(new Float32Array(read.getMappedRange().slice(0)));
      read.destroy();
    }
    sums.push(own);
    const waits = gate;
    if (++arrived === 2) {
      arrived = 0;
      const release = open;
      gate = new Promise<void>((resolve) => open = resolve);
      release();
    }
    await waits;
    const [a, b] = sums.slice(-2);
    buffers.forEach((buffer, i) =>
      gpu.device.queue.writeBuffer(buffer, 0, a[i].map((value, j) => value + b[i][j]))
    );
  };
  const ranks = await Promise.all(
    [0, 1].map((index) =>
      Training.create(gpu, (store) => pretrainingObjective(store, hparams, SPECIAL), {
        ...trainingOptions(hparams),
        seed: 7,
        share: { index, of: 2 },
        exchange,
      })
    ),
  );
  const runs = await Promise.all(ranks.map(run));
  whole.losses.forEach((loss, step) => {
    const sum = runs[0].losses[step] + runs[1].losses[step];
    assertLess(Math.abs(sum / loss - 1), 1e-4, `step ${step + 1}`);
  });
  assertEquals(runs[0].parameters, runs[1].parameters);
});

Deno.test("a batch that does not divide into its parts is refused", async () => {
  assertThrows(
    () => resolveHparams({ train_batch_size: 6, gradient_accumulation_steps: 4 }),
    ModelError,
    "does not divide train_batch_size = 6",
  );
  const training = await makePretraining({ train_batch_size: 4, gradient_accumulation_steps: 2 });
  await assertRejects(
    () => training.train(batchOf(3, SEQUENCE, 1)),
    ModelError,
    "a batch of 3 sequences does not divide into 2 parts",
  );
  assertEquals(training.step, 0);
  training.destroy();
});

Deno.test("layers made again in the backward pass give the same bits, dropout included, in less memory", async () => {
  const gpu = await testGpu();
  for (const precision of gpu.features.f16 ? ["f32", "f16"] as const : ["f32"] as const) {
    const states: unknown[] = [];
    for (const recompute of ["none", "layers"]) {
      const training = await makePretraining({ recompute }, { precision });
      if (precision === "f16") training.writeLossScale({ scale: 64, goodSteps: 0 });
      for (let step = 1; step <= 3; step++) await training.train(batchOf(3, SEQUENCE, step));
      const gradients = await training.store.readAll("gradients");
      const files = await checkpointOf(training);
      states.push([[...gradients.values()], [...files].slice(0, 2)]);
      assert([...gradients.values()].some((one) => one.some((value) => value !== 0)));
      training.destroy();
    }
    // State files differ by the hyperparameter itself.
    assertEquals(states[1], states[0], precision);
  }
  const hparams = resolveHparams({ vocab_size: 32_000, max_seq_length: 512, train_batch_size: 32 });
  const traits = { subgroupSize: 32, maxStorageBufferBindingSize: 1 << 30 };
  const kept = planPretraining(hparams.hparams, traits);
  const again = planPretraining({ ...hparams.hparams, recompute: "layers" }, traits);
  assertLess(again.bytes, 0.5 * kept.bytes);
  assertLess(again.flops, 1.35 * kept.flops);
  assert(again.flops > kept.flops);
});
