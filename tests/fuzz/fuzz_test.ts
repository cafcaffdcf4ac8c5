/** Damaged files of every kind: each is read, or refused with a reason, in bounded time and memory. */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert/mod.js";
import { TARGETS } from "./targets.ts";
import { fuzz } from "./watch.ts";

/** Milliseconds for each target; all together take a minute at most. */
const BUDGET = 2500;

const SEED = 20;

Deno.test("what throws or hangs is found, and its case named", async () => {
  const order = { seed: SEED, first: 3, end: 1000, budget: BUDGET };
  const [throws, hangs] = [
    await fuzz({ ...order, target: "throws" }),
    await fuzz({ ...order, target: "hangs" }, 1),
  ];
  assert(throws.finding !== undefined);
  assertStringIncludes(throws.finding.error, "RangeError: a fault");
  assertEquals(throws.finding.number, 3 + throws.cases - 1);
  // The same case again is the same damage.
  const again = { ...order, target: "throws", first: throws.finding.number };
  assertEquals((await fuzz(again)).cases, 1);
  assertEquals(hangs.finding, { number: 3, error: "Error: takes more than 1 s" });
});

for (const [target, { cases, corpus }] of Object.entries(TARGETS)) {
  // Stages start workers anew for each case, which takes too long here: they are for `deno task fuzz`.
  if (target.startsWith("stage-")) continue;
  Deno.test(`damaged input of ${target} is read or refused with a reason`, async () => {
    assertGreater(corpus.length, 0);
    const result = await fuzz({ target, seed: SEED, first: 0, end: cases, budget: BUDGET });
    const again = `deno task fuzz ${target} --seed ${SEED} --case ${result.finding?.number}`;
    assertEquals(result.finding, undefined, again);
    assert(result.cases > 0);
  });
}
