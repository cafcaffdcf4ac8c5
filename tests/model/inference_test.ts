/** Predictions of batches of any shape, held to a float64 forward pass and to each other. */
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert/mod.js";
import { ModelError } from "../../model/errors.ts";
import { Predictor, type TokenSequences } from "../../model/electra/predictor.ts";
import { asFloat32 } from "../../model/files/safetensors.ts";
import { readStateDict } from "../../model/parameters/state_dict.ts";
import { assertClose, testGpu } from "../kernels/harness.ts";
import {
  discriminatorLogitsReference,
  encodeReference,
  generatorLogitsReference,
  type NamedParameters,
} from "./reference_step.ts";
import { batchOf, makePretraining } from "./small_electra.ts";

const SHAPES = [[1, 7], [2, 19], [5, 12]] as const;

function sequencesOf(batch: number, sequence: number): TokenSequences {
  return { batch, sequence, ...batchOf(batch, sequence, 10 * batch + sequence) };
}

/** One row of a batch without its padding. */
function rowOf({ sequence, ...arrays }: TokenSequences, row: number): TokenSequences {
  const at = row * sequence;
  const mask = arrays.attentionMask.slice(at, at + sequence);
  const length = [...mask].filter((one) => one === 1).length;
  return {
    batch: 1,
    sequence: length,
    inputIds: arrays.inputIds.slice(at, at + length),
    attentionMask: mask.slice(0, length),
    tokenTypeIds: arrays.tokenTypeIds.slice(at, at + length),
  };
}

Deno.test("fill-mask, detection, embeddings and scores are float64's, for any shape over one model", async () => {
  const trainer = await makePretraining({}, { seed: 5 });
  for (let step = 1; step <= 10; step++) await trainer.train(batchOf(3, 19, step));
  await trainer.finish();
  const { model } = trainer.objective;
  const named = await readStateDict(trainer.store, "parameters");
  const parameters: NamedParameters = new Map(
    Array.from(named, ([name, tensor]) => [name, Float64Array.from(asFloat32(name, tensor))]),
  );
  const predictor = new Predictor(await testGpu(), model, trainer.store);
  for (const [rows, sequence] of SHAPES) {
    const batch = sequencesOf(rows, sequence);
    const states = (prefix: string, config: typeof model.discriminatorConfig): Float64Array[][] =>
      Array.from({ length: rows }, (_, row) => {
        const { inputIds, attentionMask, tokenTypeIds } = rowOf(batch, row);
        return encodeReference(parameters, prefix, config, inputIds, attentionMask, tokenTypeIds);
      });
    /** What the device gave for the real tokens of each row. */
    const real = (all: Float32Array, hidden: Float64Array[][], width: number): number[] =>
      hidden.flatMap((
        row,
        i,
      ) => [...all.subarray(i * sequence * width, (i * sequence + row.length) * width)]);
    const judged = states("discriminator.", model.discriminatorConfig);
    const logits = await predictor.discriminatorLogits(batch);
    assertEquals(logits.length, rows * sequence);
    assertClose(
      real(logits, judged, 1),
      judged.flatMap((row) => discriminatorLogitsReference(parameters, row)),
      1e-5,
      "discriminator",
    );
    const width = model.discriminatorConfig.hiddenSize;
    assertClose(
      real(await predictor.hiddenStates(batch), judged, width),
      judged.flatMap((row) => row.flatMap((state) => [...state])),
      1e-5,
      "hidden states",
    );
    const guessed = states("generator.", model.generatorConfig);
    for (const picks of [1, 3]) {
      const positions = Uint32Array.from({ length: rows * picks }, (_, i) => 1 + (i * 5) % 3);
      const expected = guessed.map((row, i) =>
        generatorLogitsReference(
          parameters,
          model.generatorConfig,
          [...positions.subarray(i * picks, (i + 1) * picks)].map((at) => row[at]),
        )
      ).flat();
      assertClose(
        await predictor.generatorLogits(batch, positions),
        expected.flatMap((row) => [...row]),
        1e-5,
        "generator",
      );
      const tokens = positions.map((at, i) => (at * 7 + i) % model.generatorConfig.vocabSize);
      const losses = expected.map((row, i) => {
        const greatest = Math.max(...row);
        const sum = row.reduce((total, logit) => total + Math.exp(logit - greatest), 0);
        return greatest + Math.log(sum) - row[tokens[i]];
      });
      assertClose(await predictor.tokenLosses(batch, positions, tokens), losses, 1e-5, "losses");
      assertGreater(Math.max(...losses), 1);
    }
  }
  await assertRejects(
    () => predictor.generatorLogits(sequencesOf(2, 19), Uint32Array.of(1)),
    ModelError,
    "1 positions do not divide among 2 sequences",
  );
  predictor.destroy();
  trainer.destroy();
});

Deno.test("a batch with padding says what its sequences say one by one, also when calls overlap", async () => {
  const trainer = await makePretraining({}, { seed: 6 });
  const predictor = new Predictor(await testGpu(), trainer.objective.model, trainer.store);
  const batch = sequencesOf(5, 19);
  const width = trainer.objective.model.discriminatorConfig.hiddenSize;
  const rows = Array.from({ length: 5 }, (_, row) => rowOf(batch, row));
  const [together, ...alone] = await Promise.all(
    [batch, ...rows].map((one) => predictor.hiddenStates(one)),
  );
  let padded = 0;
  alone.forEach((states, row) => {
    const at = row * 19 * width;
    assertClose(together.subarray(at, at + states.length), [...states], 1e-5, `row ${row}`);
    padded += Number(states.length < 19 * width);
  });
  assert(padded > 0, "some rows are shorter");
  predictor.destroy();
  trainer.destroy();
});
