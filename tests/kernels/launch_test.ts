import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert/mod.js";
import { Gpu, reliableLanes, requireLimits } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import {
  type KernelLaunch,
  launchOf,
  type Prelude,
  spreadWorkgroups,
} from "../../kernels/launch.ts";
import { preludeOf, specialise } from "../../kernels/page.ts";
import { unroll } from "../../kernels/unroll.ts";
import { testGpu } from "./harness.ts";

Deno.test("unroll repeats, nests, and keeps or drops optional lines", () => {
  const source = [
    "head",
    "  //# for i in 0..ROWS",
    "  //# for j in 0..2",
    "  a$i$j",
    "  //# end",
    "  //# end",
    "//# if YES",
    "kept",
    "//# end",
    "//# if NO",
    "dropped",
    "//# end",
  ].join("\n");
  const out = unroll(source, { ROWS: 2, YES: 1, NO: 0 }).split("\n").map((line) => line.trim());
  assertEquals(out, ["head", "a00", "a01", "a10", "a11", "kept"]);
  assertThrows(() => unroll("//# for i in 0..N\n//# end", {}), KernelError, "N");
  assertThrows(() => unroll("//# if A\nx", { A: 1 }), KernelError, "no end");
});

const page = (list: string, ...lines: string[]): string =>
  ["// A page.", "//", `// Prelude: ${list}.`, "", ...lines].join("\n");

Deno.test("specialise gives a page the types and numbers that it lists, and refuses what is none", () => {
  const { wgsl } = specialise(
    [page("Elem N (of a row) FLAG X ROWS; if FLAG: DEEP; if ROWS: HIGH")],
    {
      aliases: { Elem: "f16", Unlisted: "f32" },
      constants: { N: 7, FLAG: true, X: { f32: 1e-12 }, UNLISTED: 1, DEEP: 2, HIGH: 3 },
      options: { ROWS: 0 },
    },
  );
  const lines = wgsl.split("\n");
  assertEquals(lines.slice(0, 4), [
    "enable f16;",
    "alias Elem = f16;",
    "const N: u32 = 7u;",
    "const FLAG: bool = true;",
  ]);
  assertStringIncludes(lines[4], "e-13f");
  assertEquals(lines.slice(5, 7), ["const DEEP: u32 = 2u;", "// A page."]);
  const given = (constants: Prelude["constants"]) => (): unknown =>
    specialise([page("N")], { constants });
  assertThrows(given({ N: -1 }), KernelError, "N = -1");
  assertThrows(given({ N: { f32: Infinity } }), KernelError, "finite");
  assertThrows(given({}), KernelError, 'the prelude lacks N, which "// A page." lists');
  assertThrows(() => specialise(["// A page.\n"], {}), KernelError, "without a Prelude list");
});

Deno.test("bindings are read from a page: names, access, types and sizes, numbered without gaps", () => {
  const source = page(
    "Elem4 BIAS ADDS",
    "struct State {\n  seed: u32,\n  scale: f32,\n}",
    "@group(0) @binding(3) var<storage, read_write> output: array<Elem4>; // written whole unless ADDS",
    "@group(0) @binding(0) var<storage, read> input: array<vec2<u32>>;",
    "//# if BIAS",
    "@group(0) @binding(1) var<storage, read> bias: array<f32>;",
    "//# end",
    "@group(0) @binding(2) var<storage, read> state: State;",
    "@group(0) @binding(4) var<storage, read_write> sums: array<f32>;",
    "@group(0) @binding(5) var<uniform> params: Params;",
    "struct Params {\n  rows: u32,\n}",
  );
  const launch = (bias: boolean, adds: boolean): KernelLaunch =>
    launchOf({
      kernel: "page",
      label: "",
      files: [source],
      aliases: { Elem4: "vec4<f16>" },
      options: { BIAS: bias, ADDS: adds },
      elements: { input: 6, bias: 2, output: 8, sums: 4 },
      buffers: { sums: "scratch" },
      params: { rows: 3 },
      workgroups: [1, 1, 1],
      flops: 0,
    });
  const { wgsl, bindings, params, cost } = launch(false, false);
  assertEquals(bindings, [
    { name: "input", access: "read", dtype: "u32", elements: 6 },
    { name: "state", access: "read", dtype: "u32", elements: 2 },
    { name: "output", access: "write", dtype: "f16", elements: 8 },
    { name: "scratch", access: "read_write", dtype: "f32", elements: 4 },
  ]);
  assertEquals([...wgsl.matchAll(/@binding\((\d)\)/g)].map(([, n]) => n).join(""), "20134");
  assertEquals([...params!], [3, 0, 0, 0]);
  assertEquals(cost.bytes, 4 * 6 + 4 * 2 + 2 * 8 + 4 * 4);
  const more = launch(true, true).bindings;
  assertEquals(more.map(({ name }) => name), ["input", "bias", "state", "output", "scratch"]);
  assertEquals(more[3].access, "read_write");
});

Deno.test("bindings that a page declares wrongly, or that have no size, are refused by name", () => {
  const bind = (...lines: string[]) => (): unknown =>
    launchOf({
      kernel: "page",
      label: "",
      files: [page("none", ...lines)],
      elements: { a: 1, b: 1 },
      workgroups: [1, 1, 1],
      flops: 0,
    });
  const at = (n: number, name: string, type = "array<f32>", space = "storage, read"): string =>
    `@group(0) @binding(${n}) var<${space}> ${name}: ${type};`;
  assertThrows(bind(at(0, "a"), at(0, "b")), KernelError, "a and b are both binding 0");
  assertThrows(bind(at(0, "c")), KernelError, "page: no size is given for c");
  assertThrows(
    bind(at(0, "a", "array<Elem>")),
    KernelError,
    "a: array<Elem> is an array of no known",
  );
  assertThrows(bind(at(0, "a", "State")), KernelError, "no struct is called State");
  const uniform = at(0, "params", "Params", "uniform");
  assertThrows(bind(uniform, at(1, "a")), KernelError, "after its storage bindings");
  const whole = at(0, "a", "array<f32>", "storage, read_write") + " // written whole if SET";
  assertThrows(bind(whole), KernelError, "a: nothing is called SET");
});

/** All WGSL files of the kernels, by folder. */
async function wgslFiles(): Promise<{ path: string; text: string }[][]> {
  const kernels = new URL("../../kernels/", import.meta.url);
  const folders: { path: string; text: string }[][] = [];
  for await (const { name: folder, isDirectory } of Deno.readDir(kernels)) {
    if (!isDirectory) continue;
    const files: { path: string; text: string }[] = [];
    for await (const { name } of Deno.readDir(new URL(`${folder}/`, kernels))) {
      if (!name.endsWith(".wgsl")) continue;
      const path = `${folder}/${name}`;
      files.push({ path, text: await Deno.readTextFile(new URL(path, kernels)) });
    }
    folders.push(files);
  }
  return folders;
}

Deno.test("every WGSL file lists the names that it takes from its prelude, and no others", async () => {
  const folders = await wgslFiles();
  assert(folders.flat().length > 50);
  const types = new Set(
    folders.flat().flatMap(({ text }) => preludeOf(text).map(({ name }) => name))
      .filter((name) => /[a-z]/.test(name)),
  );
  for (const files of folders) {
    const defined = new Set(
      files.flatMap(({ text }) => [...text.matchAll(/^const (\w+)/gm)].map(([, name]) => name)),
    );
    for (const { path, text } of files) {
      const listed = new Set(preludeOf(text).map(({ name }) => name));
      const body = text.slice(/^(?:\/\/.*\n)*/.exec(text)![0].length);
      for (const name of listed) {
        assert(new RegExp(`\\b${name}\\b`).test(body), `${path} lists ${name} and does not use it`);
      }
      const blocks = /\/\/# (?:for \w+ in 0\.\.|if )([A-Z]\w*)/g;
      for (const [, name] of body.matchAll(blocks)) {
        assert(listed.has(name), `${path} has a block by ${name} and does not list it`);
      }
      for (const [name] of body.replace(/\/\/.*$/gm, "").matchAll(/\b[A-Z][A-Z0-9_]{2,}\b/g)) {
        const known = listed.has(name) || defined.has(name);
        assert(known, `${path} uses ${name} and does not list it`);
      }
      for (const name of types) {
        const uses = new RegExp(`\\b${name}\\b`).test(body.replace(/\/\/.*$/gm, ""));
        assert(!uses || listed.has(name), `${path} uses ${name} and does not list it`);
      }
    }
  }
});

Deno.test("the first comment of every WGSL file says what it computes, with a formula, before its prelude", async () => {
  for (const { path, text } of (await wgslFiles()).flat()) {
    const comment = /^(?:\/\/.*\n)*/.exec(text)![0];
    assert(comment.indexOf("//\n// Prelude: ") > 20, path);
    assert(/\n\/\/ Prelude: [^]*\.\n$/.test(comment), `${path}: the prelude ends the comment`);
    if (text.includes("@compute")) {
      assert(/[=←]/.test(comment.split("// Prelude")[0]), `${path}: no formula`);
    }
  }
});

Deno.test("workgroups spread over two dimensions cover the count within the limit", () => {
  for (const count of [1, 65_535, 65_536, 1_000_003, 4_000_000_000]) {
    const [x, y, z] = spreadWorkgroups(count);
    assert(x <= 65_535 && y <= 65_535 && z === 1 && x * y >= count, `${count}`);
  }
});

Deno.test("an adapter that lacks a limit is refused with the limit and both values", () => {
  const limits = {
    maxStorageBuffersPerShaderStage: 4,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBufferBindingSize: 1 << 27,
  };
  const error = assertThrows(() => requireLimits(limits, "an old card"), KernelError);
  for (const part of ["an old card", "maxStorageBuffersPerShaderStage = 4", "needs 8"]) {
    assertStringIncludes(error.message, part);
  }
  requireLimits({ ...limits, maxStorageBuffersPerShaderStage: 8 }, "a newer card");
});

/** The platform's WebGPU as if its adapters lacked a feature. */
function without(feature: GPUFeatureName): GPU {
  return {
    requestAdapter: async (options?: GPURequestAdapterOptions) => {
      const adapter = await navigator.gpu.requestAdapter(options);
      return {
        limits: adapter!.limits,
        info: adapter!.info,
        features: new Set([...adapter!.features].filter((name) => name !== feature)),
        requestDevice: (wanted: GPUDeviceDescriptor) => adapter!.requestDevice(wanted),
      };
    },
  } as unknown as GPU;
}

Deno.test("an adapter without 16-bit floats is refused for f16 alone, in one clear line", async () => {
  const gpu = await Gpu.request("high-performance", without("shader-f16"));
  assertEquals(gpu.features.f16, false);
  gpu.requireStorage("f32");
  const error = assertThrows(() => gpu.requireStorage("f16"), KernelError);
  for (const part of [gpu.description, "shader-f16", "--precision f32"]) {
    assertStringIncludes(error.message, part);
  }
  gpu.destroy();
});

Deno.test("the device has the limits of its adapter, not WebGPU's defaults", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const { limits } = await testGpu();
  for (
    const name of [
      "maxBufferSize",
      "maxStorageBufferBindingSize",
      "maxStorageBuffersPerShaderStage",
      "maxComputeInvocationsPerWorkgroup",
      "maxComputeWorkgroupStorageSize",
    ] as const
  ) assertEquals(limits[name], adapter!.limits[name], name);
});

Deno.test("WGSL that does not compile names the kernel; equal WGSL compiles once", async () => {
  const gpu = await testGpu();
  const wrong = await gpu.pipeline("this is no WGSL", "broken kernel").catch((error) => error);
  assert(wrong instanceof KernelError);
  assertStringIncludes(wrong.message, "broken kernel does not compile");
  const wgsl = "@compute @workgroup_size(1) fn main() {}";
  const before = gpu.compileStatistics.pipelines;
  await Promise.all([gpu.pipeline(wgsl, "a"), gpu.pipeline(wgsl, "b")]);
  assertEquals(gpu.compileStatistics.pipelines - before, 1);
});

Deno.test("lanes are counted on where a subgroup always has as many, and 8 or less mean a CPU", () => {
  const lanes = (subgroupMinSize: number, subgroupMaxSize: number): number =>
    reliableLanes({ subgroupMinSize, subgroupMaxSize });
  assertEquals(lanes(8, 8), 8); // llvmpipe
  assertEquals(lanes(4, 4), 4); // SwiftShader
  assertEquals(lanes(32, 32), 32);
  assertEquals(lanes(32, 64), 32);
  assertEquals(lanes(8, 32), 0); // Intel
  assertEquals(lanes(4, 64), 0); // Apple
});
