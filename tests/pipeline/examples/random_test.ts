import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { hash32, Random } from "../../../pipeline/examples/random.ts";

Deno.test("a random stream is a function of seed and key, and of both", () => {
  const first = (seed: number, key: string): number[] => {
    const random = new Random(seed, key);
    return Array.from({ length: 8 }, () => random.uint32());
  };
  assertEquals(first(1, "東京"), first(1, "東京"));
  assertNotEquals(first(1, "東京"), first(2, "東京"));
  assertNotEquals(first(1, "東京"), first(1, "京都"));
  assertNotEquals(first(1, "1"), first(1, "2"));
});

Deno.test("random numbers are uniform, also across neighbouring keys", () => {
  const bins = new Array<number>(16).fill(0);
  const firsts = new Array<number>(16).fill(0);
  const random = new Random(3, "one long stream");
  for (let i = 0; i < 32000; i++) {
    bins[Math.floor(random.uniform() * 16)]++;
    firsts[Math.floor(new Random(3, String(i)).uniform() * 16)]++;
  }
  // Chi squared with 15 degrees of freedom is below 37.7 with probability 0.999.
  for (const counts of [bins, firsts]) {
    const chi = counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0);
    assertEquals(chi < 37.7, true, `chi squared ${chi}`);
  }
});

Deno.test("integers fall on both ends of their range and nowhere else", () => {
  const random = new Random(5, "integers");
  const seen = new Set(Array.from({ length: 400 }, () => random.integer(5, 9)));
  assertEquals([...seen].sort(), [5, 6, 7, 8, 9]);
});

Deno.test("a shuffle keeps every item and moves each anywhere at even odds", () => {
  const random = new Random(11, "shuffle");
  const atFront = new Array<number>(5).fill(0);
  for (let i = 0; i < 10000; i++) {
    const items = random.shuffle([0, 1, 2, 3, 4]);
    assertEquals([...items].sort(), [0, 1, 2, 3, 4]);
    atFront[items[0]]++;
  }
  for (const count of atFront) assertAlmostEquals(count / 10000, 0.2, 0.02);
});

Deno.test("hashes of ids spread evenly, so a share of documents is that share", () => {
  let below = 0;
  for (let id = 1; id <= 20000; id++) if (hash32(String(id), 42) / 2 ** 32 < 0.05) below++;
  assertAlmostEquals(below / 20000, 0.05, 0.006);
});
