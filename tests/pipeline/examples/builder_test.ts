import { assert, assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import { ExampleBuilder, type TrainingExample } from "../../../pipeline/examples/builder.ts";
import { Random } from "../../../pipeline/examples/random.ts";

const SPECIAL = { cls: 2, sep: 3, pad: 0 };

/** A stream that gives the listed numbers, and fails the test if asked for more. */
class Scripted extends Random {
  readonly #numbers: number[];

  constructor(numbers: number[]) {
    super(0, "");
    this.#numbers = numbers;
  }

  override uniform(): number {
    const number = this.#numbers?.shift();
    assert(number !== undefined, "the builder drew more often than it should");
    return number;
  }

  get left(): number {
    return this.#numbers.length;
  }
}

/** Sentences of the given lengths, ids counting up from 10 throughout. */
function sentences(...lengths: number[]): Int32Array[] {
  let next = 10;
  return lengths.map((length) => Int32Array.from({ length }, () => next++));
}

function build(maxLength: number, random: Random, parts: Int32Array[]): TrainingExample[] {
  const builder = new ExampleBuilder(maxLength, SPECIAL, random);
  const made = parts.map((part) => builder.add(part));
  return [...made, builder.end()].filter((example) => example !== undefined);
}

Deno.test("one segment, cut to its room, when chance says so", () => {
  // Draws: target (long), one segment, next target.
  const random = new Scripted([0.9, 0.05, 0.9]);
  const [example, ...others] = build(8, random, sentences(3, 6));
  assertEquals(others, []);
  assertEquals([...example.inputIds], [2, 10, 11, 12, 13, 14, 15, 3]);
  assertEquals([...example.inputMask], [1, 1, 1, 1, 1, 1, 1, 1]);
  assertEquals([...example.segmentIds], [0, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals(example.length, 8);
  assertEquals(random.left, 0);
});

Deno.test("two segments: the second begins where the first would reach its target", () => {
  // max 12 → target of the first segment (12 − 3) / 2 = 4 tokens, rounded down.
  // Sentences 2, 2, 5, 4: the first fits; with the second it would reach 4, so chance decides.
  const random = new Scripted([0.9, 0.5, 0.9, 0.9]);
  const [example] = build(12, random, sentences(2, 2, 5, 4));
  assertEquals([...example.inputIds], [2, 10, 11, 3, 12, 13, 14, 15, 16, 17, 18, 3]);
  assertEquals([...example.segmentIds], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  assertEquals(random.left, 0);
});

Deno.test("a sentence over the first segment's target joins it at even odds", () => {
  const random = new Scripted([0.9, 0.5, 0.1, 0.9]);
  const [example] = build(12, random, sentences(2, 2, 5, 4));
  assertEquals([...example.inputIds], [2, 10, 11, 12, 13, 3, 14, 15, 16, 17, 18, 3]);
  assertEquals([...example.segmentIds], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  assertEquals(random.left, 0);
});

Deno.test("a short sentence still joins the first segment after the second has begun", () => {
  // Target of the first segment (20 − 3) / 2 = 8: 3 fits, 9 goes on (chance), 4 would fit again.
  const random = new Scripted([0.9, 0.5, 0.9, 0.9]);
  const [example] = build(20, random, sentences(3, 9, 4, 1, 3));
  assertEquals(
    [...example.inputIds],
    [2, 10, 11, 12, 22, 23, 24, 25, 3, 13, 14, 15, 16, 17, 18, 19, 20, 21, 26, 3],
  );
  assertEquals(random.left, 0);
});

Deno.test("what a document leaves over becomes a padded example", () => {
  const random = new Scripted([0.9, 0.05, 0.9]);
  const [example] = build(10, random, sentences(2, 1));
  assertEquals([...example.inputIds], [2, 10, 11, 12, 3, 0, 0, 0, 0, 0]);
  assertEquals([...example.inputMask], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  assertEquals(example.length, 5);
});

Deno.test("the smallest sequence has room for one token, and counts what it cuts", () => {
  const builder = new ExampleBuilder(5, SPECIAL, new Random(1, "x"));
  const example = builder.add(sentences(9)[0])!;
  assertEquals([...example.inputIds], [2, 10, 11, 12, 3]);
  assertEquals(builder.cutTokens, 6);
  assertEquals(builder.end(), undefined);
});

Deno.test("empty sentences and empty documents give nothing", () => {
  assertEquals(build(8, new Random(1, "x"), []), []);
  assertEquals(build(8, new Random(1, "x"), sentences(0, 0)), []);
});

Deno.test("chances come out as the paper's code has them, over many examples", () => {
  const count = 4000;
  let single = 0;
  let short = 0;
  for (let i = 0; i < count; i++) {
    const builder = new ExampleBuilder(64, SPECIAL, new Random(7, `document ${i}`));
    let example: TrainingExample | undefined;
    while (example === undefined) example = builder.add(Int32Array.of(9, 9));
    if (!example.segmentIds.includes(1)) single++;
    // Full length is reached within one sentence of two tokens; random targets mostly fall short.
    if (example.length < 62) short++;
  }
  // A short target of up to 7 has no room for two segments, hence a little more than 0.1.
  assertAlmostEquals(single / count, 0.1, 0.02);
  assertAlmostEquals(short / count, 0.05 * 53 / 60, 0.012);
});
