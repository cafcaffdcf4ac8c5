import { assert, assertEquals } from "@std/assert/mod.js";
import { Plan } from "../../model/autograd/plan.ts";
import { readBuffer } from "../../model/autograd/readback.ts";
import { Electra } from "../../model/electra/electra.ts";
import { initialValue } from "../../model/parameters/initialize.ts";
import { maskBatch, type TokenBatch } from "../../model/electra/masking.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { recordTraining, traitsOf } from "../../model/training/recording.ts";
import { testGpu } from "../kernels/harness.ts";
import { batchOf, smallHparams, SPECIAL } from "./small_electra.ts";

/** Such that five times as many are whole blocks of 16, which sums pass over. */
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
  const store = new ParameterStore();
  const model = new Electra(store, hparams);
  store.allocate(gpu, { training: true, weightDecay: 0.01 });
  store.parameters.forEach((parameter, index) =>
    store.write(parameter, "parameters", initialValue(parameter, index, 7))
  );
  const traits = { ...traitsOf(gpu), subgroupSize: options.subgroupSize };
  const { tape, inputs } = recordTraining(model, store, traits);
  const changed = new Set<string>();
  tape.dispatches.forEach((dispatch, i) => {
    const { launch } = dispatch;
    if (options.skipPadding) return;
    const wgsl = launch.wgsl.replace(/const SKIPS( *: *u32)? = 1u;/, "const SKIPS = 0u;")
      .replace("TOKENS - 1u)] == 0u)", "TOKENS - 1u)] == 2u)");
    if (wgsl !== launch.wgsl) changed.add(launch.kernel);
    tape.dispatches[i] = { ...dispatch, launch: { ...launch, wgsl } };
  });
  for (const kernel of ["attention", "token_blocks"]) {
    assertEquals(changed.has(kernel), !options.skipPadding);
  }
  const arriving = new Set(
    tape.dispatches.flatMap(({ launch, tensors }) =>
      launch.bindings.flatMap(({ name }, i) => name === "contextGradient" ? [tensors[i]] : [])
    ),
  );
  for (const tensor of arriving) tape.keep(tensor);
  const plan = await Plan.compile(gpu, tape, store);
  const masking = { maskProb: 0.15, maxPredictions: hparams.max_predictions_per_seq };
  const masked = maskBatch(batch, SEQUENCE, SPECIAL, masking, 7, 1);
  plan.write(inputs.inputIds, batch.inputIds);
  plan.write(inputs.attentionMask, batch.attentionMask);
  plan.write(inputs.tokenWeights, Float32Array.from(batch.attentionMask));
  plan.write(inputs.tokenTypeIds, batch.tokenTypeIds);
  plan.write(inputs.maskedInputIds, masked.maskedInputIds);
  plan.write(inputs.maskedPositions, masked.maskedPositions);
  plan.write(inputs.maskedIds, masked.maskedIds);
  plan.write(inputs.maskedWeights, masked.maskedWeights);
  plan.writePart(tape.stepState, 0, Uint32Array.of(7, 1));
  plan.writePart(tape.stepState, 2, Float32Array.of(1e-3, 1));
  plan.run();
  const gradients: Float32Array[] = [], contextGradients: Float32Array[] = [];
  for (const { gradient } of store.parameters) {
    const { buffer, offset } = store.locate(gradient);
    const data = await readBuffer(gpu, buffer, offset, 4 * gradient.elements);
    gradients.push(new Float32Array(data));
  }
  for (const tensor of arriving) {
    const { buffer, offset } = plan.location(tensor);
    const data = await readBuffer(gpu, buffer, offset, 4 * tensor.elements);
    contextGradients.push(new Float32Array(data));
  }
  plan.destroy();
  store.destroy();
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
