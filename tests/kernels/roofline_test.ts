import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import { copy, peakFma } from "../../kernels/roofline/roofline.ts";
import { assertClose, normal, runTwice, testGpu } from "./harness.ts";

Deno.test("copy copies every element, at sizes around a workgroup, and nothing past them", async () => {
  const gpu = await testGpu();
  for (const elements of [4, 1020, 1024, 1028, 5000]) {
    const input = normal(elements, elements);
    const { output } = await runTwice(gpu, copy({ elements }), { input });
    assertEquals(output, input);
  }
  assertThrows(() => copy({ elements: 6 }), KernelError, "elements / 4");
});

Deno.test("the peak program runs every link of every chain, as its cost says", async () => {
  const gpu = await testGpu();
  const steps = 12, workgroups = 2;
  const program = peakFma({ workgroups, steps });
  const x = [0.5, -0.25, 0.75, 0.9], y = [1, 2, -3, 0.1];
  const data = { factors: Float32Array.from([...x, ...y]) };
  const { results } = await runTwice(gpu, program, data);
  const expected = new Float64Array(results.length);
  let multiplyAdds = 0;
  for (let id = 0; id < 64 * workgroups; id++) {
    for (let lane = 0; lane < 4; lane++) {
      for (let chain = 0; chain < 16; chain++) {
        let c = (id + chain) * Math.fround(x[lane]);
        for (let step = 0; step < steps; step++, multiplyAdds++) {
          c = c * Math.fround(x[lane]) + Math.fround(y[lane]);
        }
        expected[4 * id + lane] += c;
      }
    }
  }
  assertClose(results, expected, 1e-6, "sums of chains");
  assertEquals(program.launches[0].cost.flops, 2 * multiplyAdds);
});
