/** Kernels whose tensors may be stored in f16: the sums stay f32, so only the rounding of storage shows. */
import { assertEquals } from "@std/assert/mod.js";
import {
  crossEntropyChunk,
  crossEntropyChunkBackward,
} from "../../kernels/cross_entropy/cross_entropy.ts";
import { crossEntropyBackwardReference } from "../../kernels/cross_entropy/reference.ts";
import { cast } from "../../kernels/elementwise/elementwise.ts";
import {
  embeddingForward,
  embeddingPositionBackward,
  embeddingTypeBackward,
  embeddingWordBackward,
} from "../../kernels/embedding/embedding.ts";
import { gatherRows, gatherRowsBackward } from "../../kernels/gather_rows/gather_rows.ts";
import { sigmoidCrossEntropyBackward } from "../../kernels/loss/loss.ts";
import { columnSum } from "../../kernels/reduce/column_sum.ts";
import { assertClose, fromHalf, halfTest, normal, runTwice, testGpu, toHalf } from "./harness.ts";

const gpu = await testGpu();
const storage = "f16";

/** Half a unit in the last place of f16, with room for sums. */
const HALF = 6e-4;

/** Normal numbers that f16 holds exactly. */
function halves(count: number, seed: number): Float32Array {
  return fromHalf(toHalf(normal(count, seed)));
}

await halfTest(
  "cast rounds f32 to the nearest f16, goes to infinity past its range, and back",
  async () => {
    const input = Float32Array.of(0, -0, 1, 1 / 3, 65504, 65536, -1e9, 6e-8, 1e-9, Math.PI);
    const elements = input.length;
    const { output } = await runTwice(gpu, cast({ elements, from: "f32", storage }), { input });
    assertEquals(fromHalf(output), fromHalf(toHalf(input)));
    const back = await runTwice(gpu, cast({ elements, from: storage, storage: "f32" }), {
      input: toHalf(input),
    });
    assertEquals(back.output, fromHalf(toHalf(input)));
  },
);

await halfTest("embeddings come out in f16, and the gradients of their tables in f32", async () => {
  const batch = 3, sequence = 7, columns = 5, vocabulary = 11, positions = 9, types = 2;
  const tokens = batch * sequence;
  const ids = Uint32Array.from({ length: tokens }, (_, i) => i * 5 % vocabulary);
  const typeIds = Uint32Array.from({ length: tokens }, (_, i) => i % types);
  const [wordTable, positionTable, typeTable] = [
    normal(vocabulary * columns, 1),
    normal(positions * columns, 2),
    normal(types * columns, 3),
  ];
  const spec = { batch, sequence, columns, vocabulary, positions, types, storage } as const;
  const data = { ids, typeIds, wordTable, positionTable, typeTable };
  const { output } = await runTwice(gpu, embeddingForward(spec), data);
  const gradient = halves(tokens * columns, 4), outputGradient = toHalf(gradient);
  const word = new Float64Array(vocabulary * columns),
    place = new Float64Array(positions * columns);
  const segment = new Float64Array(types * columns), sum = new Float64Array(tokens * columns);
  for (let i = 0; i < sum.length; i++) {
    const token = Math.floor(i / columns), column = i % columns;
    const rows = [ids[token], token % sequence, typeIds[token]].map((row) =>
      row * columns + column
    );
    sum[i] = wordTable[rows[0]] + positionTable[rows[1]] + typeTable[rows[2]];
    [word, place, segment].forEach((table, t) => table[rows[t]] += gradient[i]);
  }
  assertClose(fromHalf(output), sum, HALF, "embeddings");
  const expected: [string, ReturnType<typeof embeddingWordBackward>, object, Float64Array][] = [
    ["words", embeddingWordBackward({ tokens, columns, vocabulary, storage }), { ids }, word],
    [
      "positions",
      embeddingPositionBackward({ batch, sequence, columns, positions, storage }),
      {},
      place,
    ],
    ["segments", embeddingTypeBackward({ tokens, columns, types, storage }), { typeIds }, segment],
  ];
  for (const [name, program, more, table] of expected) {
    const { tableGradient } = await runTwice(gpu, program, { outputGradient, ...more });
    assertClose(tableGradient, table, 2e-6, name);
  }
});

await halfTest(
  "gathered rows keep their bits; their gradient adds in f32, written and accumulated",
  async () => {
    const batch = 2, sequence = 5, picks = 3, columns = 3;
    const spec = { batch, sequence, picks, columns, storage } as const;
    const input = toHalf(normal(batch * sequence * columns, 1));
    const positions = Uint32Array.of(0, 3, 3, 4, 2, 4);
    const { output } = await runTwice(gpu, gatherRows(spec), { input, positions });
    const from = (i: number): number =>
      (Math.floor(i / picks / columns) * sequence + positions[Math.floor(i / columns)]) * columns +
      i % columns;
    assertEquals(output, Uint16Array.from({ length: 18 }, (_, i) => input[from(i)]));
    const gradient = halves(18, 2);
    for (const accumulate of [false, true]) {
      const expected = Float64Array.from(fromHalf(input), (x) => accumulate ? x : 0);
      gradient.forEach((g, i) => expected[from(i)] += g);
      const back = await runTwice(gpu, gatherRowsBackward({ ...spec, accumulate }), {
        positions,
        outputGradient: toHalf(gradient),
        ...(accumulate ? { inputGradient: input } : {}),
      });
      assertClose(fromHalf(back.inputGradient), expected, HALF, `accumulate ${accumulate}`);
    }
  },
);

/** Seed 1, step 2, loss scale 256. */
const stepState = Uint32Array.of(1, 2, 0, 0x43800000);

await halfTest("logits stay f32 while their gradients, scaled, go to f16: sigmoid", async () => {
  const elements = 67;
  const logits = normal(elements, 1, 3), labels = logits.map((_, i) => i % 3 === 0 ? 1 : 0);
  const weights = logits.map((_, i) => i % 5 === 0 ? 0 : 1), normalizer = Float32Array.of(0.02);
  const program = sigmoidCrossEntropyBackward({ elements, gradientScale: 50, storage });
  const data = { logits, labels, weights, normalizer, stepState };
  const { logitsGradient } = await runTwice(gpu, program, data);
  const expected = Float64Array.from(
    logits,
    (x, i) => (1 / (1 + Math.exp(-x)) - labels[i]) * weights[i] * 0.02 * 50 * 256,
  );
  assertClose(fromHalf(logitsGradient), expected, HALF, "gradient");
});

await halfTest("logits stay f32 while their gradients, scaled, go to f16: softmax", async () => {
  const rows = 5, vocabulary = 301;
  const logits = normal(rows * vocabulary, 1, 2);
  const targets = Uint32Array.of(0, 300, 7, 150, 7), weights = Float32Array.of(1, 1, 0, 1, 1);
  const chunk = { rows, chunkStart: 0, chunkColumns: vocabulary };
  const { state } = await runTwice(
    gpu,
    crossEntropyChunk({
      ...chunk,
      vocabulary,
      first: true,
      sample: false,
      temperature: 1,
      disallowCorrect: false,
      stream: 0,
    }),
    { logits, targets },
  );
  const written = await runTwice(
    gpu,
    crossEntropyChunkBackward({ ...chunk, gradientScale: 2, gradientStorage: storage }),
    { logits, targets, weights, state, stepState, normalizer: Float32Array.of(0.25) },
  );
  const scaled = weights.map((weight) => weight * 0.25 * 2 * 256);
  const expected = crossEntropyBackwardReference(vocabulary, logits, targets, scaled);
  assertClose(fromHalf(written.logitsGradient), expected, HALF, "gradient");
  assertEquals(Object.keys(written), ["logitsGradient"], "the logits are left alone");
});

await halfTest("columns of f16 are summed in f32", async () => {
  const rows = 1009, columns = 5;
  const input = halves(rows * columns, 1);
  const expected = new Float64Array(columns);
  input.forEach((x, i) => expected[i % columns] += x);
  const program = columnSum({ rows, columns, storage });
  const { output } = await runTwice(gpu, program, { input: toHalf(input) });
  assertClose(output, expected, 2e-6, "sums");
});
