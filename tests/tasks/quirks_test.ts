import { assert, assertEquals } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import type { AdapterFacts } from "../../kernels/device.ts";
import { QUIRKS, quirksOf } from "../../kernels/quirks.ts";
import { markdownTable } from "../../tasks/common/table.ts";
import { DAWN_OPTIONS } from "../../tasks/common/webgpu.ts";
import { testGpu, testNeeding } from "../kernels/harness.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** All files of the three rooms whose code may work around something. */
function* sources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sources(path);
    else if (/\.(ts|wgsl)$/.test(name)) yield path;
  }
}

Deno.test("docs/adapters.md shows the table of quirks as it is", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs/adapters.md"));
  const rows = QUIRKS.map(({ id, where, symptom, remedy, test }) => [
    `\`${id}\``,
    where,
    symptom,
    remedy,
    `\`${test}\``,
  ]);
  const head = ["row", "where", "symptom", "what we do", "held by"];
  for (const line of markdownTable(head, rows, { textColumns: 5 })) {
    assert(page.includes(line), line);
  }
  const shown = page.split("\n").filter((line) => line.startsWith("| `")).length;
  assertEquals(shown, QUIRKS.length);
});

Deno.test("rows have names of their own, tests that are there, and code names only rows", async () => {
  const ids = new Set(QUIRKS.map(({ id }) => id));
  assertEquals(ids.size, QUIRKS.length);
  for (const { test } of QUIRKS) {
    if (test.startsWith("tests/")) await Deno.stat(join(ROOT, test));
    else assert(test.startsWith("deno task "), test);
  }
  const named = new Set<string>();
  for (const room of ["kernels", "model", "tasks"]) {
    for (const path of sources(join(ROOT, room))) {
      const text = (await Deno.readTextFile(path)).replaceAll(/\n\s*(\*|\/\/)\s*/g, " ");
      for (const [, id] of text.matchAll(/docs\/adapters\.md: (\w+-[\w-]+)/g)) {
        assert(ids.has(id), `${path} names ${id}`);
        named.add(id);
      }
    }
  }
  for (const id of ["dawn-nvidia-f16", "varying-subgroups", "deno-map-waits", "groups-per-axis"]) {
    assert(named.has(id), `nothing names ${id}`);
  }
});

Deno.test("a row applies to the adapters that it speaks of, and to no others", () => {
  const facts = (given: Partial<AdapterFacts>): AdapterFacts => ({
    ...{ provider: "Deno", name: "", driver: "", vendor: "", cpu: false, subgroupSizes: [32, 32] },
    ...given,
  });
  const ids = (given: Partial<AdapterFacts>): string[] =>
    quirksOf(facts(given)).map(({ id }) => id);
  assert(ids({ provider: "Dawn", vendor: "nvidia" }).includes("dawn-nvidia-f16"));
  assert(!ids({ provider: "Dawn", vendor: "amd" }).includes("dawn-nvidia-f16"));
  assert(!ids({ provider: "Deno", vendor: "nvidia" }).includes("dawn-nvidia-f16"));
  assert(ids({ provider: "Dawn", vendor: "amd" }).includes("amd-matrix-lanes"));
  assert(ids({ subgroupSizes: [8, 32] }).includes("varying-subgroups"));
  assert(!ids({ subgroupSizes: [32, 64] }).includes("varying-subgroups"));
  assert(!ids({ cpu: true, subgroupSizes: [4, 8] }).includes("varying-subgroups"));
  assert(!ids({ cpu: true }).includes("deno-no-matrices"));
});

Deno.test("Dawn is loaded with what shows 16-bit floats on NVIDIA, and with exact timestamps", () => {
  const toggles = (kind: string): string[] =>
    DAWN_OPTIONS.filter((option) => option.startsWith(`${kind}-dawn-features=`))
      .flatMap((option) => option.split("=")[1].split(","));
  assert(toggles("enable").includes("vulkan_enable_f16_on_nvidia"));
  assert(toggles("enable").includes("allow_unsafe_apis"));
  assert(toggles("disable").includes("timestamp_quantization"));
});

const gpu = await testGpu();

testNeeding(
  gpu.features.subgroupSize > 0 ? undefined : "subgroups",
  "a text that enables subgroups compiles, whether or not the compiler knows the line",
  async () => {
    const wgsl =
      "enable subgroups;\n@group(0) @binding(0) var<storage, read_write> x: array<f32>;\n" +
      "@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {\n" +
      "  x[i] = subgroupAdd(x[i]);\n}\n";
    await gpu.pipeline(wgsl, "sum of a subgroup");
  },
);
