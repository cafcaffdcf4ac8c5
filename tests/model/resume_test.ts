/** What may differ between a checkpoint and the run that goes on from it. */
import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { type PretrainingHparams, resolveHparams } from "../../model/electra/config.ts";
import { requireSameModel, resumeDifferences } from "../../model/electra/resume.ts";
import { ModelError } from "../../model/errors.ts";

function hparams(given: Record<string, unknown>): PretrainingHparams {
  return resolveHparams(given).hparams;
}

Deno.test("keys in another order and defaults spelled out are the same configuration", () => {
  const saved = hparams({
    max_seq_length: 64,
    model_hparam_overrides: { hidden_size: 128, num_hidden_layers: 3 },
    embedding_size: 64,
  });
  const wanted = hparams({
    embedding_size: 64,
    model_hparam_overrides: {
      num_hidden_layers: 3,
      hidden_size: 128,
      num_attention_heads: 2,
      intermediate_size: 512,
      hidden_dropout_prob: 0.1,
    },
    model_size: "small",
    mask_prob: 0.15,
    max_seq_length: 64,
  });
  assertEquals(resumeDifferences(saved, wanted), {
    refused: [],
    accepted: [],
    otherData: false,
  });
});

Deno.test("what trains another way is accepted and told, old and new", () => {
  const saved = hparams({});
  const { refused, accepted, otherData } = resumeDifferences(
    saved,
    hparams({
      learning_rate: 1e-4,
      train_batch_size: 64,
      num_train_steps: 2_000_000,
      model_hparam_overrides: { hidden_dropout_prob: 0, initializer_range: 0.1 },
      do_eval: true,
      model_name: "another",
    }),
  );
  assertEquals(refused, []);
  assertEquals(otherData, false);
  assertEquals(accepted.toSorted(), [
    "hidden_dropout_prob: 0.1 → 0",
    "learning_rate: 0.0005 → 0.0001",
    "num_train_steps: 1000000 → 2000000",
    "train_batch_size: 128 → 64",
  ]);
});

Deno.test("another model is refused with every difference by its name", () => {
  const saved = hparams({});
  const cases: [Record<string, unknown>, string[]][] = [
    [{ embedding_size: 64 }, ["embedding_size: 128 in the checkpoint, 64 asked for"]],
    [{ model_size: "base", embedding_size: 128 }, [
      "hidden_size: 256 in the checkpoint, 768 asked for",
      "num_attention_heads: 4 in the checkpoint, 12 asked for",
      "intermediate_size: 1024 in the checkpoint, 3072 asked for",
    ]],
    [{ model_hparam_overrides: { num_attention_heads: 8 } }, ["num_attention_heads: 4"]],
    [{ generator_hidden_size: 0.5 }, ["the generator's hidden_size: 64"]],
    [{ uniform_generator: true }, ["uniform_generator: false in the checkpoint, true asked for"]],
    [{ untied_generator: false }, ["untied_generator: true in the checkpoint, false asked for"]],
    [{ electra_objective: false }, ["electra_objective: true in the checkpoint, false asked for"]],
    [{ untied_generator_embeddings: true }, ["untied_generator_embeddings: false"]],
  ];
  for (const [given, parts] of cases) {
    const differences = resumeDifferences(saved, hparams(given));
    const error = assertThrows(() => requireSameModel(differences, "step-7"), ModelError);
    for (const part of ["checkpoint step-7", ...parts]) {
      assertEquals(error.message.includes(part), true, `${error.message}: ${part}`);
    }
  }
});

Deno.test("other examples are told apart from the same ones in other batches", () => {
  const saved = hparams({});
  assertEquals(resumeDifferences(saved, hparams({ train_batch_size: 8 })).otherData, false);
  assertEquals(resumeDifferences(saved, hparams({ max_seq_length: 512 })).otherData, true);
  assertEquals(resumeDifferences(saved, hparams({ pretrain_tfrecords: "b/*" })).otherData, true);
});
