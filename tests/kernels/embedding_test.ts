import { assertEquals, assertThrows } from "@std/assert/mod.js";
import {
  embeddingForward,
  embeddingPositionBackward,
  embeddingTypeBackward,
  embeddingWordBackward,
} from "../../kernels/embedding/embedding.ts";
import { KernelError } from "../../kernels/errors.ts";
import { gatherRows, gatherRowsBackward } from "../../kernels/gather_rows/gather_rows.ts";
import { replaceTokens } from "../../kernels/replace_tokens/replace_tokens.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

function randomIds(count: number, below: number, seed: number): Uint32Array {
  return Uint32Array.from(normal(count, seed), (x) => Math.floor(Math.abs(x) * 1e6) % below);
}

Deno.test("embedding adds word, position and segment, clamping ids past the table", async () => {
  for (
    const [batch, sequence, columns, vocabulary] of [[1, 1, 1, 1], [3, 7, 5, 11], [2, 67, 128, 301]]
  ) {
    const tokens = batch * sequence, positions = sequence + 3, types = 2;
    const ids = randomIds(tokens, vocabulary, 1), typeIds = randomIds(tokens, types, 2);
    ids[tokens - 1] = 4_000_000_000;
    const wordTable = normal(vocabulary * columns, 3);
    const positionTable = normal(positions * columns, 4);
    const typeTable = normal(types * columns, 5);
    const program = embeddingForward({ batch, sequence, columns, vocabulary, positions, types });
    const data = { ids, typeIds, wordTable, positionTable, typeTable };
    const { output } = await runTwice(await testGpu(), program, data);
    const expected = Float64Array.from({ length: tokens * columns }, (_, i) => {
      const token = Math.floor(i / columns), column = i % columns;
      return wordTable[Math.min(ids[token], vocabulary - 1) * columns + column] +
        positionTable[token % sequence * columns + column] +
        typeTable[typeIds[token] * columns + column];
    });
    assertClose(output, expected, 1e-6, `${tokens}×${columns}`);
  }
});

Deno.test("the word gradient sums equal ids in runs shorter and longer than a piece", async () => {
  for (
    const [tokens, columns, vocabulary] of [[1, 1, 1], [31, 3, 7], [97, 65, 5], [400, 8, 1000], [
      333,
      4,
      2,
    ]]
  ) {
    for (const accumulate of [false, true]) {
      const ids = randomIds(tokens, vocabulary, 1);
      const outputGradient = normal(tokens * columns, 2);
      const old = normal(vocabulary * columns, 3);
      const expected = Float64Array.from(old, (x) => accumulate ? x : 0);
      outputGradient.forEach((g, i) => {
        expected[ids[Math.floor(i / columns)] * columns + i % columns] += g;
      });
      const program = embeddingWordBackward({ tokens, columns, vocabulary, accumulate });
      const data: Record<string, Float32Array | Uint32Array> = { ids, outputGradient };
      if (accumulate) data.tableGradient = old;
      const { tableGradient } = await runTwice(await testGpu(), program, data);
      assertClose(tableGradient, expected, 2e-6, `${tokens} tokens of ${vocabulary} words`);
    }
  }
});

Deno.test("position and segment gradients sum over the batch, written and accumulated", async () => {
  for (const [batch, sequence, columns] of [[1, 1, 1], [3, 7, 5], [5, 67, 9]]) {
    for (const accumulate of [false, true]) {
      const tokens = batch * sequence, positions = sequence + 2, types = 2;
      const outputGradient = normal(tokens * columns, 1), typeIds = randomIds(tokens, types, 2);
      const oldPosition = normal(positions * columns, 3), oldType = normal(types * columns, 4);
      const position = Float64Array.from(oldPosition, (x) => accumulate ? x : 0);
      const type = Float64Array.from(oldType, (x) => accumulate ? x : 0);
      outputGradient.forEach((g, i) => {
        const token = Math.floor(i / columns), column = i % columns;
        position[token % sequence * columns + column] += g;
        type[typeIds[token] * columns + column] += g;
      });
      const gpu = await testGpu();
      const forPosition = await runTwice(
        gpu,
        embeddingPositionBackward({ batch, sequence, columns, positions, accumulate }),
        { outputGradient, ...(accumulate ? { tableGradient: oldPosition } : {}) } as Record<
          string,
          Float32Array
        >,
      );
      assertClose(forPosition.tableGradient, position, 2e-6, "positions");
      const forType = await runTwice(
        gpu,
        embeddingTypeBackward({ tokens, columns, types, accumulate }),
        { typeIds, outputGradient, ...(accumulate ? { tableGradient: oldType } : {}) } as Record<
          string,
          Float32Array | Uint32Array
        >,
      );
      assertClose(forType.tableGradient, type, 2e-6, "segments");
    }
  }
});

Deno.test("gatherRows picks rows, and its gradient adds up double picks", async () => {
  const batch = 2, sequence = 5, picks = 4, columns = 3;
  const input = normal(batch * sequence * columns, 1);
  const positions = Uint32Array.of(0, 3, 3, 4, 2, 1, 0, 99);
  const source = (pick: number): number =>
    Math.floor(pick / picks) * sequence + Math.min(positions[pick], sequence - 1);
  const spec = { batch, sequence, picks, columns };
  const gpu = await testGpu();
  const { output } = await runTwice(gpu, gatherRows(spec), { input, positions });
  const expected = Float32Array.from(
    { length: batch * picks * columns },
    (_, i) => input[source(Math.floor(i / columns)) * columns + i % columns],
  );
  assertEquals(output, expected);
  const outputGradient = normal(expected.length, 2);
  for (const accumulate of [false, true]) {
    const gradient = Float64Array.from(input, (x) => accumulate ? x : 0);
    outputGradient.forEach((g, i) => {
      gradient[source(Math.floor(i / columns)) * columns + i % columns] += g;
    });
    const data: Record<string, Float32Array | Uint32Array> = { positions, outputGradient };
    if (accumulate) data.inputGradient = input;
    const back = await runTwice(gpu, gatherRowsBackward({ ...spec, accumulate }), data);
    assertClose(back.inputGradient, gradient, 1e-6, "gradient");
  }
});

Deno.test("replaceTokens writes what counts and labels only what differs", async () => {
  const inputIds = Uint32Array.of(5, 6, 7, 8, 15, 16, 17, 18);
  const { outputIds, labels } = await runTwice(
    await testGpu(),
    replaceTokens({ batch: 2, sequence: 4, picks: 3 }),
    {
      inputIds,
      positions: Uint32Array.of(1, 3, 0, 0, 2, 0),
      weights: Float32Array.of(1, 1, 0, 1, 1, 0),
      replacements: Uint32Array.of(60, 8, 99, 150, 17, 99),
    },
  );
  assertEquals(outputIds, Uint32Array.of(5, 60, 7, 8, 150, 16, 17, 18));
  assertEquals(labels, Float32Array.of(0, 1, 0, 0, 1, 0, 0, 0));
});

Deno.test("embedding refuses a sequence longer than its positions", () => {
  const spec = { batch: 1, sequence: 9, columns: 4, vocabulary: 8, positions: 8, types: 2 };
  assertThrows(() => embeddingForward(spec), KernelError, "positions");
});
