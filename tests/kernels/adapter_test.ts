import { assert, assertEquals } from "@std/assert/mod.js";
import { adapterFacts, subgroupMatrices, type SubgroupMatrix } from "../../kernels/device.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";

Deno.test("an adapter's facts are told alike from what Deno, Dawn and browsers say", () => {
  const sizes = { subgroupMinSize: 32, subgroupMaxSize: 32 };
  const deno = { vendor: "4318", architecture: "", device: "9858", description: "NVIDIA H100" };
  assertEquals(adapterFacts({ ...deno, ...sizes }, "Deno"), {
    provider: "Deno",
    name: "NVIDIA H100",
    driver: "",
    vendor: "nvidia",
    cpu: false,
    subgroupSizes: [32, 32],
  });
  const dawn = {
    vendor: "nvidia",
    architecture: "hopper",
    device: "nvidia-h100-",
    description: "NVIDIA: 550.54 550.54",
  };
  const { name, driver, vendor } = adapterFacts(dawn, "Dawn");
  assertEquals([name, driver, vendor], ["nvidia-h100", "NVIDIA: 550.54 550.54", "nvidia"]);
  const browser = { vendor: "apple", architecture: "metal-3", device: "", description: "" };
  assertEquals(adapterFacts(browser, "the browser").name, "apple metal-3");
  assertEquals(adapterFacts({}, "the browser").name, "unnamed adapter");
});

Deno.test("two cards with one driver have names of their own, since tunings are kept by name", () => {
  const name = (device: string): string =>
    adapterFacts({ vendor: "nvidia", device, description: "NVIDIA: 550.54" }, "Dawn").name;
  assert(name("geforce-rtx-4090-") !== name("geforce-rtx-4060-"));
});

Deno.test("drivers that compute on the processor are known by name", () => {
  const cpu = (description: string): boolean => adapterFacts({ description }, "Deno").cpu;
  assert(cpu("llvmpipe (LLVM 15.0.6, 256 bits)"));
  assert(cpu("SwiftShader driver 5.0.0"));
  assert(cpu("Microsoft Basic Render Driver"));
  assert(!cpu("AMD Radeon VII (RADV VEGA20)"));
});

const CONFIG = { M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" };

type Card = [vendor: string, least: number, most: number, choosesLanes: boolean];

function matricesOf(
  ...[vendor, subgroupMinSize, subgroupMaxSize, choosesLanes]: Card
): SubgroupMatrix[] {
  const info = { vendor, subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs: [CONFIG] };
  return subgroupMatrices(info, choosesLanes);
}

Deno.test("on AMD's cards a matrix kernel chooses subgroups of 32 where it can, on no others", () => {
  const spec = { m: 64, n: 64, k: 64, layout: "NN", storage: "f16" } as const;
  const text = (...args: Card): string => {
    const [launch] = matmul({ ...spec, subgroupMatrices: matricesOf(...args) }, "matrix 64x64")
      .launches;
    return launch.wgsl;
  };
  const chosen = text("amd", 32, 64, true);
  assert(chosen.includes("enable subgroup_size_control;"));
  assert(chosen.includes("@compute @subgroup_size(32) @workgroup_size"));
  assert(/const LANES: u32 = 32u/.test(chosen));
  for (
    const args of [
      ["amd", 32, 64, false],
      ["amd", 64, 64, true],
      ["amd", 32, 32, true],
      ["nvidia", 32, 32, true],
    ] as Card[]
  ) {
    assert(!text(...args).includes("subgroup_size"), args.join(" "));
  }
});
