import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert/mod.js";
import { ModelError } from "../../model/errors.ts";
import type { TokenIds } from "../../model/electra/batch.ts";
import { exportHuggingFace, type ModelPart } from "../../model/electra/huggingface.ts";
import { asFloat32, decodeSafeTensors } from "../../model/files/safetensors.ts";
import { readStateDict } from "../../model/parameters/state_dict.ts";
import { Predictor, type TokenSequences } from "../../model/electra/predictor.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import type { EncoderConfig } from "../../model/transformer/config.ts";
import { assertClose, testGpu } from "../kernels/harness.ts";
import {
  discriminatorLogitsReference,
  encodeReference,
  generatorLogitsReference,
  type NamedParameters,
} from "./reference_step.ts";
import { batchOf, makePretraining, SPECIAL } from "./small_electra.ts";

const BATCH = 2, SEQUENCE = 19;

function sequencesOf(batch: number, sequence: number, number: number): TokenSequences {
  return { batch, sequence, ...batchOf(batch, sequence, number) };
}

/** An exported part as another program would load it: from its two files alone. */
interface LoadedModel {
  readonly config: EncoderConfig;
  /** By the names of the whole model, so that the reference finds them. */
  readonly parameters: NamedParameters;
  readonly json: Record<string, unknown>;
}

async function exported(trainer: Pretraining, part: ModelPart): Promise<LoadedModel> {
  const weights = await readStateDict(trainer.store, "parameters");
  const files = exportHuggingFace(trainer.objective.hparams, weights, part, { padTokenId: 3 });
  const { tensors } = decodeSafeTensors(files.get("model.safetensors")!, part);
  const json = JSON.parse(new TextDecoder().decode(files.get("config.json")));
  const config: EncoderConfig = {
    vocabSize: json.vocab_size,
    embeddingSize: json.embedding_size,
    hiddenSize: json.hidden_size,
    numHiddenLayers: json.num_hidden_layers,
    numAttentionHeads: json.num_attention_heads,
    intermediateSize: json.intermediate_size,
    hiddenDropout: json.hidden_dropout_prob,
    attentionDropout: json.attention_probs_dropout_prob,
    maxPositionEmbeddings: json.max_position_embeddings,
    typeVocabSize: json.type_vocab_size,
    initializerRange: json.initializer_range,
    layerNormEpsilon: json.layer_norm_eps,
  };
  assertEquals(
    new Map(Array.from(tensors, ([name, { shape }]) => [name, shape.join("×")])),
    expectedShapes(config, part),
  );
  const parameters = Array.from(
    tensors,
    ([name, tensor]) => [`${part}.${name}`, Float64Array.from(asFloat32(name, tensor))] as const,
  );
  return { config, parameters: new Map(parameters), json };
}

/** The state dict of transformers' ElectraForPreTraining or ElectraForMaskedLM, its shapes as text. */
function expectedShapes(config: EncoderConfig, part: ModelPart): Map<string, string> {
  const { vocabSize: V, embeddingSize: E, hiddenSize: H, intermediateSize: I } = config;
  const shapes = new Map<string, string>();
  const dense = (name: string, outputs: number, inputs: number): void => {
    shapes.set(`${name}.weight`, `${outputs}×${inputs}`);
    shapes.set(`${name}.bias`, `${outputs}`);
  };
  const norm = (name: string, columns: number): void => {
    shapes.set(`${name}.weight`, `${columns}`);
    shapes.set(`${name}.bias`, `${columns}`);
  };
  const at = "electra.embeddings";
  shapes.set(`${at}.word_embeddings.weight`, `${V}×${E}`);
  shapes.set(`${at}.position_embeddings.weight`, `${config.maxPositionEmbeddings}×${E}`);
  shapes.set(`${at}.token_type_embeddings.weight`, `${config.typeVocabSize}×${E}`);
  norm(`${at}.LayerNorm`, E);
  if (E !== H) dense("electra.embeddings_project", H, E);
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const layer = `electra.encoder.layer.${i}`;
    for (const name of ["query", "key", "value"]) dense(`${layer}.attention.self.${name}`, H, H);
    dense(`${layer}.attention.output.dense`, H, H);
    norm(`${layer}.attention.output.LayerNorm`, H);
    dense(`${layer}.intermediate.dense`, I, H);
    dense(`${layer}.output.dense`, H, I);
    norm(`${layer}.output.LayerNorm`, H);
  }
  if (part === "discriminator") {
    dense("discriminator_predictions.dense", H, H);
    dense("discriminator_predictions.dense_prediction", 1, H);
  } else {
    dense("generator_predictions.dense", E, H);
    norm("generator_predictions.LayerNorm", E);
    dense("generator_lm_head", V, E);
  }
  return shapes;
}

async function trained(more: Record<string, unknown> = {}): Promise<Pretraining> {
  const trainer = await makePretraining(more, { seed: 5 });
  for (let step = 1; step <= 20; step++) await trainer.train(batchOf(3, SEQUENCE, step));
  await trainer.finish();
  return trainer;
}

/** Objectives, the parts that they export, and the width of the generator's layers and embeddings. */
const OBJECTIVES: readonly {
  readonly name: string;
  readonly hparams: Record<string, unknown>;
  readonly parts: readonly ModelPart[];
  readonly generator?: readonly [hidden: number, embedding: number];
}[] = [
  {
    name: "ELECTRA",
    hparams: {},
    parts: ["discriminator", "generator"],
    generator: [10, 24],
  },
  {
    name: "ELECTRA with generator embeddings of their own",
    hparams: { untied_generator_embeddings: true },
    parts: ["discriminator", "generator"],
    generator: [10, 10],
  },
  {
    name: "ELECTRA whose generator is the discriminator's encoder",
    hparams: { untied_generator: false },
    parts: ["discriminator", "generator"],
    generator: [40, 24],
  },
  {
    name: "masked-LM alone",
    hparams: { electra_objective: false },
    parts: ["generator"],
    generator: [40, 24],
  },
  {
    name: "masked-LM alone, whatever the generator's shares are",
    hparams: { electra_objective: false, generator_hidden_size: 0.001 },
    parts: ["generator"],
    generator: [40, 24],
  },
  {
    name: "ELECTRA with uniform replacements, whatever the generator's shares are",
    hparams: { uniform_generator: true, generator_hidden_size: 0.001 },
    parts: ["discriminator"],
  },
];

for (const { name, hparams, parts, generator } of OBJECTIVES) {
  Deno.test(`the export of ${name} is loaded again and gives the model's own logits`, async () => {
    const trainer = await trained(hparams);
    const { store, objective: { model } } = trainer;
    const predictor = new Predictor(await testGpu(), model, store);
    const batch = sequencesOf(BATCH, SEQUENCE, 77);
    const positions = Uint32Array.of(3, 11, 0, 15);
    const states = (part: ModelPart, { config, parameters }: LoadedModel): Float64Array[][] =>
      Array.from({ length: BATCH }, (_, row) => {
        const cut = (data: TokenIds): TokenIds =>
          data.subarray(row * SEQUENCE, (row + 1) * SEQUENCE);
        const { inputIds, attentionMask, tokenTypeIds } = batch;
        const ids = cut(inputIds), mask = cut(attentionMask), types = cut(tokenTypeIds);
        return encodeReference(parameters, `${part}.`, config, ids, mask, types);
      });

    if (parts.includes("discriminator")) {
      const loaded = await exported(trainer, "discriminator");
      assertEquals([loaded.json.architectures, loaded.json.pad_token_id], [[
        "ElectraForPreTraining",
      ], 3]);
      const judged = states("discriminator", loaded)
        .flatMap((rows) => discriminatorLogitsReference(loaded.parameters, rows));
      assertClose(await predictor.discriminatorLogits(batch), judged, 1e-5, "discriminator");
    } else {
      await assertRejects(() => exported(trainer, "discriminator"), ModelError, "generator");
    }
    if (parts.includes("generator")) {
      const loaded = await exported(trainer, "generator");
      assertEquals([loaded.json.architectures, loaded.json.pad_token_id], [[
        "ElectraForMaskedLM",
      ], 3]);
      assertEquals([loaded.config.hiddenSize, loaded.config.embeddingSize], generator);
      assertEquals(
        loaded.parameters.get("generator.generator_lm_head.weight"),
        loaded.parameters.get("generator.electra.embeddings.word_embeddings.weight"),
      );
      const offered = states("generator", loaded).flatMap((rows, row) => {
        const picked = [...positions.subarray(2 * row, 2 * row + 2)].map((at) => rows[at]);
        return generatorLogitsReference(loaded.parameters, loaded.config, picked)
          .flatMap((logits) => [...logits]);
      });
      assertClose(await predictor.generatorLogits(batch, positions), offered, 1e-5, "generator");
      assert(new Set(offered.map((logit) => logit.toFixed(3))).size > 100, "logits that differ");
    } else {
      await assertRejects(() => exported(trainer, "generator"), ModelError, "discriminator");
    }
    predictor.destroy();
    trainer.destroy();
  });
}

Deno.test("a checkpoint with tensors missing or of another type is not exported", async () => {
  const trainer = await trained();
  const weights = await readStateDict(trainer.store, "parameters");
  const name = "discriminator.electra.encoder.layer.1.output.dense.bias";
  const tensor = weights.get(name)!;
  const halved = { dtype: "F16", shape: tensor.shape, bytes: tensor.bytes.slice(0, 80) } as const;
  for (const [broken, message] of [[undefined, "is missing"], [halved, "is F16 [40], not F32"]]) {
    const others = new Map(weights);
    if (typeof broken === "object") others.set(name, broken);
    else others.delete(name);
    assertThrows(
      () =>
        exportHuggingFace(trainer.objective.hparams, others, "discriminator", { padTokenId: null }),
      ModelError,
      `${name} ${message}`,
    );
  }
  trainer.destroy();
});

Deno.test("token and segment ids past their tables are refused, with row and place", async () => {
  const trainer = await trained({ model_hparam_overrides: { type_vocab_size: 1 } }).catch((e) => e);
  assert(trainer instanceof ModelError);
  assertEquals(
    trainer.message.includes("segment id 1 in row 0 at place 10"),
    true,
    trainer.message,
  );
  const model = await trained();
  const batch = batchOf(3, SEQUENCE, 1);
  batch.inputIds[SEQUENCE + 4] = SPECIAL.vocabSize;
  await assertRejects(
    () => model.train(batch),
    ModelError,
    `token id ${SPECIAL.vocabSize} in row 1 at place 4 is past the model's vocab_size`,
  );
  model.destroy();
});

Deno.test("a half that the model does not have is refused by name", async () => {
  const gpu = await testGpu();
  const uniform = await trained({ uniform_generator: true });
  const halves = new Predictor(gpu, uniform.objective.model, uniform.store);
  await assertRejects(
    () => halves.generatorLogits(sequencesOf(BATCH, SEQUENCE, 1), new Uint32Array(BATCH)),
    ModelError,
    "uniform generator",
  );
  const masked = await trained({ electra_objective: false });
  const rest = new Predictor(gpu, masked.objective.model, masked.store);
  await assertRejects(
    () => rest.discriminatorLogits(sequencesOf(BATCH, SEQUENCE, 1)),
    ModelError,
    "no discriminator",
  );
  for (const predictor of [halves, rest]) predictor.destroy();
  for (const trainer of [uniform, masked]) trainer.destroy();
});
