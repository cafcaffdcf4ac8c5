/** Every hyperparameter's every documented value: its effect, or its refusal in words. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert/mod.js";
import {
  discriminatorConfig,
  generatorConfig,
  type PretrainingHparams,
  resolveHparams,
} from "../../model/electra/config.ts";
import { Electra } from "../../model/electra/electra.ts";
import { maskBatch } from "../../model/electra/masking.ts";
import { ModelError } from "../../model/errors.ts";
import { planPretraining, type Pretraining } from "../../model/electra/pretraining.ts";
import type { StepPlan } from "../../model/training/step_plan.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { roundHalfToEven } from "../../model/rounding.ts";
import { learningRate } from "../../model/training/schedule.ts";
import { batchOf, makePretraining, SPECIAL } from "./small_electra.ts";

type Given = Record<string, unknown>;

function resolved(given: Given): PretrainingHparams {
  return resolveHparams(given).hparams;
}

/** Names and shapes of the parameters that hyperparameters make. */
function parametersOf(given: Given): Map<string, string> {
  const store = new ParameterStore();
  new Electra(store, resolved({ vocab_size: 100, ...given }));
  const parts = store.parameters.flatMap(({ parts }) => parts);
  return new Map(parts.map(({ name, shape }) => [name, shape.join("×")]));
}

function overrides(model_hparam_overrides: Given): Given {
  return { model_hparam_overrides };
}

/** Parts of the model by the first words of their parameters. */
function has(given: Given, prefix: string): boolean {
  return [...parametersOf(given).keys()].some((name) => name.startsWith(prefix));
}

const WORDS = "electra.embeddings.word_embeddings.weight";
const PROJECTION = "electra.embeddings_project.weight";

/** A value, and what is seen where it is given. */
type Effect = readonly [given: Given, seen: (given: Given) => unknown, expected: unknown];

const MODEL_EFFECTS: { readonly [key: string]: readonly Effect[] } = {
  debug: [
    [{ debug: true }, (given) => {
      const { train_batch_size, eval_batch_size, num_train_steps, num_eval_steps } = resolved(
        given,
      );
      return [train_batch_size, eval_batch_size, num_train_steps, num_eval_steps];
    }, [8, 4, 20, 2]],
    [{ debug: true }, (given) => {
      const config = discriminatorConfig(resolved(given));
      const { hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize } = config;
      return [hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize];
    }, [144, 3, 4, 576]],
    [{ debug: true, embedding_size: 32 }, (given) => resolved(given).embedding_size, 32],
    [{ debug: false }, (given) => resolved(given).train_batch_size, 128],
  ],
  electra_objective: [
    [{ electra_objective: true }, (given) => has(given, "discriminator.discriminator_"), true],
    [{ electra_objective: false }, (given) => has(given, "discriminator.discriminator_"), false],
    [{ electra_objective: false }, (given) => has(given, "generator.generator_"), true],
    [{ electra_objective: false }, (given) => has(given, "generator.electra"), false],
  ],
  model_size: ([["small", 256, 12, 4, 128], ["base", 768, 12, 12, 768], [
    "large",
    1024,
    24,
    16,
    1024,
  ]] as const).map(([model_size, ...expected]) => [{ model_size }, (given) => {
    const config = discriminatorConfig(resolved(given));
    const { hiddenSize, numHiddenLayers, numAttentionHeads, embeddingSize } = config;
    return [hiddenSize, numHiddenLayers, numAttentionHeads, embeddingSize];
  }, expected]),
  model_hparam_overrides: [
    [overrides({ hidden_size: 320 }), (given) => {
      const { hiddenSize, numAttentionHeads, intermediateSize } = discriminatorConfig(
        resolved(given),
      );
      return [hiddenSize, numAttentionHeads, intermediateSize];
    }, [320, 5, 1280]],
    ...([
      ["num_hidden_layers", 5, "numHiddenLayers"],
      ["num_attention_heads", 8, "numAttentionHeads"],
      ["intermediate_size", 96, "intermediateSize"],
      ["hidden_dropout_prob", 0, "hiddenDropout"],
      ["attention_probs_dropout_prob", 0.25, "attentionDropout"],
      ["max_position_embeddings", 1024, "maxPositionEmbeddings"],
      ["type_vocab_size", 3, "typeVocabSize"],
      ["initializer_range", 0.05, "initializerRange"],
      ["vocab_size", 77, "vocabSize"],
    ] as const).map(([key, value, field]): Effect => [
      overrides({ [key]: value }),
      (given) => discriminatorConfig(resolved(given))[field],
      value,
    ]),
    [overrides({ hidden_act: "gelu" }), (given) => has(given, "discriminator."), true],
  ],
  embedding_size: [
    [
      { embedding_size: 64 },
      (given) => parametersOf(given).get(`discriminator.${WORDS}`),
      "100×64",
    ],
    [{ embedding_size: null }, (given) => resolved(given).embedding_size, 256],
    [{ embedding_size: null }, (given) => has(given, `discriminator.${PROJECTION}`), false],
    [
      { model_size: "base", ...overrides({ hidden_size: 512 }) },
      (given) => resolved(given).embedding_size,
      512,
    ],
  ],
  vocab_size: [
    [{ vocab_size: 55 }, (given) => parametersOf(given).get(`discriminator.${WORDS}`), "55×128"],
    [
      { vocab_size: 55, ...overrides({ vocab_size: 66 }) },
      (given) => parametersOf(given).get("generator.generator_lm_head.bias"),
      "66",
    ],
  ],
  uniform_generator: [
    [{ uniform_generator: true }, (given) => has(given, "generator."), false],
    [{ uniform_generator: false }, (given) => has(given, "generator."), true],
  ],
  untied_generator: [
    [{ untied_generator: false }, (given) => has(given, "generator.electra."), false],
    [
      { untied_generator: false },
      (given) => parametersOf(given).get("generator.generator_predictions.dense.weight"),
      "128×256",
    ],
    [
      { untied_generator: true },
      (given) => parametersOf(given).get("generator.generator_predictions.dense.weight"),
      "128×64",
    ],
  ],
  untied_generator_embeddings: [
    [
      { untied_generator_embeddings: true },
      (given) => parametersOf(given).get(`generator.${WORDS}`),
      "100×64",
    ],
    [
      { untied_generator_embeddings: true },
      (given) => has(given, `generator.${PROJECTION}`),
      false,
    ],
    [
      { untied_generator_embeddings: true },
      (given) => parametersOf(given).get("generator.generator_predictions.dense.weight"),
      "64×64",
    ],
    [{ untied_generator_embeddings: false }, (given) => has(given, `generator.${WORDS}`), false],
    [
      { untied_generator_embeddings: true, untied_generator: false },
      (given) => resolveHparams(given).withoutEffect,
      ["untied_generator_embeddings"],
    ],
  ],
  generator_layers: [
    // 12 × 0.375 = 4.5 and 12 × 0.125 = 1.5: to the even neighbour, as Python rounds.
    ...([[1, 12], [0.5, 6], [0.375, 4], [0.125, 2]] as const).map(([generator_layers, layers]) =>
      [
        { generator_layers },
        (given: Given) => generatorConfig(resolved(given)).numHiddenLayers,
        layers,
      ] as const
    ),
  ],
  // 256 × 5/512 = 2.5 and 256 × 7/512 = 3.5.
  generator_hidden_size: ([[0.25, 64, 1], [1, 256, 4], [5 / 512, 2, 1], [7 / 512, 4, 1]] as const)
    .map(([generator_hidden_size, ...expected]) => [{ generator_hidden_size }, (given) => {
      const { hiddenSize, numAttentionHeads } = generatorConfig(resolved(given));
      return [hiddenSize, numAttentionHeads];
    }, expected]),
  mask_prob: [
    ...([[0.15, 19], [0.25, 32], [1, 128], [0.001, 1]] as const).map(([mask_prob, picks]) =>
      [
        { mask_prob },
        (given: Given) => resolved(given).max_predictions_per_seq,
        picks,
      ] as const
    ),
  ],
  max_predictions_per_seq: [
    [{ max_predictions_per_seq: 7 }, (given) => resolved(given).max_predictions_per_seq, 7],
  ],
  max_seq_length: [
    [{ max_seq_length: 512 }, (given) => resolved(given).max_predictions_per_seq, 79],
  ],
  learning_rate: [[
    { learning_rate: 3, num_warmup_steps: 0 },
    (given) => learningRate(resolved(given), 0),
    3,
  ]],
  lr_decay_power: [
    [
      { lr_decay_power: 2, learning_rate: 1, num_train_steps: 4, num_warmup_steps: 0 },
      (given) => learningRate(resolved(given), 2),
      0.25,
    ],
    [
      { lr_decay_power: 0, learning_rate: 1, num_train_steps: 4, num_warmup_steps: 0 },
      (given) => learningRate(resolved(given), 3),
      1,
    ],
  ],
  lr_schedule: [
    [
      { lr_schedule: "cosine", learning_rate: 2, num_train_steps: 10, num_warmup_steps: 4 },
      (given) => [2, 4, 7, 10].map((step) => learningRate(resolved(given), step).toFixed(6)).join(),
      "1.000000,2.000000,1.000000,0.000000",
    ],
    [
      { lr_schedule: "wsd", learning_rate: 2, num_train_steps: 40, num_warmup_steps: 4 },
      (given) => [0, 2, 4, 36, 38, 40].map((step) => learningRate(resolved(given), step)).join(),
      "0,1,2,2,1,0",
    ],
    [
      { lr_schedule: "polynomial", learning_rate: 2, num_train_steps: 10, num_warmup_steps: 4 },
      (given) => learningRate(resolved(given), 5),
      1,
    ],
  ],
  num_decay_steps: [[
    {
      lr_schedule: "wsd",
      num_decay_steps: 5,
      learning_rate: 1,
      num_train_steps: 10,
      num_warmup_steps: 0,
    },
    (given) => [0, 5, 6, 9].map((step) => learningRate(resolved(given), step)).join(),
    "1,1,0.8,0.2",
  ]],
  num_warmup_steps: [
    [
      { num_warmup_steps: 10, learning_rate: 1, lr_decay_power: 0 },
      (given) => learningRate(resolved(given), 5),
      0.5,
    ],
  ],
  num_train_steps: [
    [
      { num_train_steps: 100, learning_rate: 1, num_warmup_steps: 0 },
      (given) => learningRate(resolved(given), 75),
      0.25,
    ],
  ],
  gradient_accumulation_steps: [
    [
      { gradient_accumulation_steps: 4 },
      (given) => costs(given).dispatches > 3 * costs({}).dispatches,
      true,
    ],
    [{ gradient_accumulation_steps: 4 }, (given) => costs(given).bytes < costs({}).bytes, true],
  ],
  ema_decay: [
    [{ ema_decay: 0.9 }, (given) => costs(given).bytes > costs({}).bytes, true],
    [{ ema_decay: 0 }, (given) => costs(given).bytes, costs({}).bytes],
  ],
  recompute: [
    [{ recompute: "layers" }, (given) => costs(given).bytes < costs({}).bytes, true],
    [{ recompute: "layers" }, (given) => costs(given).flops > costs({}).flops, true],
    [{ recompute: "none" }, (given) => costs(given).bytes, costs({}).bytes],
  ],
  keep_checkpoint_max: [
    [{ keep_checkpoint_max: null }, (given) => resolved(given).keep_checkpoint_max, 0],
  ],
};

/** What a step of hyperparameters costs. */
function costs(given: Given): StepPlan {
  const hparams = resolved({ vocab_size: 1000, train_batch_size: 16, ...given });
  return planPretraining(hparams, { subgroupSize: 0, maxStorageBufferBindingSize: 1 << 27 });
}

/** Keys that a training step shows: tried below. */
const BY_STEPS = [
  "gen_weight",
  "disc_weight",
  "weight_decay_rate",
  "temperature",
  "disallow_correct",
  "train_batch_size",
  "eval_batch_size",
];

/** Keys that only the task reads: tried in tests/tasks/chain_test.ts. */
const BY_TASK = [
  "do_train",
  "do_eval",
  "num_eval_steps",
  "eval_steps",
  "init_checkpoint",
  "keep_checkpoint_every_n_hours",
  "save_checkpoints_steps",
  "keep_checkpoint_max",
  "do_lower_case",
  "pretrain_tfrecords",
  "vocab_file",
  "model_sentencepiece_path",
  "model_name",
];

Deno.test("every hyperparameter has a test of its effect", () => {
  const tried = new Set([...Object.keys(MODEL_EFFECTS), ...BY_STEPS, ...BY_TASK]);
  assertEquals(Object.keys(resolved({})).filter((key) => !tried.has(key)), []);
});

for (const [key, effects] of Object.entries(MODEL_EFFECTS)) {
  Deno.test(`hparam ${key} has the effect of each of its values`, () => {
    for (const [given, seen, expected] of effects) {
      assertEquals(seen(given), expected, JSON.stringify(given));
    }
  });
}

Deno.test("values of the wrong kind are refused as what they are, in every key", () => {
  const wrong = ["0.1", "x", [], {}, null, true, NaN, Infinity, -1, 1e300];
  const texts = [
    "pretrain_tfrecords",
    "vocab_file",
    "model_sentencepiece_path",
    "model_name",
    "init_checkpoint",
  ];
  const numbers = (key: string, value: unknown): boolean =>
    typeof value === "number" && typeof Reflect.get(resolved({}), key) === "number";
  for (const key of Object.keys(resolved({}))) {
    for (const value of wrong) {
      if (texts.includes(key) && typeof value === "string") continue;
      if (value === true && typeof Reflect.get(resolved({}), key) === "boolean") continue;
      if (key === "do_lower_case" && typeof value === "boolean") continue;
      if (
        value === null && ["do_lower_case", "keep_checkpoint_max", "embedding_size"].includes(key)
      ) {
        continue;
      }
      if (key === "model_hparam_overrides" && JSON.stringify(value) === "{}") continue;
      const error = assertThrows(() => resolved({ [key]: value }), ModelError, `hparam ${key} is `);
      const kind = typeof value === "string"
        ? `the text "${value}"`
        : Array.isArray(value)
        ? "the list []"
        : typeof value === "object" && value !== null
        ? "the object {}"
        : String(value);
      assert(error.message.includes(`is ${kind}; it must be`), error.message);
      assert(!numbers(key, value) || error.message.includes("number"), error.message);
    }
  }
});

Deno.test("values of the wrong kind are refused in every override, by their path", () => {
  const keys = [
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "vocab_size",
    "hidden_act",
  ];
  for (const key of keys) {
    for (const value of ["0.1", [], true, null, NaN, -1, 1e300]) {
      assertThrows(
        () => resolved(overrides({ [key]: value })),
        ModelError,
        `hparam model_hparam_overrides.${key} is `,
      );
    }
  }
});

Deno.test("each refusal says what is wrong and what to write", () => {
  const cases: readonly (readonly [Given, string])[] = [
    [
      { train_batch_size: "256" },
      'is the text "256"; it must be a whole number from 1 to 65,536, without quotes',
    ],
    [{ do_train: "true" }, 'is the text "true"; it must be true or false, without quotes'],
    [{ learning_rate: "fast" }, 'is the text "fast"; it must be a number from 0 to 1e+38'],
    [
      { model_size: "toString" },
      'is the text "toString"; it must be one of "small", "base", "large"',
    ],
    [{ toString: 1 }, 'unknown hparam "toString"'],
    [{ constructor: 1 }, 'unknown hparam "constructor"'],
    [JSON.parse('{"__proto__": {"debug": true}}'), 'unknown hparam "__proto__"'],
    [overrides({ toString: 1 }), 'unknown key "toString" in model_hparam_overrides'],
    [overrides({ hidden_dropout_prob: 1 }), "it must be a number from 0 to below 1"],
    [
      overrides({ hidden_dropout_prob: "0.1" }),
      'is the text "0.1"; it must be a number from 0 to below 1, without quotes',
    ],
    [overrides({ hidden_act: "relu" }), 'is the text "relu"; it must be one of "gelu"'],
    [{ mask_prob: 0 }, "is 0; it must be a number above 0 and at most 1"],
    [{ temperature: 0 }, "is 0; it must be a number from 0.000001 to 1,000,000"],
    [{ train_batch_size: 1e9 }, "it must be a whole number from 1 to 65,536"],
    [{ train_batch_size: 65_536, max_seq_length: 65_536 }, "use a smaller batch"],
    [{ max_seq_length: 1e9 }, "it must be a whole number from 5 to 65,536"],
    [{ max_predictions_per_seq: 200 }, "more than the 128 tokens of max_seq_length"],
    [{ electric_objective: true }, "is true, but it is not built: leave it out"],
    [{ recompute: "all" }, 'is the text "all"; it must be one of "none", "layers"'],
    [{ train_batch_size: 9, gradient_accumulation_steps: 2 }, "which does not divide"],
    [{ two_tower_generator: "false" }, 'is the text "false", but it is not built'],
    [{ uniform_generator: true, electra_objective: false }, "leave nothing to train"],
  ];
  for (const [given, message] of cases) {
    assertThrows(() => resolveHparams(given), ModelError, message);
  }
  for (const key of ["electric_objective", "two_tower_generator"]) {
    assertEquals(resolveHparams({ [key]: false }).withoutEffect, []);
  }
  const heads = resolved({ debug: true, ...overrides({ hidden_size: 42 }) });
  assertThrows(() => discriminatorConfig(heads), ModelError, "set num_attention_heads");
  const narrow = resolved({ generator_hidden_size: 0.001 });
  assertThrows(() => generatorConfig(narrow), ModelError, "the generator has hiddenSize = 0");
});

Deno.test("the original's keys without a meaning here are named as without effect", () => {
  const keys = [
    "use_tpu",
    "num_tpu_cores",
    "tpu_job_name",
    "tpu_name",
    "tpu_zone",
    "gcp_project",
    "iterations_per_loop",
    "model_dir",
    "results_txt",
    "results_pkl",
  ];
  for (const key of keys) assertEquals(resolveHparams({ [key]: null }).withoutEffect, [key]);
});

Deno.test("hyperparameters that were completed once are completed to the same again", () => {
  const cases: readonly Given[] = [
    {},
    { debug: true },
    { model_size: "large", embedding_size: null, keep_checkpoint_max: null },
    overrides({ vocab_size: 12, hidden_size: 64 }),
    { electra_objective: false, mask_prob: 1, do_lower_case: null },
  ];
  for (const given of cases) {
    const once = resolved(given);
    assertEquals(resolved(JSON.parse(JSON.stringify(once))), once);
  }
});

Deno.test("halves round to the even neighbour", () => {
  assertEquals([0.5, 1.5, 2.5, 2.4, 2.6, -0.5, -1.5].map(roundHalfToEven), [0, 2, 2, 2, 3, -0, -2]);
});

Deno.test("a share of a row is rounded in float32, half to even, as the original does it", () => {
  // 0.15 × 30 = 4.5 there, which becomes 4.
  for (const [length, expected] of [[10, 2], [20, 3], [30, 4], [50, 8], [128, 19]]) {
    const ones = new Int32Array(length).fill(1);
    const batch = {
      inputIds: new Int32Array(length).fill(9),
      attentionMask: ones,
      tokenTypeIds: ones,
    };
    const options = { maskProb: 0.15, maxPredictions: 128 };
    const { maskedWeights } = maskBatch(batch, length, SPECIAL, options, 1, 1);
    assertEquals(maskedWeights.reduce((sum, one) => sum + one, 0), expected, `${length}`);
  }
});

Deno.test("uniform replacements are any piece, and with disallow_correct any but the true one", () => {
  const sequence = 40, special = { ...SPECIAL, vocabSize: 7 };
  const batch = {
    inputIds: Int32Array.from({ length: sequence }, (_, i) => [0, 1, 5, 6][i % 4]),
    attentionMask: new Int32Array(sequence).fill(1),
    tokenTypeIds: new Int32Array(sequence),
  };
  for (const disallowCorrect of [false, true]) {
    const counts = new Map<number, number>();
    let correct = 0, drawn = 0;
    for (let step = 1; step <= 200; step++) {
      const options = { maskProb: 0.5, maxPredictions: 20, disallowCorrect };
      const { maskedIds, uniformIds } = maskBatch(batch, sequence, special, options, 3, step);
      uniformIds.forEach((id, i) => {
        drawn++;
        correct += Number(id === maskedIds[i]);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      });
    }
    assertEquals([...counts.keys()].sort(), [0, 1, 2, 3, 4, 5, 6]);
    if (disallowCorrect) assertEquals(correct, 0);
    else assertAlmostEquals(correct / drawn, 1 / 7, 0.02);
  }
});

async function trainer(more: Given): Promise<Pretraining> {
  return await makePretraining({
    model_hparam_overrides: { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
    ...more,
  });
}

Deno.test("gen_weight and disc_weight weigh the losses in the total", async () => {
  for (const [gen_weight, disc_weight] of [[1, 50], [3, 0], [0, 2]]) {
    const model = await trainer({ gen_weight, disc_weight });
    const { losses, totalLoss } = await (await model.train(batchOf(3, 19, 1))).metrics;
    const { masked_lm, disc } = losses;
    assertAlmostEquals(totalLoss, gen_weight * masked_lm + disc_weight * disc, 1e-4);
    model.destroy();
  }
});

Deno.test("temperature and disallow_correct govern what the generator samples", async () => {
  const sampled = async (more: Given): Promise<{ right: number; sampled: number }> => {
    const model = await trainer({ learning_rate: 1e-2, ...more });
    for (let step = 1; step <= 60; step++) await model.train(batchOf(3, 19, step));
    const batches = Array.from({ length: 60 }, (_, i) => batchOf(2, 19, 500 + i));
    const metrics = await model.evaluate(batches);
    model.destroy();
    return { right: metrics.masked_lm_accuracy!, sampled: metrics.sampled_masked_lm_accuracy! };
  };
  const cold = await sampled({ temperature: 0.001 });
  assertEquals(cold.sampled, cold.right, "the best guess is always drawn");
  assert(cold.right > 0.03, `${cold.right}`);
  const hot = await sampled({ temperature: 1000 });
  assert(hot.sampled < 0.03, `${hot.sampled}`);
  assertEquals((await sampled({ temperature: 0.001, disallow_correct: true })).sampled, 0);
});

Deno.test("weight decay moves matrices and leaves biases and layernorms alone", async () => {
  const weights = async (weight_decay_rate: number): Promise<Map<string, Float32Array>> => {
    const model = await trainer({ weight_decay_rate, num_warmup_steps: 0, learning_rate: 0.1 });
    const start = await model.store.readAll("parameters");
    await model.train(batchOf(3, 19, 1));
    await model.finish();
    const after = await model.store.readAll("parameters");
    model.destroy();
    return new Map([...after].map(([parameter, data]) => [
      parameter.parts[0].name,
      data.map((value, i) => value - start.get(parameter)![i]),
    ]));
  };
  const [kept, decayed] = [await weights(0), await weights(0.5)];
  for (const [name, moved] of kept) {
    const decays = !/LayerNorm|bias/.test(name);
    const same = moved.every((value, i) => value === decayed.get(name)![i]);
    assertEquals(same, !decays, name);
  }
});

Deno.test("train_batch_size and eval_batch_size are the rows of a batch", async () => {
  const model = await trainer({ train_batch_size: 1, eval_batch_size: 4 });
  const { prepared } = await model.train(batchOf(1, 19, 1));
  assertEquals(prepared.shape, { batch: 1, sequence: 19 });
  const { masked_lm_loss } = await model.evaluate([batchOf(4, 19, 1)]);
  assert(Number.isFinite(masked_lm_loss));
  model.destroy();
});
