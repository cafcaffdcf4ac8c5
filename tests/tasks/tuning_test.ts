import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { dirname, join } from "@std/path/mod.js";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import { suitableVariants } from "../../kernels/matmul/variants.ts";
import {
  matmulCase,
  type MatmulTable,
  tunedVariant,
  tuneMatmuls,
} from "../../kernels/matmul/tune.ts";
import { Tape } from "../../model/autograd/tape.ts";
import { matmulOn } from "../../model/ops/matmul.ts";
import { Interrupted } from "../../tasks/common/command.ts";
import { readTable, tuneProducts, tuningPath, writeTable } from "../../tasks/common/tuning.ts";
import { testGpu } from "../kernels/harness.ts";

const spec: MatmulSpec = { m: 64, n: 64, k: 64, layout: "NN", subgroupSize: 8 };

Deno.test("tuning finds a suitable variant of every product, and times none twice", async () => {
  const gpu = await testGpu();
  const { subgroupSize } = gpu.features;
  const specs: MatmulSpec[] = [
    { m: 64, n: 64, k: 64, layout: "NN", subgroupSize },
    { m: 5, n: 7, k: 9, layout: "TN", subgroupSize },
    { m: 64, n: 64, k: 64, layout: "NN", subgroupSize },
  ];
  const steps: [number, number][] = [];
  const onProgress = (done: number, total: number): void => void steps.push([done, total]);
  const table = await tuneMatmuls(gpu, specs, {}, { onProgress });
  assertEquals(steps, [[0, 2], [1, 2], [2, 2]]);
  for (const each of specs) {
    const variant = tunedVariant(table, each);
    assert(variant && suitableVariants(each).includes(variant), `${variant}`);
  }
  assertEquals(await tuneMatmuls(gpu, specs, table, { onProgress }), table);
  assertEquals(steps.slice(3), [[0, 0]]);
});

Deno.test("tuning that is out of time or stopped leaves the choice to the launcher", async () => {
  const gpu = await testGpu();
  assertEquals(await tuneMatmuls(gpu, [spec], {}, { budgetSeconds: -1 }), {});
  assertEquals(await tuneMatmuls(gpu, [spec], {}, { signal: AbortSignal.abort() }), {});
});

Deno.test("a table's variant is taken; one that is unknown or cannot do the product is not", () => {
  const name = matmulCase(spec);
  assertEquals(tunedVariant({ [name]: "workgroup 32x32" }, spec), "workgroup 32x32");
  assertEquals(tunedVariant({ [name]: "from a later version" }, spec), undefined);
  assertEquals(tunedVariant({ [name]: "workgroup 64x64 split 4" }, spec), undefined);
  const tape = new Tape({ training: true, chooseMatmul: () => "workgroup 32x32" });
  const { m, n, k, layout } = spec;
  const { launches } = matmulOn(tape, { m, n, k, layout });
  assertEquals(launches, matmul(spec, "workgroup 32x32").launches);
});

Deno.test("cases differ wherever speed may", () => {
  const cases: MatmulSpec[] = [
    spec,
    { ...spec, layout: "NT" },
    { ...spec, m: 68 },
    { ...spec, batch: 2 },
    { ...spec, bias: true },
    { ...spec, epilogue: "gelu" },
    { ...spec, accumulate: true },
    { ...spec, storage: "f16" },
    { ...spec, outputStorage: "f16" },
  ];
  assertEquals(new Set(cases.map(matmulCase)).size, cases.length);
});

/** Lets `body` use a path for tunings in a folder of its own, which is removed at the end. */
async function withTunings(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(join(folder, "kohaku", "tuning.json"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tables are kept by adapter, beside what others have found", async () => {
  await withTunings(async (path) => {
    assertEquals(await readTable(path, "one card"), {});
    await writeTable(path, "one card", { x: "8x8" });
    await writeTable(path, "another", { x: "4x4" });
    await writeTable(path, "one card", { y: "16x8" });
    assertEquals(await readTable(path, "one card"), { x: "8x8", y: "16x8" });
    assertEquals(await readTable(path, "another"), { x: "4x4" });
  });
});

Deno.test("a file that is damaged or cannot be read is told in a line with its path, and is as none", async () => {
  await withTunings(async (path) => {
    const told: string[] = [];
    const table = (): Promise<MatmulTable> => readTable(path, "card", (line) => told.push(line));
    await writeTable(path, "card", { x: "8x8" });
    for (const text of ['{"card', "[]", '{"card": ["x"]}', "7", ""]) {
      await Deno.writeTextFile(path, text);
      assertEquals(await table(), {});
    }
    await writeTable(path, "card", { x: "4x4" });
    assertEquals(await table(), { x: "4x4" });
    assertEquals(told, Array(5).fill(`${path} is damaged and is not used`));
    await Deno.remove(path);
    await Deno.mkdir(path);
    assertEquals(await table(), {});
    assert(told.length === 6 && told[5].startsWith(`${path} is not read: `), told[5]);
  });
});

Deno.test("tuning keeps each product as soon as it is found, and goes on from there when interrupted", async () => {
  const gpu = await testGpu();
  const { subgroupSize } = gpu.features;
  const specs = [5, 6, 7].map((m): MatmulSpec => ({ m, n: 7, k: 9, layout: "TN", subgroupSize }));
  const never = new AbortController().signal;
  await withTunings(async (path) => {
    const kept = async (): Promise<number> =>
      Object.keys(await readTable(path, gpu.description)).length;
    // Aborted from the moment on when something is kept.
    const signal = {
      get aborted(): boolean {
        try {
          return Deno.statSync(path).isFile;
        } catch {
          return false;
        }
      },
    } as AbortSignal;
    const message = `kept 1 of 3 tunings in ${path}`;
    await assertRejects(() => tuneProducts(gpu, specs, "on", signal, path), Interrupted, message);
    assertEquals(await kept(), 1);
    const choose = await tuneProducts(gpu, specs, "on", never, path);
    assertEquals(await kept(), 3);
    for (const each of specs) assert(suitableVariants(each).includes(choose!(each)!));
    // What is known is not timed, so that not even a signal to stop is looked at.
    const again = await tuneProducts(gpu, specs, "on", AbortSignal.abort(), path);
    assertEquals(specs.map((each) => again!(each)), specs.map((each) => choose!(each)));
  });
});

Deno.test("tunings that cannot be kept serve the run, and off uses none", async () => {
  const gpu = await testGpu();
  const { subgroupSize } = gpu.features;
  const small: MatmulSpec = { m: 5, n: 7, k: 9, layout: "TN", subgroupSize };
  const { signal } = new AbortController();
  await withTunings(async (path) => {
    await Deno.writeTextFile(dirname(path), "a file where the folder should be");
    const told: string[] = [];
    const tell = (line: string): void => void told.push(line);
    const choose = await tuneProducts(gpu, [small], "on", signal, path, tell);
    assert(suitableVariants(small).includes(choose!(small)!));
    assertEquals(told.length, 2);
    assert(told[1].startsWith("the tunings serve this run alone"), told[1]);
    assertEquals(await tuneProducts(gpu, [small], "off", signal, path, tell), undefined);
    // Too little work for auto to time anything.
    const auto = await tuneProducts(gpu, [small], "auto", signal, path, tell);
    assertEquals(auto!(small), undefined);
  });
});

Deno.test("tunings lie in the user's cache directory", () => {
  const at = (variables: Record<string, string>): string | undefined =>
    tuningPath((name) => variables[name]);
  assertEquals(at({ HOME: "/home/a" }), "/home/a/.cache/kohaku/tuning.json");
  assertEquals(at({ HOME: "/home/a", XDG_CACHE_HOME: "/c" }), "/c/kohaku/tuning.json");
  assertEquals(at({}), undefined);
});
