import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert/mod.js";
import { Gpu, reliableLanes, requireLimits } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import { specialise, spreadWorkgroups } from "../../kernels/launch.ts";
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

Deno.test("specialise writes constants as WGSL and refuses what is none", () => {
  const wgsl = specialise("body", {
    enables: ["f16"],
    aliases: { Elem: "f16" },
    constants: { N: 7, FLAG: true, X: { f32: 1e-12 } },
  });
  const lines = wgsl.split("\n");
  assertEquals(lines.slice(0, 4), [
    "enable f16;",
    "alias Elem = f16;",
    "const N: u32 = 7u;",
    "const FLAG: bool = true;",
  ]);
  assertStringIncludes(lines[4], "e-13f");
  assertThrows(() => specialise("", { constants: { N: -1 } }), KernelError, "N = -1");
  assertThrows(
    () => specialise("", { constants: { X: { f32: Infinity } } }),
    KernelError,
    "finite",
  );
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
