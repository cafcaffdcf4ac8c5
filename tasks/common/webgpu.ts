/**
 * The device that a task computes on, and the flags that choose it.
 *
 * WebGPU comes from Deno itself (wgpu) or from Dawn, Chrome's implementation, as the package `webgpu`.
 * Dawn is native code of 130 MB, so it is fetched only when asked for, and loading it needs the permission
 * `--allow-ffi`, which no other part of a task needs: tasks whose names end in `:dawn` ask for it, and pin
 * the package in a lock file of their own (`tasks/dawn.lock`), since Deno fetches all that deno.lock holds.
 */

import { type AdapterPreference, Gpu } from "../../kernels/device.ts";
import { adapterLines } from "./adapter_lines.ts";
import { Option, UsageError } from "./command.ts";

/** Where WebGPU comes from. */
export type WebGpuProvider = "deno" | "dawn";

/** What the two flags say. */
export interface GpuOptions {
  /** Which of several adapters. */
  readonly adapter: AdapterPreference;
  /** Which implementation. */
  readonly webgpu: WebGpuProvider;
}

/**
 * Unsafe APIs hold subgroup matrices. The others: docs/adapters.md: dawn-nvidia-f16 and
 * docs/adapters.md: dawn-quantised-timestamps.
 */
export const DAWN_OPTIONS = [
  "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia",
  "disable-dawn-features=timestamp_quantization",
];

/** Neither a literal at the import nor in deno.json, so that Deno fetches it only when it is wanted. */
const DAWN_PACKAGE = "npm:webgpu@0.6.2";

/** Lock file of tasks that load Dawn. */
export const DAWN_LOCK = "tasks/dawn.lock";

/** Names the provider to tests, which have no flags. */
export const WEBGPU_VARIABLE = "KOHAKU_WEBGPU";

/** The flag `--adapter`. */
export const adapterOption = new Option("--adapter <preference>", "which GPU")
  .choices(["high-performance", "low-power", "fallback"] as const)
  .default("high-performance" as AdapterPreference);

/** The flag `--webgpu`. */
export const webgpuOption = new Option("--webgpu <provider>", "which implementation of WebGPU")
  .choices(["deno", "dawn"] as const)
  .default("deno" as WebGpuProvider);

/** The flag `--precision`. */
export const precisionOption = new Option("--precision <type>", "number format of activations")
  .choices(["f32", "f16"] as const)
  .default("f32" as "f32" | "f16");

/**
 * Opens the device that the flags choose, and says on the error stream what it is and has.
 *
 * @throws as {@link openGpu}.
 */
export async function requestGpu(options: GpuOptions): Promise<Gpu> {
  const gpu = await openGpu(options);
  for (const line of adapterLines(gpu)) console.error(line);
  return gpu;
}

/**
 * Opens the device that the flags choose.
 *
 * @throws {UsageError} when Dawn is asked for without the permission to load it.
 * @throws {KernelError} when there is no adapter, or it lacks what kernels need.
 */
export async function openGpu({ adapter, webgpu }: GpuOptions): Promise<Gpu> {
  return webgpu === "dawn"
    ? await Gpu.request(adapter, await loadDawn(), "Dawn")
    : await Gpu.request(adapter);
}

/**
 * Dawn as a `GPU` object.
 *
 * @param options of its own, such as `backend=null`.
 * @throws {UsageError} without the permission to load it.
 */
export async function loadDawn(options: readonly string[] = []): Promise<GPU> {
  const { state } = await Deno.permissions.query({ name: "ffi" });
  if (state !== "granted") {
    throw new UsageError(
      "--webgpu dawn loads native code, for which this task has no permission: run the task whose " +
        "name ends in :dawn, such as `deno task pretrain:dawn`",
    );
  }
  const { create } = await import(DAWN_PACKAGE);
  // docs/adapters.md: dawn-busy-loop. Within `deno test` a turn takes ever more time, too.
  Object.assign(globalThis, { setImmediate: (look: () => void) => setTimeout(look, 1) });
  return create([...DAWN_OPTIONS, ...options]);
}
