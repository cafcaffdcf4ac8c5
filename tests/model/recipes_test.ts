/** Named recipes, and what a user gives beside them. */
import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import {
  discriminatorConfig,
  generatorConfig,
  type PretrainingHparams,
  resolveHparams,
} from "../../model/electra/config.ts";
import { RECIPES } from "../../model/electra/recipes.ts";
import { ModelError } from "../../model/errors.ts";

function resolved(given: Record<string, unknown>): PretrainingHparams {
  return resolveHparams(given).hparams;
}

Deno.test("recipes are the models of the paper and the one that was released", () => {
  const facts = (recipe: string): unknown[] => {
    const hparams = resolved({ recipe });
    const { numHiddenLayers, hiddenSize } = discriminatorConfig(hparams);
    const { max_seq_length, train_batch_size, learning_rate, mask_prob } = hparams;
    const generator = generatorConfig(hparams).hiddenSize;
    return [
      numHiddenLayers,
      hiddenSize,
      generator,
      max_seq_length,
      train_batch_size,
      learning_rate,
      mask_prob,
    ];
  };
  assertEquals(facts("small-paper"), [12, 256, 64, 128, 128, 5e-4, 0.15]);
  assertEquals(facts("small-google"), [12, 256, 256, 512, 128, 5e-4, 0.15]);
  assertEquals(facts("base"), [12, 768, 256, 512, 256, 2e-4, 0.15]);
  assertEquals(facts("large"), [24, 1024, 256, 512, 2048, 2e-4, 0.25]);
  assertEquals(facts("sample").slice(0, 3), [2, 128, 32]);
  for (const recipe of Object.keys(RECIPES)) {
    const once = resolved({ recipe });
    assertEquals(resolved({ ...once }), once, recipe);
  }
});

Deno.test("what is given beside a recipe wins, key by key in its shape too", () => {
  const mine = resolved({
    recipe: "sample",
    learning_rate: 1e-4,
    model_hparam_overrides: { num_hidden_layers: 3 },
  });
  assertEquals([mine.learning_rate, mine.train_batch_size], [1e-4, 16]);
  const { hidden_size, num_hidden_layers } = mine.model_hparam_overrides;
  assertEquals([hidden_size, num_hidden_layers], [128, 3]);
  const sized = resolved({ recipe: "sample", model_size: "base" });
  assertEquals([sized.model_hparam_overrides, sized.embedding_size], [{}, 768]);
  const wide = resolved({ recipe: "sample", embedding_size: null });
  assertEquals(wide.embedding_size, 128);
});

Deno.test("a recipe that does not exist is refused with those that do", () => {
  const message = 'hparam recipe is the text "tiny"; it must be one of "small-paper"';
  assertThrows(() => resolved({ recipe: "tiny" }), ModelError, message);
  assertThrows(() => resolved({ recipe: "toString" }), ModelError, "hparam recipe is");
  assertThrows(
    () => resolved({ recipe: "sample", model_hparam_overrides: [] }),
    ModelError,
    "hparam model_hparam_overrides is the list []",
  );
  assert(!("recipe" in resolved({ recipe: "base" })));
});
