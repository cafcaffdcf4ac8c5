/** Training with activations in f16: what it computes, its loss scale, its checkpoints, its memory. */
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import { resolveHparams } from "../../model/electra/config.ts";
import {
  type CheckpointFiles,
  decodeCheckpointState,
  WEIGHTS_FILE,
} from "../../model/files/checkpoint.ts";
import { asFloat32, decodeSafeTensors } from "../../model/files/safetensors.ts";
import { traceStep } from "../../model/electra/trace.ts";
import {
  createPretraining,
  planPretraining,
  type Pretraining,
} from "../../model/electra/pretraining.ts";
import { assertClose, halfTest, testGpu } from "../kernels/harness.ts";
import {
  batchOf,
  checkpointOf,
  makePretraining,
  restoreFrom,
  smallHparams,
  SPECIAL,
} from "./small_electra.ts";

const gpu = await testGpu();

/** Files of a checkpoint that hold tensors. */
const TENSOR_FILES = [WEIGHTS_FILE, "optimizer.safetensors"];

async function makeTrainer(
  precision: "f32" | "f16",
  { lossScaleGrowth, ...more }: Record<string, unknown> & { lossScaleGrowth?: number } = {},
): Promise<Pretraining> {
  return await makePretraining(more, { precision, lossScaleGrowth });
}

async function train(trainer: Pretraining, first: number, last: number): Promise<void> {
  for (let i = first; i <= last; i++) await trainer.train(batchOf(3, 19, i));
}

function scaleOf(files: CheckpointFiles): unknown {
  return decodeCheckpointState(files, "the checkpoint").loss_scale;
}

await halfTest(
  "a step in f16 has the losses and gradients of f32 within the rounding of f16",
  async () => {
    const full = await makeTrainer("f32"), half = await makeTrainer("f16");
    await train(full, 1, 3);
    restoreFrom(half, await checkpointOf(full), "the checkpoint");
    half.writeLossScale({ scale: 1024, goodSteps: 0 });
    const traces = [];
    for (const trainer of [full, half]) {
      const { file, metrics } = await traceStep(trainer, batchOf(3, 19, 4));
      traces.push({ tensors: decodeSafeTensors(file, "trace").tensors, metrics });
    }
    const [expected, actual] = traces;
    assertEquals([expected.metrics.lossScale, actual.metrics.lossScale], [1, 1024]);
    const [wanted, given] = [expected, actual].map(({ metrics }) => ({
      ...metrics.losses,
      gradientNorm: metrics.gradientNorm,
    }));
    for (const [name, value] of Object.entries(wanted)) {
      assertAlmostEquals(given[name as "gradientNorm"], value, 3e-3 * value, name);
    }
    let gradients = 0;
    for (const [name, tensor] of expected.tensors) {
      if (name === "batch/sampled_ids") assertEquals(actual.tensors.get(name), tensor);
      if (!name.startsWith("grad/")) continue;
      const wanted = asFloat32(name, tensor), given = asFloat32(name, actual.tensors.get(name)!);
      // Next to nothing flows into some biases, so that rounding is all there is to see.
      const floor = 1e-3 * expected.metrics.gradientNorm;
      assertClose(given, wanted, 2e-2, name, floor);
      gradients++;
    }
    assert(gradients > 50);
    full.destroy();
    half.destroy();
  },
);

await halfTest(
  "an overflow skips the step and halves the scale without touching weights or moments",
  async () => {
    const trainer = await makeTrainer("f16");
    await train(trainer, 1, 4);
    const before = await checkpointOf(trainer);
    trainer.writeLossScale({ scale: 2 ** 60, goodSteps: 5 });
    const skipped = await (await trainer.train(batchOf(3, 19, 5))).metrics;
    assert(skipped.skipped && !Number.isFinite(skipped.gradientNorm));
    assertEquals(skipped.lossScale, 2 ** 60);
    assert(Number.isFinite(skipped.totalLoss), "the loss itself is well");
    const after = await checkpointOf(trainer);
    for (const name of TENSOR_FILES) {
      const [was, is] = [before, after].map((files) => decodeSafeTensors(files.get(name)!, name));
      assertEquals(is.tensors, was.tensors, name);
    }
    assertEquals(scaleOf(after), { scale: 2 ** 59, goodSteps: 0 });
    // A scale that fits, and training goes on.
    trainer.writeLossScale({ scale: 256, goodSteps: 0 });
    const good = await (await trainer.train(batchOf(3, 19, 6))).metrics;
    assert(!good.skipped && Number.isFinite(good.gradientNorm));
    const moved = decodeSafeTensors(
      (await checkpointOf(trainer)).get(WEIGHTS_FILE)!,
      "weights",
    );
    const was = decodeSafeTensors(before.get(WEIGHTS_FILE)!, "weights");
    const name = "discriminator_predictions.dense.weight";
    const key = [...was.tensors.keys()].find((one) => one.endsWith(name))!;
    assert(
      moved.tensors.get(key)!.bytes.some((byte, i) => byte !== was.tensors.get(key)!.bytes[i]),
    );
    trainer.destroy();
  },
);

await halfTest(
  "from a start far too high the scale finds its place, and the model learns",
  async () => {
    const trainer = await makeTrainer("f16", { learning_rate: 3e-3 });
    trainer.writeLossScale({ scale: 2 ** 24, goodSteps: 0 });
    let first = 0, last = 0, skipped = 0;
    for (let i = 1; i <= 120; i++) {
      const metrics = await (await trainer.train(batchOf(3, 19, i))).metrics;
      if (i <= 5) first += metrics.losses.masked_lm / 5;
      if (i > 115) last += metrics.losses.masked_lm / 5;
      skipped += Number(metrics.skipped);
    }
    assert(last < first - 1, `from ${first} to ${last}`);
    assert(skipped >= 5 && skipped < 25, `${skipped} steps skipped`);
    const metrics = await trainer.evaluate([batchOf(2, 19, 999)]);
    assert(Number.isFinite(metrics.masked_lm_loss) && Number.isFinite(metrics.disc_loss));
    trainer.destroy();
  },
);

await halfTest(
  "a run in f16 goes on from a checkpoint with the bits of an undisturbed one, scale included",
  async () => {
    const options = { lossScaleGrowth: 3 };
    const undisturbed = await makeTrainer("f16", options);
    await train(undisturbed, 1, 6);
    const first = await makeTrainer("f16", options);
    await train(first, 1, 4);
    const second = await makeTrainer("f16", options);
    restoreFrom(second, await checkpointOf(first), "the checkpoint");
    await train(second, 5, 6);
    const [expected, actual] = [
      await checkpointOf(undisturbed),
      await checkpointOf(second),
    ];
    assert(scaleOf(expected) !== undefined);
    for (const name of expected.keys()) assertEquals(actual.get(name), expected.get(name), name);
    for (const trainer of [undisturbed, first, second]) trainer.destroy();
  },
);

await halfTest(
  "checkpoints of f16 and f32 hold the same f32 tensors, and each goes on with the other",
  async () => {
    const trainers = { f32: await makeTrainer("f32"), f16: await makeTrainer("f16") };
    for (const trainer of Object.values(trainers)) await train(trainer, 1, 3);
    const checkpoints = {
      f32: await checkpointOf(trainers.f32),
      f16: await checkpointOf(trainers.f16),
    };
    for (const name of TENSOR_FILES) {
      const layouts = Object.values(checkpoints).map((files) => {
        const { tensors } = decodeSafeTensors(files.get(name)!, name);
        return [...tensors].map(([key, { dtype, shape }]) => [key, dtype, shape]);
      });
      assertEquals(layouts[0], layouts[1], name);
      assert(layouts[0].every(([, dtype]) => dtype === "F32"));
    }
    assertEquals(scaleOf(checkpoints.f32), undefined);
    for (const [from, to] of [["f32", "f16"], ["f16", "f32"]] as const) {
      restoreFrom(trainers[to], checkpoints[from], "the checkpoint");
      assertEquals(trainers[to].step, 3);
      trainers[to].writeLossScale({ scale: 1024, goodSteps: 0 });
      const metrics = await (await trainers[to].train(batchOf(3, 19, 4))).metrics;
      assert(!metrics.skipped && Number.isFinite(metrics.gradientNorm), `${from} to ${to}`);
      assertEquals(metrics.lossScale > 1, to === "f16");
    }
    for (const trainer of Object.values(trainers)) trainer.destroy();
  },
);

Deno.test("training in f16 on an adapter without 16-bit floats is refused", async () => {
  const plain = Object.create(gpu, {
    features: { value: { ...gpu.features, f16: false } },
    description: { value: "an old card" },
  }) as Gpu;
  await assertRejects(
    () =>
      createPretraining(plain, {
        hparams: smallHparams(),
        special: SPECIAL,
        seed: 7,
        precision: "f16",
      }),
    KernelError,
    "an old card",
  );
});

/** Bytes of a training step of ELECTRA-small at batch 64, from the plan alone. */
function plannedBytes(storage: "f32" | "f16", sequence: number): number {
  const { hparams } = resolveHparams({
    model_size: "small",
    vocab_size: 32_000,
    max_seq_length: sequence,
    train_batch_size: 64,
  });
  const traits = { subgroupSize: 32, maxStorageBufferBindingSize: 1 << 30 };
  return planPretraining(hparams, traits, storage).bytes;
}

Deno.test("ELECTRA-small at sequence 512 and batch 64 plans within 10 GB in f32 and 6 GB in f16", () => {
  const full = plannedBytes("f32", 512), half = plannedBytes("f16", 512);
  assert(full <= 10e9 && half <= 6e9, `${full} and ${half} bytes`);
  // Memory grows with the length of the text, not with its square.
  for (const storage of ["f32", "f16"] as const) {
    const ratio = plannedBytes(storage, 512) / plannedBytes(storage, 256);
    assert(ratio < 2.05, `${storage}: ${ratio}`);
  }
});
