import { assert, assertEquals } from "@std/assert/mod.js";
import { Plan } from "../../model/autograd/plan.ts";
import { readBuffer } from "../../model/autograd/readback.ts";
import type { TokenBatch } from "../../model/electra/masking.ts";
import { recordPretraining } from "../../model/electra/pretraining.ts";
import { initializeParameters } from "../../model/parameters/initialize.ts";
import { writeInputs } from "../../model/training/inputs.ts";
import { traitsOf } from "../../model/training/recording.ts";
import { testGpu } from "../kernels/harness.ts";
import { batchOf, smallHparams } from "./small_electra.ts";

/** Such that five times as many are whole blocks of 16, which sums skip. */
const SEQUENCE = 144;

/** Rows with 144, 13, 70 and no real tokens, and one with a hole from 20 to 90. */
function paddedBatch(): TokenBatch {
  const batch = batchOf(5, SEQUENCE, 1);
  const isReal = [
    () => true,
    (s: number) => s < 13,
    (s: number) => s < 70,
    () => false,
    (s: number) => s < 20 || s >= 90,
  ];
  for (let i = 0; i < batch.inputIds.length; i++) {
    const real = isReal[Math.floor(i / SEQUENCE)](i % SEQUENCE);
    batch.attentionMask[i] = Number(real);
    if (!real) batch.inputIds[i] = batch.tokenTypeIds[i] = 0;
  }
  return batch;
}

/** What a step over the padded batch leaves: all gradients, and those that arrive at attention's outputs. */
async function stepOver(
  batch: TokenBatch,
  options: { readonly subgroupSize: number; readonly skipPadding: boolean },
): Promise<{ gradients: Float32Array[]; contextGradients: Float32Array[] }> {
  const gpu = await testGpu();
  const hparams = smallHparams({
    max_seq_length: SEQUENCE,
    train_batch_size: 5,
    model_hparam_overrides: { hidden_size: 16, max_position_embeddings: SEQUENCE },
    generator_hidden_size: 0.5,
  });
  const traits = { ...traitsOf(gpu), subgroupSize: options.subgroupSize };
  const { skipPadding } = options;
  const recorded = recordPretraining(hparams, traits, { skipPadding });
  const { store, objective, state, gradients: { tape, recording } } = recorded;
  store.allocate(gpu, { moments: [], weightDecay: 0.01 });
  initializeParameters(store, 7);
  state.allocate(gpu, false);
  const skipping = tape.dispatches.filter(({ launch }) =>
    launch.wgsl.includes("const SKIPS: u32 = 1u;") ||
    launch.bindings.some(({ name }) => name === "tokenBlocks")
  );
  assertEquals(skipping.length > 0, skipPadding);
  const arriving = new Set(
    tape.dispatches.flatMap(({ launch, tensors }) =>
      launch.bindings.flatMap(({ name }, i) => name === "contextGradient" ? [tensors[i]] : [])
    ),
  );
  for (const tensor of arriving) tape.keep(tensor);
  const plan = await Plan.compile(gpu, tape, state.before(store));
  writeInputs(plan, recording, objective.prepare(batch, { seed: 7, step: 1 }), 0, 1);
  state.writePart({ seed: 7, step: 1, firstSequence: 0 });
  plan.run();
  const gradients: Float32Array[] = [], contextGradients: Float32Array[] = [];
  for (const gradient of (await store.readAll("gradients")).values()) gradients.push(gradient);
  for (const tensor of arriving) {
    const { buffer, offset } = plan.location(tensor);
    const data = await readBuffer(gpu, buffer, offset, 4 * tensor.elements);
    contextGradients.push(new Float32Array(data));
  }
  for (const one of [plan, state, store]) one.destroy();
  return { gradients, contextGradients };
}

Deno.test("in a training step no gradient arrives at padding, and skipping it changes no bit of any gradient", async () => {
  const batch = paddedBatch();
  const { subgroupSize } = (await testGpu()).features;
  for (const size of new Set([0, subgroupSize])) {
    const skipped = await stepOver(batch, { subgroupSize: size, skipPadding: true });
    const computed = await stepOver(batch, { subgroupSize: size, skipPadding: false });
    assertEquals(skipped, computed);
    assertEquals(computed.contextGradients.length, 4);
    for (const gradient of computed.contextGradients) {
      const columns = gradient.length / batch.attentionMask.length;
      gradient.forEach((value, i) => {
        const padding = batch.attentionMask[Math.floor(i / columns)] === 0;
        if (padding) assert(value === 0, `${value} arrives at padding`);
      });
      assert(gradient.some((value) => value !== 0));
    }
    for (const gradient of computed.gradients) assert(gradient.every(Number.isFinite));
    assert(computed.gradients.some((gradient) => gradient.some((value) => value !== 0)));
  }
});
