import { assert, assertEquals } from "@std/assert/mod.js";
import { Plan } from "../../model/autograd/plan.ts";
import { Tape } from "../../model/autograd/tape.ts";
import type { Tensor } from "../../model/autograd/tensor.ts";
import { attention } from "../../model/ops/attention.ts";
import { dropout, embed, gatherRows } from "../../model/ops/embedding.ts";
import { layerNorm, residualLayerNorm } from "../../model/ops/layernorm.ts";
import { type DenseWeights, feedForward, linear, linearGelu } from "../../model/ops/linear.ts";
import { sigmoidCrossEntropy } from "../../model/ops/sigmoid_cross_entropy.ts";
import { vocabularyCrossEntropy } from "../../model/ops/vocabulary_cross_entropy.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { normal, testGpu } from "../kernels/harness.ts";

const BATCH = 2, SEQUENCE = 8, HIDDEN = 8, VOCABULARY = 24, PICKS = 3, TOKENS = BATCH * SEQUENCE;

/**
 * Gradients of a step through every operation that has any, with some parameters frozen.
 *
 * @returns by parameter that is trained, what its gradient's memory holds; it starts as 7 everywhere.
 */
async function gradientsOf(
  isFrozen: (name: string) => boolean,
): Promise<Map<string, Float32Array>> {
  const gpu = await testGpu();
  const store = new ParameterStore();
  const declare = (name: string, shape: readonly number[]): Tensor => {
    const initializer = { kind: "constant", value: 0 } as const;
    const frozen = isFrozen(name);
    return store.declare({ name, shape, initializer, decays: true, frozen }).value;
  };
  const dense = (name: string, outputs: number): DenseWeights => ({
    weight: declare(`${name} weight`, [outputs, HIDDEN]),
    bias: declare(`${name} bias`, [outputs]),
  });
  const norm = (name: string): { weight: Tensor; bias: Tensor } => ({
    weight: declare(`${name} scale`, [HIDDEN]),
    bias: declare(`${name} shift`, [HIDDEN]),
  });
  const tables = {
    word: declare("words", [VOCABULARY, HIDDEN]),
    position: declare("positions", [SEQUENCE, HIDDEN]),
    type: declare("types", [2, HIDDEN]),
  };
  const outputBias = declare("output bias", [VOCABULARY]);

  const tape = new Tape({ training: true, subgroupSize: gpu.features.subgroupSize });
  const ids = tape.input("ids", [BATCH, SEQUENCE], "u32");
  const typeIds = tape.input("types", [BATCH, SEQUENCE], "u32");
  const attentionMask = tape.input("mask", [BATCH, SEQUENCE], "u32");
  const positions = tape.input("positions", [BATCH, PICKS], "u32");
  const targets = tape.input("targets", [BATCH * PICKS], "u32");
  const weights = tape.input("weights", [BATCH * PICKS], "f32");
  const normalizer = tape.input("normaliser", [1], "f32");
  const labels = tape.input("labels", [TOKENS], "f32");
  const tokenWeights = tape.input("token weights", [TOKENS], "f32");
  const embedded = layerNorm(tape, embed(tape, ids, typeIds, tables), norm("first norm"), 1e-6);
  const qkv = linear(tape, dropout(tape, embedded, 0.1), dense("qkv", 3 * HIDDEN));
  const options = { batch: BATCH, heads: 2, sequence: SEQUENCE, dropout: 0.1 };
  const context = attention(tape, qkv, attentionMask, options);
  const join = { epsilon: 1e-6, dropout: 0.1 };
  const attended = residualLayerNorm(tape, context, embedded, norm("second norm"), join);
  const fed = feedForward(tape, attended, dense("inner", HIDDEN), dense("outer", HIDDEN));
  const picked = gatherRows(tape, fed, positions);
  const head = linearGelu(tape, picked, dense("head", HIDDEN));
  const sampling = { chunkBytes: 1 << 20, sample: true, temperature: 1, disallowCorrect: false };
  const { loss } = vocabularyCrossEntropy(
    tape,
    head,
    tables.word,
    outputBias,
    targets,
    { weights, normalizer },
    sampling,
  );
  const logits = linear(tape, fed, dense("judge", 1));
  const judged = sigmoidCrossEntropy(tape, logits, labels, {
    weights: tokenWeights,
    normalizer,
  });
  tape.backward(
    [{ loss, weight: 1 }, { loss: judged, weight: 50 }],
    (value) => store.gradientOf(value),
  );

  store.allocate(gpu, { moments: [] });
  store.parameters.forEach((parameter, index) => {
    const { elements } = parameter.value;
    store.write(parameter, "parameters", Float32Array.from(normal(elements, index, 0.3)));
    const trained = parameter.gradient !== undefined;
    if (trained) store.write(parameter, "gradients", new Float32Array(elements).fill(7));
  });
  const plan = await Plan.compile(gpu, tape, store);
  const write = (input: Tensor, data: Float32Array | Uint32Array): void => {
    if (plan.uses(input)) plan.write(input, data);
  };
  write(ids, Uint32Array.from({ length: TOKENS }, (_, i) => i * 7 % VOCABULARY));
  write(typeIds, Uint32Array.from({ length: TOKENS }, (_, i) => i % 2));
  write(attentionMask, new Uint32Array(TOKENS).fill(1));
  write(positions, Uint32Array.of(0, 3, 5, 1, 2, 7));
  write(targets, Uint32Array.of(1, 2, 3, 4, 5, 23));
  write(weights, new Float32Array(BATCH * PICKS).fill(1));
  write(normalizer, Float32Array.of(1 / 8));
  write(labels, Float32Array.from({ length: TOKENS }, (_, i) => i % 3 === 0 ? 1 : 0));
  write(tokenWeights, new Float32Array(TOKENS).fill(1));
  write(tape.stepState, Uint32Array.of(1, 1, 0, 0x3f800000));
  plan.run();
  const gradients = await store.readAll("gradients");
  plan.destroy();
  store.destroy();
  return new Map([...gradients].map(([{ parts }, data]) => [parts[0].name, data]));
}

const trained = await gradientsOf(() => false);

Deno.test("every operation's parameters have gradients where none is frozen", () => {
  assertEquals(trained.size, 18);
  for (const [name, gradient] of trained) {
    assert(gradient.some((value) => value !== 7 && value !== 0), name);
    assert(gradient.every(Number.isFinite), name);
  }
});

for (const name of trained.keys()) {
  Deno.test(`with ${name} frozen all other gradients keep their bits, and its own is not made`, async () => {
    const gradients = await gradientsOf((other) => other === name);
    assertEquals(gradients.size, trained.size - 1);
    for (const [other, gradient] of gradients) assertEquals(gradient, trained.get(other), other);
  });
}

Deno.test("with all but one parameter frozen, that one's gradient keeps its bits", async () => {
  for (const name of ["words", "positions", "first norm shift", "qkv weight", "judge bias"]) {
    const gradients = await gradientsOf((other) => other !== name);
    assertEquals([...gradients.keys()], [name]);
    assertEquals(gradients.get(name), trained.get(name), name);
  }
});

Deno.test("with everything frozen, a step has no gradients", async () => {
  assertEquals((await gradientsOf(() => true)).size, 0);
});
