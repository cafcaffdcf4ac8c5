/** `deno task doctor`: what this machine offers for training, what will be used, and what is missing. */

import { fromFileUrl } from "@std/path/mod.js";
import * as v from "valibot";
import { Option, runTask, task } from "./common/command.ts";
import { keepOnly } from "./common/permissions.ts";
import { DAWN_LOCK } from "./common/webgpu.ts";
import { advise, chooseUse, type MachineTraits } from "./doctor/advice.ts";
import { doctorLines } from "./doctor/print.ts";
import {
  type AdapterReport,
  adapterReportSchema,
  type DoctorReport,
  type ProviderReport,
} from "./doctor/report.ts";

const CHECKOUT = fromFileUrl(new URL("..", import.meta.url));
const PROBE = fromFileUrl(new URL("doctor/probe.ts", import.meta.url));

/** Where Vulkan's loader looks for drivers on Linux. */
const MANIFESTS = [
  "/etc/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
];

/** Variables that limit Vulkan's loader to some drivers; the older name is the second. */
const LIMITING = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] as const;

/** Files that containers have. */
const CONTAINER = ["/.dockerenv", "/run/.containerenv"];

/** NVIDIA's library for computing, which may be there without the one for Vulkan. */
const NVIDIA = [
  "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
  "/usr/lib/aarch64-linux-gnu/libcuda.so.1",
  "/usr/lib64/libcuda.so.1",
];

/** Milliseconds after which a driver counts as one that hangs. */
const PATIENCE_MS = 120_000;

const command = task(
  "doctor",
  "Says what this machine offers for training: each adapter by Deno's own WebGPU and by Dawn, its features,\n" +
    "limits, measured rates and known quirks, what will be used, what is missing and how to get it. Exit\n" +
    "code 1 where there is no adapter at all.",
  "deno task doctor",
)
  .option("--json", "print JSON instead of a page", false)
  .option("--fetch-dawn", "look at Dawn even where it must be fetched first (51 MB)", false)
  .addOption(new Option("--no-measure", "do not measure rates and memory"));

await runTask(command, async ({ json, fetchDawn, measure }, signal) => {
  await keepOnly({ read: [...MANIFESTS, ...CONTAINER, ...NVIDIA] });
  const mode = measure ? "measure" : "look";
  const machine = await lookAround();
  const providers = [
    await ask("deno", ["--allow-sys=systemMemoryInfo"], mode, signal),
    await ask(
      "dawn",
      [
        `--lock=${DAWN_LOCK}`,
        ...(fetchDawn ? [] : ["--cached-only"]),
        ...["--allow-read=/", "--allow-env", "--allow-ffi", "--allow-sys=systemMemoryInfo"],
      ],
      mode,
      signal,
    ),
  ];
  const report: DoctorReport = {
    version: 1,
    machine: { os: Deno.build.os, arch: Deno.build.arch, deno: Deno.version.deno },
    vulkanDrivers: [...machine.vulkanDrivers],
    providers,
    use: chooseUse(providers),
    advice: advise(providers, machine),
  };
  if (json) console.log(JSON.stringify(report, null, 2));
  else for (const line of doctorLines(report, terminalColumns())) console.log(line);
  if (report.use === null) Deno.exit(1);
});

/** Asks one provider in a process of its own, since drivers crash. */
async function ask(
  provider: "deno" | "dawn",
  flags: readonly string[],
  mode: "measure" | "look",
  signal: AbortSignal,
): Promise<ProviderReport> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const child = new Deno.Command("deno", {
    args: ["run", "--quiet", "--no-prompt", ...flags, PROBE, provider, mode],
    cwd: CHECKOUT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([signal, patience]),
  }).spawn();
  const { success, code, signal: killedBy, stdout, stderr } = await child.output();
  signal.throwIfAborted();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  const adapters = new Map<string, AdapterReport>();
  for (const line of out.split("\n")) {
    const report = v.safeParse(v.pipe(v.string(), v.parseJson(), adapterReportSchema), line);
    // Measured, it comes once more.
    if (report.success) adapters.set(report.output.adapter.name, report.output);
  }
  const found = { provider, adapters: [...adapters.values()] };
  if (success) return { ...found, state: "asked", note: err };
  if (/not found in (the )?cache|--cached-only/i.test(err)) {
    return { ...found, state: "not fetched", note: "" };
  }
  const note = patience.aborted
    ? `no answer within ${PATIENCE_MS / 1000} s`
    : killedBy !== null
    ? `the driver crashed (${killedBy})`
    : err.split("\n").find((line) => line.includes("rror")) ?? `exit code ${code}`;
  return { ...found, state: "failed", note };
}

/** What the file system tells of Vulkan and its surroundings. */
async function lookAround(): Promise<MachineTraits> {
  const vulkanDrivers: string[] = [];
  for (const folder of MANIFESTS) {
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (name.endsWith(".json")) vulkanDrivers.push(name);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const limiting = LIMITING.find((name) => Deno.env.get(name));
  return {
    os: Deno.build.os,
    vulkanDrivers: vulkanDrivers.toSorted(),
    container: await anyExists(CONTAINER),
    nvidia: await anyExists(NVIDIA),
    limitedBy: limiting && `${limiting}=${Deno.env.get(limiting)}`,
  };
}

async function anyExists(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if (await Deno.stat(path).then(() => true, () => false)) return true;
  }
  return false;
}

function terminalColumns(): number {
  return Deno.stdout.isTerminal() ? Math.min(Deno.consoleSize().columns, 120) : 100;
}
