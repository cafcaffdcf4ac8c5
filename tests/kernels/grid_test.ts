import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert/mod.js";
import { KernelError } from "../../kernels/errors.ts";
import { type KernelProgram, MOST_ELEMENTS, MOST_WORKGROUPS } from "../../kernels/launch.ts";
import { sigmoidCrossEntropyForward } from "../../kernels/loss/loss.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import { matmulReference } from "../../kernels/matmul/reference.ts";
import type { MatmulVariant } from "../../kernels/matmul/variants.ts";
import { columnSum } from "../../kernels/reduce/column_sum.ts";
import { replaceTokens } from "../../kernels/replace_tokens/replace_tokens.ts";
import { Tape } from "../../model/autograd/tape.ts";
import { ModelError } from "../../model/errors.ts";
import { KERNELS } from "../../tasks/common/kernel_registry.ts";
import { assertClose, normal, runProgram, testGpu } from "./harness.ts";

/** Fails unless every dispatch of a program is one that WebGPU can hold. */
function assertHolds(program: KernelProgram, what: string): void {
  for (const { workgroups, bindings } of program.launches) {
    for (const count of workgroups) {
      assert(
        Number.isInteger(count) && count >= 1 && count <= MOST_WORKGROUPS,
        `${what}: ${count}`,
      );
    }
    for (const { name, elements } of bindings) {
      assert(elements <= MOST_ELEMENTS, `${what}: ${name}`);
    }
  }
}

Deno.test("every launcher spreads huge shapes over grids that WebGPU holds, or refuses them in words", () => {
  let held = 0, refused = 0;
  for (const { name, shape, variants = [], layouts, launch } of KERNELS) {
    for (const dimension of Object.keys(shape)) {
      for (let exponent = 16; exponent <= 40; exponent += 3) {
        for (const variant of [undefined, ...variants]) {
          for (const layout of layouts ? ["NN", "NT", "TN"] as const : ["NT"] as const) {
            for (const subgroupSize of [0, 8, 32]) {
              // Not a power of two, so that edges lie past the last whole tile.
              const large = { ...shape, [dimension]: 2 ** exponent + 64 };
              const what = `${name} ${JSON.stringify(large)} ${variant} ${layout} ${subgroupSize}`;
              try {
                const choices = { subgroupSize, layout, variant, dropout: 0.1 };
                assertHolds(launch(large, choices), what);
                held++;
              } catch (error) {
                assert(error instanceof KernelError, `${what}: ${error}`);
                assert(!error.message.startsWith("constant "), `${what}: ${error.message}`);
                refused++;
              }
            }
          }
        }
      }
    }
  }
  assert(held > 1000 && refused > 1000, `${held} held, ${refused} refused`);
});

Deno.test("a product of many thousand small matrices is spread, and one past 32-bit indices is refused", () => {
  const spec = { m: 4, n: 4, k: 4, layout: "NN" } as const;
  assertHolds(matmul({ ...spec, batch: 200_000 }), "batch");
  const error = assertThrows(
    () => matmul({ m: 65_536, n: 4, k: 65_536, layout: "NN", batch: 2 }),
    KernelError,
  );
  assertStringIncludes(error.message, "smaller batch");
});

Deno.test("recording refuses a grid or an index that WebGPU cannot hold, naming the operation", () => {
  const tape = new Tape({ training: true });
  const [launch] = sigmoidCrossEntropyForward({ elements: 4 }).launches;
  const tensor = tape.activation("list", [4]);
  const run = (change: Partial<typeof launch>): void =>
    tape.run("token losses", { launches: [{ ...launch, ...change }], scratch: [] }, {
      logits: tensor,
      labels: tensor,
      loss: tensor,
    });
  run({});
  const grid = assertThrows(() => run({ workgroups: [1, 65_536, 1] }), ModelError);
  assertStringIncludes(grid.message, "token losses");
  assertStringIncludes(grid.message, "65536");
  const bindings = launch.bindings.map((binding) => ({ ...binding, elements: 2 ** 32 }));
  const index = assertThrows(() => run({ bindings }), ModelError);
  assertStringIncludes(index.message, "token losses");
});

/** More workgroups of 64 than one axis holds. */
const MANY = 65_600 * 64;

Deno.test("elements past 65,535 workgroups get their values: losses and replaced tokens", async () => {
  const gpu = await testGpu();
  const logits = normal(MANY, 1, 3), labels = Float32Array.from(logits, (_, i) => i % 2);
  const { loss } = await runProgram(gpu, sigmoidCrossEntropyForward({ elements: MANY }), {
    logits,
    labels,
  });
  const expected = Float64Array.from(
    logits,
    (x, i) => Math.max(x, 0) - x * labels[i] + Math.log1p(Math.exp(-Math.abs(x))),
  );
  assertClose(loss, expected, 1e-6, "losses");

  const [batch, sequence] = [65_600, 64];
  const inputIds = Uint32Array.from({ length: MANY }, (_, i) => i % 1000);
  const positions = Uint32Array.from({ length: batch }, (_, row) => row % sequence);
  const replacements = Uint32Array.from({ length: batch }, (_, row) => 2000 + row % 1000);
  const { outputIds, labels: replaced } = await runProgram(
    gpu,
    replaceTokens({ batch, sequence, picks: 1 }),
    { inputIds, positions, weights: new Float32Array(batch).fill(1), replacements },
  );
  let wrong = 0;
  for (let i = 0; i < MANY; i++) {
    const row = Math.floor(i / sequence), hit = positions[row] === i % sequence;
    const id = hit ? replacements[row] : inputIds[i];
    if (outputIds[i] !== id || replaced[i] !== Number(hit)) wrong++;
  }
  assertEquals(wrong, 0);
});

Deno.test("products and sums with more than 65,535 tiles along an axis get their values", async () => {
  const gpu = await testGpu();
  const { subgroupSize } = gpu.features;
  const cases: [MatmulVariant, number, number][] = [["any", 65_600 * 32, 1], [
    "workgroup 32x32",
    65_600 * 32,
    4,
  ]];
  if (subgroupSize >= 4 && subgroupSize <= 8) cases.push(["subgroup 8x4", 65_600 * 8, 4]);
  for (const [variant, m, width] of cases) {
    const spec = { m, n: width, k: width, layout: "NN", subgroupSize } as const;
    const a = normal(m * width, 1), b = normal(width * width, 2);
    const { c } = await runProgram(gpu, matmul(spec, variant), { a, b });
    assertClose(c, matmulReference(spec, { a, b }).c, 1e-6, variant);
  }
  const batched = { m: 4, n: 4, k: 4, layout: "NN", batch: 65_600, subgroupSize } as const;
  const a = normal(16 * 65_600, 1), b = normal(16 * 65_600, 2);
  const { c } = await runProgram(gpu, matmul(batched), { a, b });
  assertClose(c, matmulReference(batched, { a, b }).c, 1e-6, "batches");

  const columns = 4 * MANY / 64 * 8, input = normal(columns, 3);
  const { output } = await runProgram(gpu, columnSum({ rows: 1, columns, subgroupSize: 8 }), {
    input,
  });
  assertClose(output, input, 0, "column sums");
});
