import { assert, assertRejects } from "@std/assert/mod.js";
import { ModelError } from "../../model/errors.ts";
import { exportHuggingFace, type ModelPart } from "../../model/electra/huggingface.ts";
import { decodeSafeTensors } from "../../model/files/safetensors.ts";
import { readStateDict } from "../../model/parameters/state_dict.ts";
import { Predictor } from "../../model/electra/predictor.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import { assertClose, testGpu } from "../kernels/harness.ts";
import {
  discriminatorLogitsReference,
  encodeReference,
  generatorLogitsReference,
  type NamedParameters,
} from "./reference_step.ts";
import { batchOf, makePretraining } from "./small_electra.ts";

const BATCH = 2, SEQUENCE = 19;

/** The parameters of an exported part, by the names of the whole model. */
async function exported(trainer: Pretraining, part: ModelPart): Promise<NamedParameters> {
  const weights = await readStateDict(trainer.store, "parameters");
  const { hparams } = trainer.objective;
  const files = exportHuggingFace(hparams, weights, part, { padTokenId: 3 });
  const file = files.get("model.safetensors")!;
  const { tensors } = decodeSafeTensors(file, part);
  return new Map(
    Array.from(tensors, ([name, { bytes }]) => [
      `${part}.${name}`,
      Float64Array.from(new Float32Array(bytes.slice().buffer)),
    ]),
  );
}

async function trained(more: Record<string, unknown> = {}): Promise<Pretraining> {
  const trainer = await makePretraining(more, { seed: 5 });
  for (let step = 1; step <= 20; step++) await trainer.train(batchOf(3, SEQUENCE, step));
  await trainer.finish();
  return trainer;
}

Deno.test("exported weights give the model's own logits in a float64 ELECTRA, both parts", async () => {
  const trainer = await trained();
  const { store, objective: { model } } = trainer;
  const predictor = new Predictor(await testGpu(), model, store, {
    batch: BATCH,
    sequence: SEQUENCE,
    picks: 2,
  });
  const batch = batchOf(BATCH, SEQUENCE, 77);
  const positions = Uint32Array.of(3, 11, 0, 15);
  const states = (part: ModelPart, parameters: NamedParameters): Float64Array[][] =>
    Array.from({ length: BATCH }, (_, row) => {
      const cut = (data: Int32Array): Int32Array =>
        data.subarray(row * SEQUENCE, (row + 1) * SEQUENCE);
      const config = part === "generator" ? model.generatorConfig : model.discriminatorConfig;
      const { inputIds, attentionMask, tokenTypeIds } = batch;
      const ids = cut(inputIds), mask = cut(attentionMask), types = cut(tokenTypeIds);
      return encodeReference(parameters, `${part}.`, config, ids, mask, types);
    });

  const discriminator = await exported(trainer, "discriminator");
  const judged = states("discriminator", discriminator)
    .flatMap((rows) => discriminatorLogitsReference(discriminator, rows));
  assertClose(await predictor.discriminatorLogits(batch), judged, 1e-5, "discriminator");

  const generator = await exported(trainer, "generator");
  const offered = states("generator", generator).flatMap((rows, row) => {
    const picked = [...positions.subarray(2 * row, 2 * row + 2)].map((at) => rows[at]);
    return generatorLogitsReference(generator, model.generatorConfig, picked)
      .flatMap((logits) => [...logits]);
  });
  assertClose(await predictor.generatorLogits(batch, positions), offered, 1e-5, "generator");
  assert(new Set(offered.map((logit) => logit.toFixed(3))).size > 100, "logits that differ");
  await predictor.destroy();
  trainer.destroy();
});

Deno.test("a half that the model does not have is refused by name", async () => {
  const shape = { batch: BATCH, sequence: SEQUENCE };
  const gpu = await testGpu();
  const uniform = await trained({ uniform_generator: true });
  const halves = new Predictor(gpu, uniform.objective.model, uniform.store, shape);
  await assertRejects(
    () => halves.generatorLogits(batchOf(BATCH, SEQUENCE, 1), new Uint32Array(BATCH)),
    ModelError,
    "uniform generator",
  );
  const masked = await trained({ electra_objective: false });
  const rest = new Predictor(gpu, masked.objective.model, masked.store, shape);
  await assertRejects(
    () => rest.discriminatorLogits(batchOf(BATCH, SEQUENCE, 1)),
    ModelError,
    "no discriminator",
  );
  for (const predictor of [halves, rest]) await predictor.destroy();
  for (const trainer of [uniform, masked]) trainer.destroy();
});
