/** The distribution that each tensor starts from, held to the original's by name. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert/mod.js";
import { resolveHparams } from "../../model/electra/config.ts";
import { Electra } from "../../model/electra/electra.ts";
import { ModelError } from "../../model/errors.ts";
import { initialValue, requireSeed } from "../../model/parameters/initialize.ts";
import { ParameterStore } from "../../model/parameters/store.ts";

/**
 * What the original starts from: layers of `tf.layers.dense` without an initializer of their own are
 * Glorot-uniform, matrices with `create_initializer` a normal of 0.02 cut at two deviations.
 */
type Start =
  | { readonly constant: number }
  | { readonly cutNormal: number }
  | { readonly glorot: readonly [inputs: number, outputs: number] };

/** The start of a tensor of an encoder by its name behind "discriminator." or "generator.". */
function encoderStart(name: string, embedding: number, hidden: number): Start | undefined {
  if (name === "electra.embeddings_project.weight") return { glorot: [embedding, hidden] };
  if (/^electra\.embeddings\.(word|position|token_type)_embeddings\.weight$/.test(name)) {
    return { cutNormal: 0.02 };
  }
  const matrices =
    /^electra\.encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)\.weight$/;
  if (matrices.test(name)) return { cutNormal: 0.02 };
  if (/LayerNorm\.weight$/.test(name)) return { constant: 1 };
  return /\.bias$/.test(name) ? { constant: 0 } : undefined;
}

function startOf(name: string): Start | undefined {
  const [part, ...rest] = name.split(".");
  const bare = rest.join(".");
  const [hidden, embedding] = [part === "generator" ? 64 : 256, 128];
  switch (bare) {
    case "discriminator_predictions.dense.weight":
    case "generator_predictions.dense.weight":
      return { cutNormal: 0.02 };
    case "discriminator_predictions.dense_prediction.weight":
      return { glorot: [256, 1] };
    default:
      return encoderStart(bare, embedding, hidden);
  }
}

/** The value below which a share of a normal cut at two deviations lies, by the middle third. */
const CUT_NORMAL_WITHIN_HALF = 0.40116;

Deno.test("every tensor of ELECTRA-small starts from the original's distribution", () => {
  const { hparams } = resolveHparams({
    vocab_size: 2000,
    model_hparam_overrides: { num_hidden_layers: 2 },
  });
  const store = new ParameterStore();
  new Electra(store, hparams);
  const names = new Set<string>();
  store.parameters.forEach((parameter, index) => {
    const values = initialValue(parameter, index, 7);
    let offset = 0;
    for (const { name, shape } of parameter.parts) {
      const elements = shape.reduce((product, size) => product * size, 1);
      const part = values.subarray(offset, offset += elements);
      names.add(name);
      const start = startOf(name);
      assert(start !== undefined, `no start is known for ${name}`);
      requireStart(name, part, start);
    }
  });
  // Both projections, both heads, tied embeddings once, two layers of sixteen tensors each.
  assertEquals(names.size, 2 * 2 + (4 + 5) + 5 + 2 * 2 * 16);
  assert(names.has("generator.electra.embeddings_project.weight"));
  assert(names.has("discriminator.electra.embeddings_project.weight"));
});

function requireStart(name: string, values: Float32Array, start: Start): void {
  if ("constant" in start) {
    assert(values.every((value) => value === start.constant), name);
    return;
  }
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const within = (limit: number): number =>
    values.reduce((sum, value) => sum + Number(Math.abs(value) < limit), 0) / count;
  const slack = 5 / Math.sqrt(count);
  if ("cutNormal" in start) {
    assert(largest <= 2 * start.cutNormal, `${name}: ${largest}`);
    assertAlmostEquals(deviation / start.cutNormal, 0.8796, slack, name);
    assertAlmostEquals(within(0.5 * start.cutNormal), CUT_NORMAL_WITHIN_HALF, slack, name);
  } else {
    const [inputs, outputs] = start.glorot;
    const limit = Math.sqrt(6 / (inputs + outputs));
    assert(largest <= limit && largest > 0.9 * limit, `${name}: ${largest}`);
    assertAlmostEquals(deviation / limit, 1 / Math.sqrt(3), slack, name);
    assertAlmostEquals(within(limit / 2), 0.5, slack, name);
  }
  assertAlmostEquals(mean / deviation, 0, slack, name);
}

Deno.test("the projections of ELECTRA-small deviate by 0.072 and 0.102", () => {
  const store = new ParameterStore();
  new Electra(store, resolveHparams({ vocab_size: 100 }).hparams);
  for (const [part, expected] of [["discriminator", 0.0722], ["generator", 0.1021]] as const) {
    const name = `${part}.electra.embeddings_project.weight`;
    const index = store.parameters.findIndex(({ parts }) => parts[0].name === name);
    const values = initialValue(store.parameters[index], index, 3);
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    assertAlmostEquals(deviation, expected, 0.002);
  }
});

Deno.test("seeds that 32 bits do not tell apart are refused", () => {
  for (const seed of [0, 42, 2 ** 32 - 1]) requireSeed(seed);
  for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
    assertThrows(() => requireSeed(seed), ModelError, "from 0 to 4294967295");
  }
});
