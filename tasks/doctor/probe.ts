/**
 * Asks one provider for each of its adapters and prints a line of JSON for each. A process of its own: a
 * driver that crashes then takes nothing else along, and what it said before is kept.
 *
 *     deno run tasks/doctor/probe.ts deno|dawn measure|look
 */

import { type AdapterPreference, Gpu } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import { quirksOf } from "../../kernels/quirks.ts";
import { measureRoofline } from "../../kernels/roofline/measure.ts";
import { featureWords, matrixWords, missingFeatures } from "../common/adapter_lines.ts";
import { loadDawn } from "../common/webgpu.ts";
import { freeBytes } from "./memory.ts";
import type { AdapterReport } from "./report.ts";

/** Samples of each program: with their calibration about a second on most adapters. */
const SAMPLES = 3;

const [name, mode] = Deno.args;
const provider = name === "dawn" ? await loadDawn() : globalThis.navigator?.gpu;
const found = new Map<string, { gpu: Gpu; preferences: AdapterPreference[] }>();
for (const preference of ["high-performance", "low-power", "fallback"] as const) {
  try {
    const gpu = await Gpu.request(preference, provider, name === "dawn" ? "Dawn" : "Deno");
    const known = found.get(gpu.description);
    if (known) known.preferences.push(preference);
    else found.set(gpu.description, { gpu, preferences: [preference] });
    if (known) gpu.destroy();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    // That there is none of a kind is no news; one that is too small is.
    if (!error.message.startsWith("no ")) console.error(error.message);
  }
}
for (const { gpu, preferences } of found.values()) {
  const unmeasured = report(gpu, preferences);
  // At once, in case that measuring brings the driver down.
  print(unmeasured);
  if (mode === "measure") print(await measure(gpu, unmeasured));
}
Deno.exit(0);

function print(report: AdapterReport): void {
  console.log(JSON.stringify(report));
}

function report(gpu: Gpu, preferences: AdapterPreference[]): AdapterReport {
  const { limits } = gpu;
  const names = Object.keys(Object.getPrototypeOf(limits));
  const all = names.length > 0 ? names : Object.keys(limits);
  return {
    preferences,
    adapter: gpu.adapter,
    has: featureWords(gpu),
    missing: missingFeatures(gpu),
    features: [...gpu.device.features].toSorted(),
    limits: Object.fromEntries(
      all.map((name) => [name, limits[name as keyof GPUSupportedLimits]])
        .filter(([, value]) => typeof value === "number"),
    ),
    matrices: matrixWords(gpu.features.subgroupMatrices),
    measured: null,
    memoryBytes: gpu.adapter.cpu ? Deno.systemMemoryInfo().available : null,
    quirks: quirksOf(gpu.adapter).map(({ id }) => id),
    fault: null,
  };
}

/** The report with rates and memory, or with why they could not be found. */
async function measure(gpu: Gpu, report: AdapterReport): Promise<AdapterReport> {
  try {
    const measured = await measureRoofline(gpu, { samples: SAMPLES });
    const memoryBytes = report.memoryBytes ?? await freeBytes(gpu);
    return { ...report, measured, memoryBytes };
  } catch (error) {
    return { ...report, fault: `measuring failed: ${(error as Error).message}` };
  }
}
