import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert/mod.js";
import { ModelError } from "../../model/errors.ts";
import { decodeSafeTensors, type SafeTensor } from "../../model/files/safetensors.ts";
import { WEIGHTS_FILE } from "../../model/files/checkpoint.ts";
import { exportHuggingFace } from "../../model/electra/huggingface.ts";
import { readStateDict } from "../../model/parameters/state_dict.ts";
import { traceStep } from "../../model/electra/trace.ts";
import { normal, testGpu } from "../kernels/harness.ts";
import { lossesReference, type NamedParameters } from "./reference_step.ts";
import { batchOf, checkpointOf, makePretraining, restoreFrom } from "./small_electra.ts";

const NO_DROPOUT = {
  model_hparam_overrides: { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
};

/** Random directions in each tensor along which its gradient is checked. */
const DIRECTIONS = 1;

function floats(tensor: SafeTensor): Float32Array {
  return new Float32Array(tensor.bytes.slice().buffer);
}

function ints(tensor: SafeTensor): Int32Array {
  return new Int32Array(tensor.bytes.slice().buffer);
}

/** Parameters of a trace as float64, one of them moved along a direction. */
function parametersOf(
  tensors: ReadonlyMap<string, SafeTensor>,
  moved?: { readonly name: string; readonly by: Float64Array },
): NamedParameters {
  const named = new Map<string, Float64Array>();
  for (const [name, tensor] of tensors) {
    if (!name.startsWith("param/")) continue;
    const values = Float64Array.from(floats(tensor));
    if (moved && name === `param/${moved.name}`) moved.by.forEach((d, i) => values[i] += d);
    named.set(name.slice(6), values);
  }
  return named;
}

Deno.test("a traced step's losses and every gradient agree with a float64 ELECTRA", async () => {
  const trainer = await makePretraining(NO_DROPOUT);
  const { hparams, model } = trainer.objective;
  await trainer.train(batchOf(3, 19, 1));
  await trainer.train(batchOf(3, 19, 2));
  const { file } = await traceStep(trainer, batchOf(3, 19, 3));
  const { tensors } = decodeSafeTensors(file, "trace");
  const b = (name: string): Int32Array => ints(tensors.get(`batch/${name}`)!);
  const batch = {
    inputIds: b("input_ids"),
    attentionMask: b("attention_mask"),
    tokenTypeIds: b("token_type_ids"),
    maskedInputIds: b("masked_input_ids"),
    maskedPositions: b("masked_positions"),
    maskedIds: b("masked_ids"),
    maskedWeights: floats(tensors.get("batch/masked_weights")!),
    corruptedInputIds: b("corrupted_input_ids"),
  };
  const total = (parameters: NamedParameters): number => {
    const { generatorConfig, discriminatorConfig } = model;
    const { mlm, disc } = lossesReference(
      parameters,
      generatorConfig,
      discriminatorConfig,
      batch,
      hparams.max_seq_length,
    );
    return hparams.gen_weight * mlm + hparams.disc_weight * disc;
  };
  const traced = floats(tensors.get("loss/total")!)[0];
  assertAlmostEquals(traced, total(parametersOf(tensors)), 1e-5 * traced);

  // The slope of the loss along a random direction of each tensor is the gradient's share of it. Every
  // parameter is moved; that of the keys' bias is 0 by definition.
  const wholeNorm = floats(tensors.get("grad_norm")!)[0];
  const names = [...tensors.keys()].filter((name) => name.startsWith("param/"));
  names.forEach((name, index) => {
    const bare = name.slice("param/".length);
    const gradient = Float64Array.from(floats(tensors.get(`grad/${bare}`)!));
    for (let draw = 0; draw < DIRECTIONS; draw++) {
      const noise = Float64Array.from(normal(gradient.length, 1000 * index + draw + 1));
      const length = Math.hypot(...noise);
      const direction = noise.map((d) => d / length);
      const expected = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
      const step = 1e-4;
      const along = (sign: number): number =>
        total(parametersOf(tensors, { name: bare, by: direction.map((d) => sign * step * d) }));
      const slope = (along(1) - along(-1)) / (2 * step);
      const norm = Math.hypot(...gradient) / Math.sqrt(gradient.length);
      assert(
        Math.abs(slope - expected) <= 3e-4 * norm + 1e-10 * wholeNorm,
        `${bare}: slope ${slope}, gradient ${expected}, norm ${norm}`,
      );
    }
    const reached = gradient.some((g) => g !== 0);
    assertEquals(reached, !bare.endsWith("attention.self.key.bias"), `${bare} is reached`);
  });
  assert(names.length > 60, `${names.length} tensors`);
  trainer.destroy();
});

Deno.test("training learns: on repeated text the masked-LM loss falls by a nat in 120 steps", async () => {
  const trainer = await makePretraining({ learning_rate: 3e-3 });
  let first = 0, last = 0;
  for (let i = 1; i <= 120; i++) {
    const { metrics } = await trainer.train(batchOf(3, 19, i));
    if (i <= 5) first += (await metrics).losses.masked_lm / 5;
    if (i > 115) last += (await metrics).losses.masked_lm / 5;
  }
  assert(last < first - 1, `from ${first} to ${last}`);
  const metrics = await trainer.evaluate([batchOf(2, 19, 999)]);
  for (const [name, value] of Object.entries(metrics)) {
    if (!/precision|recall|auc/.test(name)) assert(Number.isFinite(value), `${name} = ${value}`);
  }
  trainer.destroy();
});

Deno.test("steps allocate nothing: buffers and bytes are equal after step 2 and step 50", async () => {
  const trainer = await makePretraining();
  const gpu = await testGpu();
  let made = 0;
  const create = gpu.device.createBuffer.bind(gpu.device);
  const counts: [number, number, number][] = [];
  gpu.device.createBuffer = (descriptor) => {
    made++;
    return create(descriptor);
  };
  try {
    for (let i = 1; i <= 50; i++) {
      await (await trainer.train(batchOf(3, 19, i))).metrics;
      const plans = trainer.plans.map(({ statistics }) => statistics);
      const buffers = plans.reduce((sum, plan) => sum + plan.buffers, 0);
      const bytes = plans.reduce((sum, plan) => sum + plan.bytes, 0);
      if (i === 2 || i === 50) counts.push([made, buffers, bytes]);
    }
  } finally {
    gpu.device.createBuffer = create;
  }
  assertEquals(counts[0], counts[1]);
  trainer.destroy();
});

Deno.test("two runs of the same seed give the same bits, dropout and sampling included", async () => {
  const weights: Uint8Array[] = [];
  for (let run = 0; run < 2; run++) {
    const trainer = await makePretraining();
    for (let i = 1; i <= 3; i++) await trainer.train(batchOf(3, 19, i));
    weights.push((await checkpointOf(trainer)).get(WEIGHTS_FILE)!);
    trainer.destroy();
  }
  assertEquals(weights[0], weights[1]);
});

Deno.test("a run that goes on from a checkpoint ends with the bits of an undisturbed one", async () => {
  const undisturbed = await makePretraining();
  for (let i = 1; i <= 4; i++) await undisturbed.train(batchOf(3, 19, i));
  const first = await makePretraining();
  for (let i = 1; i <= 2; i++) await first.train(batchOf(3, 19, i));
  const files = await checkpointOf(first);
  const second = await makePretraining();
  restoreFrom(second, files, "the checkpoint");
  assertEquals(second.step, 2);
  for (let i = 3; i <= 4; i++) await second.train(batchOf(3, 19, i));
  const [expected, actual] = [await checkpointOf(undisturbed), await checkpointOf(second)];
  for (const name of expected.keys()) assertEquals(actual.get(name), expected.get(name), name);
  for (const trainer of [undisturbed, first, second]) trainer.destroy();
});

Deno.test("a checkpoint of another configuration is refused with the differences", async () => {
  const trainer = await makePretraining();
  const files = await checkpointOf(trainer);
  const other = await makePretraining({ embedding_size: 32 });
  assertThrows(
    () => restoreFrom(other, files, "step-1"),
    ModelError,
    "word_embeddings.weight is [211×24], not [211×32]",
  );
  const cut = new Map(files).set(WEIGHTS_FILE, files.get(WEIGHTS_FILE)!.slice(0, 5000));
  assertThrows(() => restoreFrom(trainer, cut, "step-1"), ModelError, "damaged");
  for (const one of [trainer, other]) one.destroy();
});

Deno.test("the vocabulary of a tokenizer must be the model's", async () => {
  await assertRejects(
    () => makePretraining({ vocab_size: 300 }),
    ModelError,
    "the tokenizer has 211 pieces",
  );
});

Deno.test("exports hold exactly the tensors of the Hugging Face classes", async () => {
  const trainer = await makePretraining();
  const weights = await readStateDict(trainer.store, "parameters");
  for (const part of ["discriminator", "generator"] as const) {
    const options = { padTokenId: 3 };
    const files = exportHuggingFace(trainer.objective.hparams, weights, part, options);
    const config = JSON.parse(new TextDecoder().decode(files.get("config.json")));
    const { tensors } = decodeSafeTensors(files.get("model.safetensors")!, part);
    const names = [...tensors.keys()];
    assert(names.every((name) => /^(electra|discriminator_predictions|generator_)/.test(name)));
    assertEquals(
      tensors.get("electra.embeddings.word_embeddings.weight")!.shape,
      [config.vocab_size, config.embedding_size],
    );
    assertEquals(
      tensors.get("electra.encoder.layer.1.attention.self.key.weight")!.shape,
      [config.hidden_size, config.hidden_size],
    );
    assertEquals(
      names.filter((name) => /layer\.\d+\.intermediate\.dense\.weight/.test(name)).length,
      2,
    );
  }
  trainer.destroy();
});
