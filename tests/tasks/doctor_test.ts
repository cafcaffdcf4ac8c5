import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { stripAnsiCode } from "@std/fmt/colors.js";
import * as v from "valibot";
import { displayWidth } from "../../tasks/common/text.ts";
import { advise, chooseUse, type MachineTraits } from "../../tasks/doctor/advice.ts";
import { freeBytes } from "../../tasks/doctor/memory.ts";
import { doctorLines } from "../../tasks/doctor/print.ts";
import {
  type AdapterReport,
  type DoctorReport,
  doctorReportSchema,
  type ProviderReport,
} from "../../tasks/doctor/report.ts";
import { testGpu } from "../kernels/harness.ts";

/** Runs the task; `drivers` takes the place of the machine's own Vulkan drivers. */
async function doctor(
  args: readonly string[],
  drivers?: string,
): Promise<{ code: number; out: string; err: string }> {
  // Without Vulkan, wgpu would turn to OpenGL.
  const limited = drivers && { VK_DRIVER_FILES: drivers, DENO_WEBGPU_BACKEND: "vulkan" };
  const env = { NO_COLOR: "1", ...limited };
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["task", "--quiet", "doctor", ...args],
    env,
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("doctor --json holds to its schema: adapters with rates and memory, and what is used", async () => {
  const { code, out, err } = await doctor(["--json"]);
  assertEquals(code, 0, err);
  const report = v.parse(doctorReportSchema, JSON.parse(out));
  assertEquals(report.providers.map(({ provider }) => provider), ["deno", "dawn"]);
  const [{ state, adapters: [adapter] }] = report.providers;
  assertEquals(state, "asked");
  assert(adapter.preferences.includes("high-performance"));
  assert(adapter.measured!.flopsPerSecond > 1e8 && adapter.measured!.bytesPerSecond > 1e7);
  assert(adapter.memoryBytes! > 0);
  assert(adapter.limits.maxStorageBufferBindingSize >= 1 << 27);
  assert(adapter.quirks.includes("deno-map-waits"));
  assertStringIncludes(report.use!.byDefault, adapter.adapter.name);
});

Deno.test("without any adapter doctor still answers, says what to do, and exits with 1", async () => {
  const none = await Deno.makeTempFile({ suffix: ".json" });
  const json = await doctor(["--json", "--no-measure"], none);
  assertEquals(json.code, 1, json.err);
  const report = v.parse(doctorReportSchema, JSON.parse(json.out));
  assertEquals(report.use, null);
  assert(report.advice.some(({ how }) => how.includes(`VK_DRIVER_FILES=${none}`)));
  for (const line of ["✗ has no adapter here", "✗ nothing: no adapter can be used", "unset it"]) {
    assertStringIncludes(stripAnsiCode(doctorLines(report, 100).join("\n")), line);
  }
  await Deno.remove(none);
});

Deno.test("memory is tried up to a bound and given back", async () => {
  const gpu = await testGpu();
  const most = 2 ** 28;
  assertEquals(await freeBytes(gpu, most), most);
  assertEquals(await freeBytes(gpu, most), most);
  gpu.check();
});

const LINUX: MachineTraits = {
  os: "linux",
  vulkanDrivers: ["radeon_icd.x86_64.json"],
  container: false,
  nvidia: false,
};

function adapter(
  facts: Partial<AdapterReport["adapter"]> = {},
  more: Partial<AdapterReport> = {},
): AdapterReport {
  return {
    preferences: ["high-performance"],
    adapter: {
      ...{ provider: "Deno", name: "a card", driver: "", vendor: "amd", cpu: false },
      subgroupSizes: [32, 64],
      ...facts,
    },
    has: ["16-bit floats"],
    missing: [],
    features: [],
    limits: {},
    matrices: "",
    measured: { flopsPerSecond: 1e13, bytesPerSecond: 1e12 },
    memoryBytes: 16e9,
    quirks: [],
    fault: null,
    ...more,
  };
}

function asked(provider: "deno" | "dawn", ...adapters: AdapterReport[]): ProviderReport {
  return { provider, state: "asked", note: "", adapters };
}

function advice(
  providers: readonly ProviderReport[],
  machine: Partial<MachineTraits> = {},
): string {
  return advise(providers, { ...LINUX, ...machine }).map(({ what, how }) => `${what}: ${how}`)
    .join("\n");
}

Deno.test("advice names the driver, the container or the variable that keeps a GPU away", () => {
  const nothing = [asked("deno")];
  assertStringIncludes(advice(nothing, { vulkanDrivers: [] }), "apt install libvulkan1");
  assertStringIncludes(advice(nothing, { container: true }), "docker run --device /dev/dri");
  assertStringIncludes(advice(nothing), "group render");
  assertStringIncludes(advice(nothing, { limitedBy: "VK_ICD_FILENAMES=a" }), "unset it");
  assertStringIncludes(advice(nothing, { os: "windows" }), "newest graphics driver");
  const blind = { nvidia: true, container: true };
  assertStringIncludes(advice(nothing, blind), "NVIDIA_DRIVER_CAPABILITIES=all");
  const bare = { nvidia: true };
  assertStringIncludes(advice(nothing, bare), "nvidia-vulkan-icd");
  const software = [asked("deno", adapter({ cpu: true, name: "llvmpipe" }))];
  assertStringIncludes(advice(software), "no GPU, only a processor's adapter");
  assertEquals(advice([asked("deno", adapter()), asked("dawn", adapter())]), "");
});

Deno.test("a GPU's want of something, and a driver that crashed, are told with a way out", () => {
  const half = asked("deno", adapter({}, { has: [] }));
  assertStringIncludes(advice([half]), "no 16-bit floats: train with --precision f32");
  const small = asked("deno", adapter({}, { memoryBytes: 0 }));
  assertStringIncludes(advice([small]), "wgpu-small-heap");
  const crashed: ProviderReport = {
    ...asked("dawn"),
    state: "failed",
    note: "the driver crashed (SIGSEGV)",
  };
  const text = advice([asked("deno", adapter()), crashed]);
  assertStringIncludes(text, "Dawn broke off: the driver crashed (SIGSEGV)");
  const unfetched: ProviderReport = { ...asked("dawn"), state: "not fetched" };
  assertStringIncludes(advice([asked("deno", adapter()), unfetched]), "--fetch-dawn");
  // On a processor's adapter there are no tensor cores to look for.
  const software = [asked("deno", adapter({ cpu: true })), unfetched];
  assert(!advice(software).includes("--fetch-dawn"));
});

Deno.test("what is advised goes by what was found: tensor cores, 16-bit floats, Dawn alone", () => {
  const dawn = adapter({ provider: "Dawn" }, { matrices: "16×16×16 f16 → f32" });
  const both = chooseUse([asked("deno", adapter()), asked("dawn", dawn)]);
  assertStringIncludes(both!.advised, "pretrain:dawn --precision f16");
  assertStringIncludes(both!.byDefault, "a card, by Deno");
  const one = chooseUse([asked("deno", adapter({}, { has: [] })), asked("dawn")]);
  assertEquals(one!.advised, "deno task pretrain");
  const onlyDawn = chooseUse([asked("deno"), asked("dawn", adapter({ provider: "Dawn" }))]);
  assertStringIncludes(onlyDawn!.advised, "pretrain:dawn");
  const broken = adapter({}, { fault: "measuring failed: lost" });
  assertEquals(chooseUse([asked("deno", broken), asked("dawn")]), null);
});

Deno.test("the page keeps to the width of the terminal, down to 60 columns", () => {
  const report: DoctorReport = {
    version: 1,
    machine: { os: "linux", arch: "x86_64", deno: "2.9.6" },
    vulkanDrivers: ["radeon_icd.x86_64.json", "lvp_icd.x86_64.json"],
    providers: [
      asked("deno", adapter({}, { quirks: ["deno-map-waits"], limits: { maxBufferSize: 4e9 } })),
      { ...asked("dawn"), state: "not fetched" },
    ],
    use: { byDefault: "a card, by Deno: deno task pretrain", advised: "deno task pretrain" },
    advice: [{ what: "no tensor cores", how: "deno task doctor --fetch-dawn looks for them" }],
  };
  for (const columns of [60, 100]) {
    for (const line of doctorLines(report, columns)) {
      // deno-lint-ignore no-control-regex
      assert(displayWidth(line.replaceAll(/\x1b\[\d+m/g, "")) <= columns, line);
    }
  }
  const page = doctorLines(report, 100).join("\n");
  for (const part of ["10,000 GFLOP/s", "a plan may take 16 GB", "deno-map-waits", "buffer 4 GB"]) {
    assertStringIncludes(page, part);
  }
});
