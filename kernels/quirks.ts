/**
 * Where providers of WebGPU and drivers differ from what one would expect, and what is done about it. Code that
 * works around one names its row; docs/adapters.md shows the table, `deno task doctor` the rows that apply.
 *
 * @module
 */
import type { AdapterFacts } from "./device.ts";

/** One difference. */
export interface Quirk {
  /** What code and documents call it. */
  readonly id: string;
  /** Whose it is, and in which versions it was seen. */
  readonly where: string;
  /** What one sees. */
  readonly symptom: string;
  /** What is done about it here, or what a user can do. */
  readonly remedy: string;
  /** The test that holds it; where none can without the hardware, what would show it. */
  readonly test: string;
  /** Whether an adapter has it. */
  readonly applies: (adapter: AdapterFacts) => boolean;
  /** Whether every adapter counts as one that has it, so that it says nothing about any. */
  readonly everywhere?: boolean;
}

const byDeno = ({ provider }: AdapterFacts): boolean => provider === "Deno";
const byDawn = ({ provider }: AdapterFacts): boolean => provider === "Dawn";

/** All that are known. */
export const QUIRKS: readonly Quirk[] = [
  {
    id: "deno-no-matrices",
    where: "Deno 2.9 (wgpu 29)",
    symptom: "the device is asked for without experimental features, so no cooperative matrices",
    remedy: "tensor cores are reached by the tasks whose names end in :dawn",
    test: "tests/tasks/adapter_lines_test.ts",
    applies: (adapter) => byDeno(adapter) && !adapter.cpu,
  },
  {
    id: "deno-map-waits",
    where: "Deno 2.9",
    symptom:
      "mapAsync and onSubmittedWorkDone block until all submitted work is done, then sleep 10 ms",
    remedy: "results of a step are fetched some steps late, and never within one",
    test: "tests/model/loop_test.ts",
    applies: byDeno,
  },
  {
    id: "deno-unlisted-subgroups",
    where: "Deno 2.9 (wgpu 29)",
    symptom:
      "subgroups are granted but not listed, and the line `enable subgroups;` does not compile",
    remedy: "they are asked for, and the line is taken out where the compiler refuses it",
    test: "tests/tasks/quirks_test.ts",
    applies: byDeno,
  },
  {
    id: "wgpu-loop-bounds",
    where: "wgpu 25 and newer (gfx-rs/wgpu#7698)",
    symptom:
      "a counter ends every loop, and drivers then unroll none: loops up to 100 times as slow",
    remedy: "inner loops of kernels are unrolled in their text (kernels/unroll.ts)",
    test: "deno task wgsl KERNEL --time",
    applies: byDeno,
  },
  {
    id: "wgpu-small-heap",
    where: "Deno 2.8 (wgpu 28) on cards with a small ReBAR heap (denoland/deno#35195)",
    symptom: "buffers of some 40 MB are refused as out of memory though gigabytes are free",
    remedy:
      "a newer Deno, a task whose name ends in :dawn, or the whole BAR in the BIOS; doctor tries it",
    test: "deno task doctor",
    applies: (adapter) => byDeno(adapter) && !adapter.cpu,
  },
  {
    id: "dawn-nvidia-f16",
    where: "Dawn on NVIDIA's Vulkan driver (crbug 42251215)",
    symptom: "16-bit floats are hidden, and with them every matrix of 16-bit floats",
    remedy: "Dawn is loaded with the toggle vulkan_enable_f16_on_nvidia",
    test: "tests/tasks/quirks_test.ts",
    applies: (adapter) => byDawn(adapter) && adapter.vendor === "nvidia",
  },
  {
    id: "dawn-quantised-timestamps",
    where: "Dawn",
    symptom: "timestamps are rounded to 0.1 ms, so that no kernel can be told from another",
    remedy: "Dawn is loaded without timestamp_quantization",
    test: "tests/tasks/quirks_test.ts",
    applies: byDawn,
  },
  {
    id: "dawn-busy-loop",
    where: "npm:webgpu 0.6 in Deno",
    symptom:
      "while anything is pending, every turn of the event loop asks for it and takes a whole core",
    remedy: "it asks once a millisecond",
    test: "deno task test:dawn",
    applies: byDawn,
  },
  {
    id: "dawn-old-lavapipe",
    where: "Dawn with Mesa 22.3's lavapipe",
    symptom: "no adapter, though Deno finds one",
    remedy: "Mesa 26.1, or SwiftShader: VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json",
    test: "deno task test:dawn",
    applies: (adapter) => byDawn(adapter) && adapter.cpu,
  },
  {
    id: "amd-matrix-lanes",
    where: "AMD from RDNA 3 on, by Dawn",
    symptom: "matrices are multiplied by subgroups of 32, while the driver would choose 64",
    remedy: "matrix kernels ask for 32 lanes where subgroup-size-control is offered",
    test: "tests/kernels/adapter_test.ts",
    applies: (adapter) => byDawn(adapter) && adapter.vendor === "amd",
  },
  {
    id: "varying-subgroups",
    where: "Intel, Apple",
    symptom: "the size of subgroups differs from kernel to kernel (8 to 32, 4 to 64)",
    remedy:
      "a GPU that may go below 16 lanes counts as one without: work is shared by workgroup memory",
    test: "tests/kernels/launch_test.ts",
    applies: ({ cpu, subgroupSizes: [least, most] }) => !cpu && least < most && least < 16,
  },
  {
    id: "assumed-finite",
    where: "compilers of Metal, and others",
    symptom: "NaN and infinity are taken to be absent, so `x != x` is always false",
    remedy: "they are found by their bits",
    test: "tests/kernels/optimizer_test.ts",
    applies: () => true,
    everywhere: true,
  },
  {
    id: "groups-per-axis",
    where: "WebGPU; some drivers drop larger dispatches without a word",
    symptom: "at most 65,535 workgroups along an axis",
    remedy: "grids spread over two axes",
    test: "tests/kernels/grid_test.ts",
    applies: () => true,
    everywhere: true,
  },
];

/** The differences that an adapter has. */
export function quirksOf(adapter: AdapterFacts): Quirk[] {
  return QUIRKS.filter(({ applies }) => applies(adapter));
}
