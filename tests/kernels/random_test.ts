import { assert, assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import { randomLibrary, randomWord, uniformOpen } from "../../kernels/random/random.ts";
import { singleLaunch } from "../../kernels/launch.ts";
import { runTwice, testGpu } from "./harness.ts";
import source from "./random_test.wgsl" with { type: "text" };

Deno.test("random words on the device equal those of the host bit for bit", async () => {
  const elements = 1003;
  const program = singleLaunch({
    kernel: "random",
    label: "test",
    files: [randomLibrary, source],
    constants: { COUNT: elements },
    elements: { out: elements },
    workgroups: [Math.ceil(elements / 64), 1, 1],
    flops: 0,
  });
  const { out } = await runTwice(await testGpu(), program, {});
  const expected = Uint32Array.from(
    { length: elements },
    (_, i) => randomWord(7, 0xfffffff1, 123456, i),
  );
  assertEquals(out, expected);
});

Deno.test("uniform numbers stay inside (0, 1) and have the moments of a uniform", () => {
  assert(uniformOpen(0) > 0);
  assert(uniformOpen(0xffffffff) < 1);
  const count = 100_000;
  let sum = 0, squares = 0, lag = 0, previous = 0;
  for (let i = 0; i < count; i++) {
    const u = uniformOpen(randomWord(1, 2, 3, i));
    sum += u;
    squares += u * u;
    lag += (u - 0.5) * (previous - 0.5);
    previous = u;
  }
  assertAlmostEquals(sum / count, 1 / 2, 0.005);
  assertAlmostEquals(squares / count, 1 / 3, 0.005);
  assertAlmostEquals(lag / count, 0, 0.002);
});

Deno.test("streams, steps and seeds that differ by one give unrelated words", () => {
  const base: [number, number, number] = [1, 2, 3];
  for (let axis = 0; axis < 3; axis++) {
    const other: [number, number, number] = [...base];
    other[axis]++;
    let bits = 0;
    for (let i = 0; i < 1000; i++) {
      const difference = (randomWord(...base, i) ^ randomWord(...other, i)) >>> 0;
      bits += difference.toString(2).replaceAll("0", "").length;
    }
    assertAlmostEquals(bits / 1000, 16, 0.5);
  }
});
