import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert/mod.js";
import {
  discriminatorConfig,
  generatorConfig,
  resolveHparams,
} from "../../model/electra/config.ts";
import { ModelError } from "../../model/errors.ts";
import { MetricsSum } from "../../model/electra/evaluation.ts";
import { decodeSafeTensors, encodeSafeTensors, safeTensor } from "../../model/files/safetensors.ts";
import { initialValue } from "../../model/parameters/initialize.ts";
import { maskBatch } from "../../model/electra/masking.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { learningRate } from "../../model/training/schedule.ts";
import { batchOf, SPECIAL } from "./small_electra.ts";

Deno.test("hyperparameters have the original's defaults and sizes", () => {
  const { hparams } = resolveHparams({});
  assertEquals(hparams.learning_rate, 5e-4);
  assertEquals(hparams.max_predictions_per_seq, 19);
  assertEquals(discriminatorConfig(hparams).hiddenSize, 256);
  const generator = generatorConfig(hparams);
  assertEquals([generator.hiddenSize, generator.numHiddenLayers], [64, 12]);
  assertEquals([generator.numAttentionHeads, generator.intermediateSize], [1, 256]);
  const base = resolveHparams({ model_size: "base", generator_hidden_size: 1 / 3 }).hparams;
  assertEquals(base.embedding_size, 768);
  assertEquals(generatorConfig(base).hiddenSize, 256);
  assertEquals(
    discriminatorConfig(resolveHparams({ model_size: "large" }).hparams).numAttentionHeads,
    16,
  );
});

Deno.test("debug derives a small run, and what the user gives wins", () => {
  const { hparams } = resolveHparams({ debug: true, num_train_steps: 7 });
  assertEquals([hparams.train_batch_size, hparams.num_train_steps], [8, 7]);
  assertEquals(discriminatorConfig(hparams).hiddenSize, 144);
});

Deno.test("wrong hyperparameters are refused by name, the nearest one named", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ max_seq_lenght: 5 }, 'did you mean "max_seq_length"'],
    [{ learning_rate: "fast" }, "must be a number"],
    [{ model_size: "huge" }, 'one of "small", "base", "large"'],
    [{ mask_prob: 1.5 }, "a number above 0 and at most 1"],
    [{ train_batch_size: 0 }, "a whole number from 1 to 65,536"],
    [{ model_hparam_overrides: { hiden_size: 3 } }, 'did you mean "hidden_size"'],
    [{ electric_objective: true }, "not built"],
  ];
  for (const [given, message] of cases) {
    assertThrows(() => resolveHparams(given), ModelError, message);
  }
  assertEquals(resolveHparams({ use_tpu: true }).withoutEffect, ["use_tpu"]);
  const long = resolveHparams({ max_seq_length: 1024 }).hparams;
  assertThrows(() => discriminatorConfig(long), ModelError, "max_position_embeddings = 512");
  const heads = resolveHparams({ model_hparam_overrides: { num_attention_heads: 3 } }).hparams;
  assertThrows(() => discriminatorConfig(heads), ModelError, "3 heads do not divide");
});

Deno.test("the rate warms up and decays from the start, beginning at 0", () => {
  const schedule = {
    learning_rate: 2,
    num_train_steps: 100,
    num_warmup_steps: 10,
    lr_decay_power: 1,
  };
  assertEquals(learningRate(schedule, 0), 0);
  assertAlmostEquals(learningRate(schedule, 5), 2 * 0.95 * 0.5, 1e-12);
  assertAlmostEquals(learningRate(schedule, 50), 1, 1e-12);
  assertEquals(learningRate(schedule, 100), 0);
  assertEquals(learningRate({ ...schedule, num_warmup_steps: 0 }, 0), 2);
});

Deno.test("masking spares special tokens and padding, repeats by its counter, and hides 85%", () => {
  const sequence = 19, options = { maskProb: 0.15, maxPredictions: 3 };
  let chosen = 0, hidden = 0, repeated = 0;
  for (let step = 1; step <= 400; step++) {
    const batch = batchOf(3, sequence, step);
    const masked = maskBatch(batch, sequence, SPECIAL, options, 5, step);
    assertEquals(masked, maskBatch(batch, sequence, SPECIAL, options, 5, step));
    for (let row = 0; row < 3; row++) {
      const seen = new Set<number>();
      const length = batch.attentionMask.slice(row * sequence, (row + 1) * sequence)
        .reduce((a, b) => a + b, 0);
      let count = 0;
      for (let i = 0; i < 3; i++) {
        const element = row * 3 + i;
        if (masked.maskedWeights[element] === 0) continue;
        count++;
        const at = row * sequence + masked.maskedPositions[element];
        if (seen.has(at)) repeated++;
        seen.add(at);
        assertEquals(batch.attentionMask[at], 1);
        assert(batch.inputIds[at] > SPECIAL.mask, "a special token was chosen");
        assertEquals(masked.maskedIds[element], batch.inputIds[at]);
        chosen++;
        if (masked.maskedInputIds[at] === SPECIAL.mask) hidden++;
      }
      assertEquals(count, Math.max(1, Math.min(3, Math.round(0.15 * length))));
    }
  }
  assertEquals(repeated, 0);
  assertAlmostEquals(hidden / chosen, 0.85, 0.03);
});

Deno.test("a row without candidates is left alone", () => {
  const batch = {
    inputIds: Int32Array.of(2, 3, 0, 0, 2, 9, 3, 0),
    attentionMask: Int32Array.of(1, 1, 0, 0, 1, 1, 1, 0),
    tokenTypeIds: new Int32Array(8),
  };
  const masked = maskBatch(batch, 4, SPECIAL, { maskProb: 0.9, maxPredictions: 2 }, 1, 1);
  assertEquals(masked.maskedWeights, Float32Array.of(0, 0, 1, 0));
  assertEquals(masked.maskedPositions[2], 1);
});

Deno.test("metrics of a diverged model are NaN, those of what a model lacks null", () => {
  const masked = { maskedIds: Uint32Array.of(5), maskedWeights: Float32Array.of(1) };
  const seen = { labels: Float32Array.of(0, 1), attentionMask: [1, 1] };
  const diverged = new MetricsSum();
  diverged.add({
    ...masked,
    ...seen,
    rowLoss: Float32Array.of(NaN),
    predictedIds: Uint32Array.of(5),
    sampledIds: Uint32Array.of(5),
    logits: Float32Array.of(NaN, 3),
  });
  for (const [name, value] of Object.entries(diverged.result())) {
    assertEquals(value, name === "disc_recall" ? 1 : NaN, name);
  }
  const uniform = new MetricsSum();
  uniform.add({
    ...masked,
    ...seen,
    sampledIds: Uint32Array.of(5),
    logits: Float32Array.of(-1, 3),
  });
  const { masked_lm_accuracy, masked_lm_loss, sampled_masked_lm_accuracy } = uniform.result();
  assertEquals([masked_lm_accuracy, masked_lm_loss, sampled_masked_lm_accuracy], [null, null, 1]);
  const bert = new MetricsSum();
  bert.add({
    ...masked,
    attentionMask: [1, 1],
    rowLoss: Float32Array.of(2),
    predictedIds: Uint32Array.of(4),
  });
  assertEquals(Object.entries(bert.result()).filter(([, value]) => value !== null), [
    ["masked_lm_accuracy", 0],
    ["masked_lm_loss", 2],
  ]);
  const silent = new MetricsSum();
  silent.add({ ...masked, ...seen, logits: Float32Array.of(-1, -1) });
  assertEquals(silent.result().disc_precision, null, "no token is called replaced");
  assertEquals(silent.result().disc_recall, 0);
});

Deno.test("logits past every float have the losses of their limits", () => {
  const sum = new MetricsSum();
  sum.add({
    maskedIds: new Uint32Array(0),
    maskedWeights: new Float32Array(0),
    logits: Float32Array.of(-Infinity, Infinity),
    labels: Float32Array.of(0, 1),
    attentionMask: [1, 1],
  });
  assertEquals([sum.result().disc_loss, sum.result().disc_auc], [0, 1]);
});

Deno.test("evaluation metrics are the original's, padding left out", () => {
  const sum = new MetricsSum();
  sum.add({
    rowLoss: Float32Array.of(1, 3, 99),
    predictedIds: Uint32Array.of(5, 6, 7),
    sampledIds: Uint32Array.of(9, 8, 7),
    maskedIds: Uint32Array.of(5, 8, 7),
    maskedWeights: Float32Array.of(1, 1, 0),
    logits: Float32Array.of(2, -1, 3, -5, 50),
    labels: Float32Array.of(1, 0, 0, 1, 1),
    attentionMask: [1, 1, 1, 1, 0],
  });
  const metrics = sum.result();
  assertEquals(metrics.masked_lm_loss, 2);
  assertEquals(metrics.masked_lm_accuracy, 0.5);
  assertEquals(metrics.sampled_masked_lm_accuracy, 0.5);
  assertEquals([metrics.disc_accuracy, metrics.disc_precision, metrics.disc_recall], [
    0.5,
    0.5,
    0.5,
  ]);
  assertEquals(metrics.disc_auc, 0.25);
});

Deno.test("initial weights are cut at two deviations and depend on seed and place alone", () => {
  const store = new ParameterStore();
  const parameter = store.declare({
    name: "w",
    shape: [100, 100],
    initializer: { kind: "truncated normal", deviation: 0.02 },
    decays: true,
  });
  const values = initialValue(parameter, 3, 1);
  assertEquals(values, initialValue(parameter, 3, 1));
  assert(values.every((value) => Math.abs(value) <= 0.04));
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  // A normal cut at two deviations has 0.774 of the variance.
  assertAlmostEquals(variance / 0.0004, 0.774, 0.02);
  assert(initialValue(parameter, 4, 1)[0] !== values[0]);
});

Deno.test("safetensors round-trip, and every way of cutting a file short is an explained error", () => {
  const tensors = new Map([
    ["a", safeTensor(Float32Array.of(1, 2, 3), [3])],
    ["scalar", safeTensor(Int32Array.of(7), [])],
    ["empty", safeTensor(new Float32Array(0), [0, 4])],
  ]);
  const file = encodeSafeTensors({ tensors, metadata: { config: '{"a":"あ"}' } });
  const read = decodeSafeTensors(file, "file");
  assertEquals(read.metadata.config, '{"a":"あ"}');
  assertEquals([...read.tensors.keys()], ["a", "scalar", "empty"]);
  assertEquals(read.tensors.get("a")!.bytes, tensors.get("a")!.bytes);
  for (let length = 0; length < file.length; length += 5) {
    assertThrows(
      () => decodeSafeTensors(file.slice(0, length), "cut.safetensors"),
      ModelError,
      "cut",
    );
  }
});
