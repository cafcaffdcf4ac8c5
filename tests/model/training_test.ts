/** Training by itself, on objectives that know no ELECTRA. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";
import type { Tape } from "../../model/autograd/tape.ts";
import { ModelError } from "../../model/errors.ts";
import { dropout } from "../../model/ops/embedding.ts";
import { linear } from "../../model/ops/linear.ts";
import { sigmoidCrossEntropy } from "../../model/ops/sigmoid_cross_entropy.ts";
import type { ParameterSettings, ParameterStore } from "../../model/parameters/store.ts";
import {
  type BatchShape,
  type Evaluation,
  normalizerOf,
  type Objective,
  type PreparedBatch,
  type Recording,
} from "../../model/training/objective.ts";
import { Training, type TrainingOptions } from "../../model/training/training.ts";
import { WeightFactory } from "../../model/transformer/weights.ts";
import { normal, testGpu } from "../kernels/harness.ts";

const COLUMNS = 64;

/** Two dense layers with dropout between them tell rows of numbers apart from nothing: all labels are 1. */
class AlwaysOne implements Objective<Float32Array, number> {
  readonly #rate: number;
  readonly first: ReturnType<WeightFactory["dense"]>;
  readonly second: ReturnType<WeightFactory["dense"]>;

  constructor(
    store: ParameterStore,
    { rate = 0, first = {}, second = {} }: {
      readonly rate?: number;
      readonly first?: ParameterSettings;
      readonly second?: ParameterSettings;
    } = {},
  ) {
    const weights = new WeightFactory(store, "", 0.1);
    this.#rate = rate;
    this.first = weights.with(first).dense("first", COLUMNS, COLUMNS);
    this.second = weights.with(second).dense("second", 1, COLUMNS);
  }

  record(tape: Tape, { batch }: BatchShape): Recording {
    const inputs = {
      x: tape.input("x", [batch, COLUMNS], "f32"),
      ones: tape.input("ones", [batch], "f32"),
      normalizer: tape.input("normaliser", [1], "f32"),
    };
    const hidden = dropout(tape, linear(tape, inputs.x, this.first), this.#rate);
    const logits = linear(tape, hidden, this.second);
    const weighting = { weights: inputs.ones, normalizer: inputs.normalizer };
    const loss = sigmoidCrossEntropy(tape, logits, inputs.ones, weighting);
    return { inputs, losses: [{ name: "one", loss, weight: 1 }], outputs: { logits } };
  }

  prepare(x: Float32Array): PreparedBatch {
    const ones = new Float32Array(x.length / COLUMNS).fill(1);
    const shape = { batch: ones.length, sequence: 1 };
    return { shape, inputs: { x, ones, normalizer: normalizerOf(ones) } };
  }

  evaluation(): Evaluation<Float32Array, number> {
    let batches = 0;
    return { add: () => void batches++, result: () => batches };
  }
}

async function train(
  settings: ConstructorParameters<typeof AlwaysOne>[1],
  more: Partial<TrainingOptions> = {},
): Promise<Training<AlwaysOne>> {
  const options = { seed: 3, learningRate: () => 0.01, weightDecay: 0.1, ...more };
  return await Training.create(
    await testGpu(),
    (store) => new AlwaysOne(store, settings),
    options,
  );
}

const row = Float32Array.from(normal(COLUMNS, 5));
const twice = Float32Array.from([...row, ...row]);

async function lossOf(training: Training<AlwaysOne>, batch: Float32Array): Promise<number> {
  const { losses } = await (await training.train(batch)).metrics;
  training.destroy();
  return losses.one;
}

Deno.test("the parts of a batch drop other elements of each other", async () => {
  for (const rate of [0, 0.5]) {
    const alone = await lossOf(await train({ rate }), row);
    const parts = await lossOf(await train({ rate }, { accumulationSteps: 2 }), twice);
    // The first part is the row alone; were the second to drop the same, the mean would be the same.
    assertEquals(Math.abs(parts / alone - 1) < 1e-5, rate === 0, `${rate}: ${alone}, ${parts}`);
  }
});

async function valuesOf(training: Training<AlwaysOne>): Promise<Map<string, Float32Array>> {
  const { parameters } = await training.state();
  return new Map(
    Array.from(parameters, ([name, { bytes }]) => [name, new Float32Array(bytes.slice().buffer)]),
  );
}

Deno.test("a frozen parameter keeps its value, and has neither gradient nor moments", async () => {
  const training = await train({ first: { frozen: true } });
  const before = await valuesOf(training);
  for (let step = 0; step < 3; step++) await training.train(twice);
  const after = await valuesOf(training);
  for (const name of ["first.weight", "first.bias"]) {
    assertEquals(after.get(name), before.get(name));
  }
  for (const name of ["second.weight", "second.bias"]) {
    assert(after.get(name)!.some((value, i) => value !== before.get(name)![i]), name);
  }
  const { moments } = await training.state();
  assertEquals([...moments.keys()], [
    "second.weight/adam_m",
    "second.bias/adam_m",
    "second.weight/adam_v",
    "second.bias/adam_v",
  ]);
  const { store, objective } = training;
  assertThrows(() => store.gradientOf(objective.first.weight), ModelError, "not trained");
  assertEquals([...(await store.readAll("gradients")).keys()].length, 2);
  const free = await train({});
  assert(store.bytes < free.store.bytes - 2 * 4 * COLUMNS * COLUMNS, "no memory for the frozen");
  for (const one of [training, free]) one.destroy();
});

Deno.test("rate and decay are those of the declaration", async () => {
  const moved = async (learningRate: number): Promise<number> => {
    const training = await train({ first: { learningRate } }, { weightDecay: 0 });
    const before = await valuesOf(training);
    await training.train(twice);
    const after = await valuesOf(training);
    training.destroy();
    return after.get("first.bias")![0] - before.get("first.bias")![0];
  };
  const once = await moved(1);
  assert(once !== 0);
  assertAlmostEquals(await moved(0.5), once / 2, 1e-6 * Math.abs(once));
  assertEquals(await moved(0), 0);

  const training = await train({});
  const decays = Object.fromEntries(
    training.store.parameters.map(({ parts: [{ name }], decays }) => [name, decays]),
  );
  assertEquals(decays, {
    "first.weight": true,
    "first.bias": false,
    "second.weight": true,
    "second.bias": false,
  });
  training.destroy();
});

Deno.test("batches of several shapes train one model, and a state goes on in another training", async () => {
  const first = await train({});
  for (const batch of [row, twice, row]) await first.train(batch);
  const second = await train({}, { seed: 99 });
  second.restore(await first.state(), "the first");
  assertEquals([second.step, second.seed], [3, 3]);
  for (const training of [first, second]) await training.train(twice);
  assertEquals(await valuesOf(second), await valuesOf(first));
  assertEquals(await first.evaluate([row, twice]), 2);
  for (const one of [first, second]) one.destroy();
});

Deno.test("the example trains an encoder on an objective of its own, in at most 60 lines", async () => {
  const path = fromFileUrl(new URL("../../examples/toy_objective.ts", import.meta.url));
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  assert(lines.length <= 60, `${lines.length} lines`);
  const child = new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--allow-read", "--allow-env", path],
    env: { NO_COLOR: "1" },
  });
  const { stdout, stderr } = await child.output();
  const out = new TextDecoder().decode(stdout);
  const accuracy = Number(/accuracy: ([\d.]+)/.exec(out)?.[1]);
  assert(accuracy > 0.99, `${out}${new TextDecoder().decode(stderr)}`);
});
