import { assert, assertEquals } from "@std/assert/mod.js";
import { matmul } from "../../kernels/matmul/matmul.ts";
import { median, timePrograms } from "../../kernels/timing.ts";
import { testGpu } from "./harness.ts";

Deno.test("median takes the middle, or the mean of two", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 3, 2]), 2.5);
});

Deno.test("timePrograms sees 1,728 times the work, by timestamps and by the wall clock", async () => {
  const gpu = await testGpu();
  const programs = [64, 768].map((size) => matmul({ m: size, n: size, k: size, layout: "NN" }));
  for (const wallClock of [false, true]) {
    const [small, large] = await timePrograms(gpu, programs, { samples: 3, wallClock });
    assert(small > 0 && small < 1, `64×64×64 took ${small} s`);
    assert(large > 4 * small && large < 5, `768×768×768 took ${large} s, 64×64×64 ${small} s`);
  }
});
