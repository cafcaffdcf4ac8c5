import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import {
  adapterLines,
  adapterRecord,
  type DescribedGpu,
} from "../../tasks/common/adapter_lines.ts";

const MATRIX = { m: 16, n: 16, k: 16, componentType: "f16", resultType: "f32", lanes: 32 };

function gpu(
  adapter: Partial<DescribedGpu["adapter"]> = {},
  features: Partial<DescribedGpu["features"]> = {},
): DescribedGpu {
  return {
    description: "a card",
    adapter: {
      provider: "Deno",
      name: "a card",
      driver: "",
      vendor: "nvidia",
      cpu: false,
      subgroupSizes: [32, 32],
      ...adapter,
    },
    features: {
      f16: true,
      timestamps: true,
      subgroupSize: 32,
      subgroupMatrices: [],
      ...features,
    },
  };
}

Deno.test("a task's first lines tell what an adapter has, and what it has not and why", () => {
  const [has, not] = adapterLines(gpu());
  assertEquals(
    has,
    "adapter: a card by Deno, a GPU; 16-bit floats, subgroups of 32, timestamps",
  );
  for (const part of ["tensor cores", "Deno gives none", ":dawn"]) assertStringIncludes(not, part);
});

Deno.test("with all there is, one line; the shapes of its matrices are in it, each once", () => {
  const whole = gpu({ provider: "Dawn" }, { subgroupMatrices: [MATRIX, MATRIX] });
  const lines = adapterLines(whole);
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0], "matrices 16×16×16 f16 → f32, timestamps");
  assertEquals(adapterRecord(whole).subgroupMatrices, "16×16×16 f16 → f32");
});

Deno.test("each thing that is missing comes with its own reason", () => {
  const intel = adapterLines(gpu({ subgroupSizes: [8, 32] }, { subgroupSize: 0, f16: false }));
  assertStringIncludes(intel[1], "their size varies from 8 to 32");
  assertStringIncludes(intel[1], "16-bit floats (the driver has none");
  const dawn = adapterLines(gpu({ provider: "Dawn" }));
  assertStringIncludes(dawn[1], "VK_KHR_cooperative_matrix");
  const integers = { ...MATRIX, componentType: "u8", resultType: "u32" };
  const useless = adapterLines(gpu({ provider: "Dawn" }, { subgroupMatrices: [integers] }));
  assertStringIncludes(useless[1], "adds up in f32");
  const blind = adapterLines(
    gpu({ subgroupSizes: [0, 0] }, { timestamps: false, subgroupSize: 0 }),
  );
  assertStringIncludes(blind[1], "does not offer them here");
  assertStringIncludes(blind[1], "wall clock");
});

Deno.test("a CPU's adapter is called one, and doctor is named", () => {
  const [line, ...more] = adapterLines(gpu({ cpu: true }));
  assertStringIncludes(line, "on the processor, for want of a GPU: see `deno task doctor`");
  assert(!more.join().includes("tensor"));
});
