import { assert, assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import { ExampleBuilder } from "../../../pipeline/examples/builder.ts";
import { Random } from "../../../pipeline/examples/random.ts";

const SPECIAL = { cls: 2, sep: 3, pad: 0 };

/** What one example is made of, before padding. */
interface Made {
  ids: number[];
  /** Tokens of the first segment, and of the second: 0 where there is none. */
  lengths: [number, number];
}

/**
 * ELECTRA's procedure once more, written from its description alone and for one long run: the next
 * target is carried over from document to document, as the original does it.
 */
function* describedProcedure(
  documents: Iterable<number[][]>,
  maxLength: number,
  uniform: () => number,
): Generator<Made> {
  let target = maxLength;
  for (const document of documents) {
    const waiting = [...document];
    while (waiting.length > 0) {
      const taken: number[][] = [];
      for (let total = 0; total < target && waiting.length > 0;) {
        taken.push(waiting.shift()!);
        total += taken.at(-1)!.length;
      }
      const half = uniform() < 0.1 ? 100000 : Math.floor((target - 3) / 2);
      const a: number[] = [], b: number[] = [];
      for (const sentence of taken) {
        if (a.length === 0) a.push(...sentence);
        else if (a.length + sentence.length < half) a.push(...sentence);
        else if (b.length === 0 && a.length < half && uniform() < 0.5) a.push(...sentence);
        else b.push(...sentence);
      }
      a.splice(maxLength - 2);
      b.splice(Math.max(0, maxLength - a.length - 3));
      target = uniform() < 0.05 ? 5 + Math.floor(uniform() * (maxLength - 4)) : maxLength;
      yield {
        ids: b.length > 0 ? [2, ...a, 3, ...b, 3] : [2, ...a, 3],
        lengths: [a.length, b.length],
      };
    }
  }
}

/** Documents of random sentences: some long, some short, ids counting up throughout. */
function someDocuments(count: number, sentences: number, longest: number): number[][][] {
  const random = new Random(count, "documents");
  let next = 10;
  return Array.from(
    { length: count },
    () =>
      Array.from({ length: random.integer(1, sentences) }, () =>
        // Squared, so that short sentences are the many.
        Array.from({ length: 1 + Math.floor(random.uniform() ** 2 * longest) }, () => next++)),
  );
}

/** The builder's examples, with the stream that each document is to draw from. */
function* ours(
  documents: Iterable<number[][]>,
  maxLength: number,
  stream: (document: number) => Random,
): Generator<Made> {
  let number = 0;
  for (const document of documents) {
    const builder = new ExampleBuilder(maxLength, SPECIAL, stream(number++));
    const made = document.map((sentence) => builder.add(Int32Array.from(sentence)));
    for (const example of [...made, builder.end()]) {
      if (example === undefined) continue;
      const { inputIds, segmentIds, inputMask, length } = example;
      assertEquals([...inputMask], Array.from({ length: maxLength }, (_, i) => +(i < length)));
      assert(inputIds.subarray(length).every((id) => id === 0));
      const second = segmentIds.reduce((sum, id) => sum + id, 0);
      assert(segmentIds.subarray(length - second, length).every((id) => id === 1));
      const b = Math.max(0, second - 1);
      const a = length - (b > 0 ? 3 : 2) - b;
      yield { ids: [...inputIds.subarray(0, length)], lengths: [a, b] };
    }
  }
}

/** A stream that remembers what it gave. */
class Recording extends Random {
  readonly given: number[] = [];

  override uniform(): number {
    const number = super.uniform();
    this.given?.push(number);
    return number;
  }
}

Deno.test("given the same draws, the examples are those of the description, token by token", () => {
  let examples = 0;
  for (const maxLength of [5, 6, 8, 31, 64, 128]) {
    for (const [number, document] of someDocuments(60, 25, 90).entries()) {
      const stream = new Recording(3, `${maxLength} ${number}`);
      const made = [...ours([document], maxLength, () => stream)];
      // The description starts at full length: only documents that do so too can be compared.
      if (stream.given[0] < 0.05) continue;
      const draws = stream.given.slice(1);
      const described = [...describedProcedure([document], maxLength, () => draws.shift()!)];
      assertEquals(made, described);
      assertEquals(draws, []);
      examples += made.length;
    }
  }
  assert(examples > 2000, `${examples} examples are too few to tell`);
});

/** Chi squared of two histograms from samples of any sizes, and its degrees of freedom. */
function chiSquared(a: number[], b: number[]): { chi: number; degrees: number } {
  const sum = (list: number[]): number => list.reduce((x, y) => x + y, 0);
  const [up, down] = [Math.sqrt(sum(b) / sum(a)), Math.sqrt(sum(a) / sum(b))];
  let chi = 0, bins = 0;
  a.forEach((n, i) => {
    if (n + b[i] === 0) return;
    chi += (n * up - b[i] * down) ** 2 / (n + b[i]);
    bins++;
  });
  return { chi, degrees: bins - 1 };
}

Deno.test("streams of their own for documents leave all chances as one long stream has them", () => {
  const maxLength = 128;
  const documents = someDocuments(6000, 30, 60);
  const other = new Random(99, "one long stream");
  const samples = [
    [...ours(documents, maxLength, (number) => new Random(5, `document ${number}`))],
    [...describedProcedure(documents, maxLength, () => other.uniform())],
  ];
  assert(samples[0].length > 10000);
  assertAlmostEquals(samples[0].length / samples[1].length, 1, 0.01);
  const shares = samples.map((made) =>
    made.filter(({ lengths }) => lengths[1] === 0).length / made.length
  );
  assertAlmostEquals(shares[0], shares[1], 0.01);
  // Whole lengths, first and second segments: all in bins of eight tokens.
  for (
    const measure of [
      ({ ids }: Made): number => ids.length,
      ({ lengths }: Made): number => lengths[0],
      ({ lengths }: Made): number => lengths[1],
    ]
  ) {
    const [a, b] = samples.map((made) => {
      const bins = new Array<number>(17).fill(0);
      for (const example of made) bins[measure(example) >> 3]++;
      return bins;
    });
    const { chi, degrees } = chiSquared(a, b);
    // Wilson and Hilferty's bound: beyond it once in some ten thousand times.
    const limit = degrees * (1 - 2 / (9 * degrees) + 3.7 * Math.sqrt(2 / (9 * degrees))) ** 3;
    assert(chi < limit, `chi squared ${chi} with ${degrees} degrees of freedom`);
  }
});
