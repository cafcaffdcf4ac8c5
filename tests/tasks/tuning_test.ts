import { assert, assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { matmul, type MatmulSpec, suitableVariants } from "../../kernels/matmul/matmul.ts";
import { matmulCase, tunedVariant, tuneMatmuls } from "../../kernels/matmul/tune.ts";
import { Tape } from "../../model/autograd/tape.ts";
import { matmulOn } from "../../model/ops/matmul.ts";
import { readTable, tuningPath, writeTable } from "../../tasks/common/tuning.ts";
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
  assertEquals(matmulOn(tape, { m, n, k, layout }), matmul(spec, "workgroup 32x32"));
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
    { ...spec, aRowStride: 128 },
    { ...spec, bRowStride: 128 },
  ];
  assertEquals(new Set(cases.map(matmulCase)).size, cases.length);
});

Deno.test("tables are kept by adapter, and a damaged file is as none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "kohaku", "tuning.json");
    assertEquals(await readTable(path, "one card"), {});
    await writeTable(path, "one card", { x: "8x8" });
    await writeTable(path, "another", { x: "4x4" });
    assertEquals(await readTable(path, "one card"), { x: "8x8" });
    await Deno.writeTextFile(path, '{"one ca');
    assertEquals(await readTable(path, "one card"), {});
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tunings lie in the user's cache directory", () => {
  const at = (variables: Record<string, string>): string | undefined =>
    tuningPath((name) => variables[name]);
  assertEquals(at({ HOME: "/home/a" }), "/home/a/.cache/kohaku/tuning.json");
  assertEquals(at({ HOME: "/home/a", XDG_CACHE_HOME: "/c" }), "/c/kohaku/tuning.json");
  assertEquals(at({}), undefined);
});
