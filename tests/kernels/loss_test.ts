import { assert, assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import {
  crossEntropyChunk,
  crossEntropyChunkBackward,
  crossEntropyFinish,
} from "../../kernels/cross_entropy/cross_entropy.ts";
import {
  crossEntropyBackwardReference,
  crossEntropyReference,
  gumbelSampleReference,
} from "../../kernels/cross_entropy/reference.ts";
import type { KernelProgram } from "../../kernels/launch.ts";
import {
  sigmoidCrossEntropyBackward,
  sigmoidCrossEntropyForward,
  weightedSum,
} from "../../kernels/loss/loss.ts";
import { partSeed } from "../../kernels/random/random.ts";
import { assertGradient } from "./gradients.ts";
import { assertClose, type Data, normal, runProgram, runTwice, testGpu } from "./harness.ts";

const random = { seed: 3, stream: 4, step: 5 };
const stepState = new Uint32Array([random.seed, random.step, 0, 0x3f800000]); // loss scale 1

/** Runs all chunks of a vocabulary through one state. */
async function chunked(
  rows: number,
  vocabulary: number,
  chunk: number,
  logits: Float32Array,
  targets: Uint32Array,
  options: { temperature: number; disallowCorrect: boolean },
): Promise<Record<string, Data>> {
  const gpu = await testGpu();
  let state: Data | undefined;
  for (let start = 0; start < vocabulary; start += chunk) {
    const columns = Math.min(chunk, vocabulary - start);
    const part = new Float32Array(rows * columns);
    for (let i = 0; i < part.length; i++) {
      part[i] = logits[Math.floor(i / columns) * vocabulary + start + i % columns];
    }
    const program: KernelProgram = crossEntropyChunk({
      rows,
      vocabulary,
      chunkStart: start,
      chunkColumns: columns,
      first: start === 0,
      sample: true,
      stream: random.stream,
      ...options,
    });
    const data: Record<string, Data> = { logits: part, targets, stepState };
    if (state) data.state = state;
    state = (await runTwice(gpu, program, data)).state;
  }
  const finished = await runTwice(gpu, crossEntropyFinish({ rows }), { state: state! });
  return { ...finished, state: state! };
}

function problem(rows: number, vocabulary: number): { logits: Float32Array; targets: Uint32Array } {
  const logits = normal(rows * vocabulary, 1, 4);
  const targets = Uint32Array.from({ length: rows }, (_, i) => (i * 7919) % vocabulary);
  return { logits, targets };
}

Deno.test("cross-entropy in chunks agrees with float64: loss, best id, Gumbel sample", async () => {
  for (
    const [rows, vocabulary, chunk] of [
      [1, 1, 4],
      [5, 7, 4],
      [3, 3001, 1024],
      [70, 300, 300],
      [2, 2052, 2052],
    ]
  ) {
    const { logits, targets } = problem(rows, vocabulary);
    // At temperature 1 the draw shares the softmax's exponentials.
    for (const temperature of [0.8, 1]) {
      const options = { temperature, disallowCorrect: false };
      const actual = await chunked(rows, vocabulary, chunk, logits, targets, options);
      const expected = crossEntropyReference(vocabulary, logits, targets);
      assertClose(actual.loss, expected, 2e-6, `${rows}×${vocabulary}`, 1);
      const best = Uint32Array.from({ length: rows }, (_, row) => {
        const own = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
        return own.indexOf(Math.max(...own));
      });
      assertEquals(actual.predictedIds, best);
      const sampled = gumbelSampleReference(vocabulary, logits, rows, random, temperature);
      assertEquals(actual.sampledIds, sampled);
    }
  }
});

Deno.test("disallowCorrect never samples the target, however probable", async () => {
  const rows = 40, vocabulary = 9;
  const { logits, targets } = problem(rows, vocabulary);
  targets.forEach((target, row) => logits[row * vocabulary + target] = 30);
  for (const disallowCorrect of [false, true]) {
    const options = { temperature: 1, disallowCorrect };
    const { sampledIds } = await chunked(rows, vocabulary, 9, logits, targets, options);
    const hits = targets.filter((target, row) => sampledIds[row] === target).length;
    assertEquals(hits, disallowCorrect ? 0 : rows);
  }
});

Deno.test("Gumbel samples follow softmax(logits / temperature)", async () => {
  const rows = 20_000, vocabulary = 6, temperature = 2;
  const one = Float32Array.of(0, 1, 2, -1, 0.5, 3);
  const logits = new Float32Array(rows * vocabulary);
  for (let row = 0; row < rows; row++) logits.set(one, row * vocabulary);
  const program = crossEntropyChunk({
    rows,
    vocabulary,
    chunkStart: 0,
    chunkColumns: vocabulary,
    first: true,
    sample: true,
    temperature,
    disallowCorrect: false,
    stream: 1,
  });
  const gpu = await testGpu();
  const { state } = await runProgram(gpu, program, {
    logits,
    targets: new Uint32Array(rows),
    stepState,
  });
  const { sampledIds } = await runProgram(gpu, crossEntropyFinish({ rows }), { state });
  const total = one.reduce((sum, x) => sum + Math.exp(x / temperature), 0);
  let chiSquare = 0;
  for (let id = 0; id < vocabulary; id++) {
    const expected = rows * Math.exp(one[id] / temperature) / total;
    const seen = (sampledIds as Uint32Array).filter((sampled) => sampled === id).length;
    chiSquare += (seen - expected) ** 2 / expected;
  }
  assert(chiSquare < 20.5, `chi-square ${chiSquare} of five degrees of freedom`); // p = 0.001
});

Deno.test("the chunk gradient agrees with float64, weights and padding rows included", async () => {
  for (const vocabulary of [37, 36, 4100]) {
    const rows = 6;
    const { logits, targets } = problem(rows, vocabulary);
    const weights = Float32Array.of(1, 1, 0, 1, 0.5, 0);
    const options = { temperature: 1, disallowCorrect: false };
    const { state } = await chunked(rows, vocabulary, vocabulary, logits, targets, options);
    const program = crossEntropyChunkBackward({
      rows,
      chunkStart: 0,
      chunkColumns: vocabulary,
      gradientScale: 50,
    });
    const normalizer = Float32Array.of(1 / 3.5);
    const data = { logits, targets, weights, state, normalizer, stepState };
    const actual = await runTwice(await testGpu(), program, data);
    const rowWeights = weights.map((w) => 50 * w / 3.5);
    const expected = crossEntropyBackwardReference(vocabulary, logits, targets, rowWeights);
    assertClose(actual.logits, expected, 3e-6, `logit gradients of ${vocabulary}`);
  }
});

Deno.test("the reference gradient of cross-entropy agrees with central differences on 3×5", () => {
  const { logits, targets } = problem(3, 5);
  const weights = Float32Array.of(1, 0.25, 2);
  const gradient = crossEntropyBackwardReference(5, logits, targets, weights);
  const loss = (point: Float64Array): number =>
    crossEntropyReference(5, point, targets).reduce((sum, l, row) => sum + weights[row] * l, 0);
  assertGradient(loss, logits, gradient, "logits");
});

Deno.test("weightedSum agrees with float64, and parts of a list add up to the whole", async () => {
  const gpu = await testGpu();
  for (const elements of [1, 255, 257, 10_007]) {
    const values = normal(elements, 1), weights = normal(elements, 2).map((w) => Number(w > 0));
    const normalizer = Float32Array.of(1 / (weights.reduce((total, w) => total + w, 0) + 1e-6));
    const mean = values.reduce((total, v, i) => total + v * weights[i], 0) * normalizer[0];
    let parts = 0;
    for (const [start, end] of [[0, elements], [0, elements >> 1], [elements >> 1, elements]]) {
      if (start === end) continue;
      const program = weightedSum({ elements: end - start });
      const part = { values: values.slice(start, end), weights: weights.slice(start, end) };
      const { result } = await runTwice(gpu, program, { ...part, normalizer });
      if (end - start === elements) assertClose(result, [mean], 2e-6, `${elements}`, 1e-3);
      if (end - start < elements || elements === 1) parts += result[0];
    }
    assertAlmostEquals(parts, elements === 1 ? 2 * mean : mean, 1e-5);
  }
  const { result } = await runTwice(gpu, weightedSum({ elements: 3 }), {
    values: normal(3, 1),
    weights: new Float32Array(3),
    normalizer: Float32Array.of(1e6),
  });
  assertEquals(result[0], 0);
});

Deno.test("a batch samples the same in parts as in one, by the place of each row in the whole", async () => {
  const gpu = await testGpu();
  const rows = 12, vocabulary = 37, perSequence = 3;
  const { logits, targets } = problem(rows, vocabulary);
  const sample = async (first: number, end: number): Promise<number[]> => {
    const count = (end - first) * perSequence, start = first * perSequence;
    const program = crossEntropyChunk({
      rows: count,
      vocabulary,
      chunkStart: 0,
      chunkColumns: vocabulary,
      first: true,
      sample: true,
      temperature: 1,
      disallowCorrect: false,
      stream: random.stream,
      rowsPerSequence: perSequence,
    });
    const { state } = await runTwice(gpu, program, {
      logits: logits.slice(start * vocabulary, (start + count) * vocabulary),
      targets: targets.slice(start, start + count),
      stepState: Uint32Array.of(partSeed(random.seed, first), random.step, first, 0x3f800000),
    });
    const finished = await runTwice(gpu, crossEntropyFinish({ rows: count }), { state });
    return [...finished.sampledIds];
  };
  const whole = await sample(0, 4);
  assertEquals([...await sample(0, 1), ...await sample(1, 3), ...await sample(3, 4)], whole);
  assert(new Set(whole).size > 3, "draws that differ");
});

Deno.test("sigmoid cross-entropy and its gradient agree with float64 at extreme logits", async () => {
  const logits = Float32Array.of(-80, -5, -0.1, 0, 0.1, 5, 80, 12);
  const labels = Float32Array.of(0, 1, 0, 1, 1, 0, 1, 0);
  const weights = Float32Array.of(1, 1, 1, 0, 1, 1, 1, 1);
  const elements = logits.length, gpu = await testGpu();
  const { loss } = await runTwice(gpu, sigmoidCrossEntropyForward({ elements }), {
    logits,
    labels,
  });
  logits.forEach((x, i) => {
    const expected = Math.max(x, 0) - x * labels[i] + Math.log1p(Math.exp(-Math.abs(x)));
    assertAlmostEquals(loss[i], expected, 1e-6 * Math.max(1, expected));
  });
  const logitsGradient = normal(elements, 1);
  const program = sigmoidCrossEntropyBackward({ elements, gradientScale: 3, accumulate: true });
  const normalizer = Float32Array.of(1 / 7);
  const data = { logits, labels, weights, normalizer, stepState, logitsGradient };
  const actual = await runTwice(gpu, program, data);
  const expected = logitsGradient.map((g, i) =>
    g + (1 / (1 + Math.exp(-logits[i])) - labels[i]) * weights[i] * 3 / 7
  );
  assertClose(actual.logitsGradient, expected, 1e-6, "gradient");
});
