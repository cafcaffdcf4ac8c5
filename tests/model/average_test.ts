/** The moving average of weights: the kernel, what a training makes of it, and how it goes on. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert/mod.js";
import { weightAverage } from "../../kernels/weight_average/weight_average.ts";
import { weightAverageReference } from "../../kernels/weight_average/reference.ts";
import { requireSameModel, resumeDifferences } from "../../model/electra/resume.ts";
import { ModelError } from "../../model/errors.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../model/files/checkpoint.ts";
import { asFloat32, decodeSafeTensors, type SafeTensor } from "../../model/files/safetensors.ts";
import { readStateDict } from "../../model/parameters/state_dict.ts";
import { averageOf } from "../../model/training/state.ts";
import { assertClose, normal, runTwice, testGpu } from "../kernels/harness.ts";
import {
  batchOf,
  checkpointOf,
  makePretraining,
  restoreFrom,
  smallHparams,
} from "./small_electra.ts";

const DECAY = 0.75;

Deno.test("an average follows the weights as in float64", async () => {
  const gpu = await testGpu();
  for (const elements of [64, 64 * 37]) {
    const parameters = normal(elements, 1), average = normal(elements, 2);
    const expected = Float64Array.from(average);
    weightAverageReference({ decay: 0.999 }, expected, parameters);
    const kernel = weightAverage({ elements, decay: 0.999 });
    const actual = await runTwice(gpu, kernel, { parameters, average });
    assertClose(actual.average, expected, 1e-6, `${elements}`);
  }
});

Deno.test("a training's average is that of its weights after each step, also across a resume", async () => {
  const training = await makePretraining({ ema_decay: DECAY });
  const sums = new Map<string, Float64Array>();
  let weight = 0;
  const add = (weights: ReadonlyMap<string, SafeTensor>): void => {
    weight = DECAY * weight + (1 - DECAY);
    for (const [name, tensor] of weights) {
      const values = asFloat32(name, tensor);
      const sum = sums.get(name) ?? new Float64Array(values.length);
      weightAverageReference({ decay: DECAY }, sum, values);
      sums.set(name, sum);
    }
  };
  for (let step = 1; step <= 3; step++) {
    await training.train(batchOf(3, 19, step));
    await training.finish();
    add(await readStateDict(training.store, "parameters"));
  }
  const files = await checkpointOf(training);
  training.destroy();

  const again = await makePretraining({ ema_decay: DECAY });
  restoreFrom(again, files, "checkpoint");
  await again.train(batchOf(3, 19, 4));
  await again.finish();
  add(await readStateDict(again.store, "parameters"));
  const state = await again.state();
  const average = averageOf(state, DECAY);
  assertEquals([...average.keys()], [...state.parameters.keys()]);
  for (const [name, tensor] of average) {
    const expected = sums.get(name)!.map((sum) => sum / weight);
    assertClose(asFloat32(name, tensor), expected, 1e-5, name);
  }
  again.destroy();

  const { position, ...tensors } = state;
  const saved = { ...tensors, average, state: { ...position, hparams: smallHparams() } };
  const written = encodeCheckpoint(saved);
  const read = decodeSafeTensors(written.get("ema.safetensors")!, "ema.safetensors").tensors;
  const [[name, first]] = average;
  assertEquals(asFloat32(name, read.get(name)!), asFloat32(name, first));
  assertEquals(decodeCheckpoint(written, "checkpoint").state.step, 4);
});

Deno.test("an average changes no weight, and a run does not begin one in the middle", async () => {
  const weights = [];
  for (const ema_decay of [0, DECAY]) {
    const training = await makePretraining({ ema_decay });
    await training.train(batchOf(3, 19, 1));
    weights.push(await readStateDict(training.store, "parameters"));
    assertEquals(training.optimizer.moments.includes("ema"), ema_decay > 0);
    training.destroy();
  }
  assertEquals(weights[0], weights[1]);
  const differences = resumeDifferences(smallHparams(), smallHparams({ ema_decay: DECAY }));
  assert(differences.refused.length === 1);
  assertStringIncludes(differences.refused[0], "ema_decay: none in the checkpoint, 0.75 asked for");
  assertThrows(() => requireSameModel(differences, "checkpoint"), ModelError);
});
