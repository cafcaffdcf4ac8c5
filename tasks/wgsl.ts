/** `deno task wgsl`: the kernels, and the exact WGSL that one of them runs. */

import type { Gpu } from "../kernels/device.ts";
import { KernelError } from "../kernels/errors.ts";
import type { KernelProgram } from "../kernels/launch.ts";
import { measureRoofline, rooflineSeconds } from "../kernels/roofline/measure.ts";
import { timePrograms } from "../kernels/timing.ts";
import {
  InvalidArgumentError,
  nearest,
  Option,
  runTask,
  task,
  UsageError,
} from "./common/command.ts";
import { KERNELS, type RegisteredKernel } from "./common/kernel_registry.ts";
import { alignTable } from "./common/table.ts";
import { formatNumber } from "./common/text.ts";
import { adapterOption, precisionOption, requestGpu, webgpuOption } from "./common/webgpu.ts";

const command = task(
  "wgsl",
  "Lists the kernels, or prints the WGSL that one of them runs for a shape on this adapter.",
  'deno task wgsl matmul --shape 512x256x1024 --layout NT --variant "workgroup 64x64" --time',
)
  .argument("[kernel]", "which kernel; without it they are listed")
  .option("--shape <numbers>", "its dimensions, joined by x, in the order of the list", parseShape)
  .option("--variant <name>", "one of its variants; its own choice where left out")
  .addOption(
    new Option("--layout <layout>", "how a product's operands are stored")
      .choices(["NN", "NT", "TN"] as const).default("NT" as const),
  )
  .option("--dropout <rate>", "dropout rate, where the kernel drops", parseRate, 0.1)
  .option("--time", "time it on random numbers, beside the adapter's roofline", false)
  .addOption(precisionOption)
  .addOption(adapterOption)
  .addOption(webgpuOption);

await runTask(command, async (options, _signal, [name]) => {
  if (name === undefined) {
    for (const line of listing()) console.log(line);
    return;
  }
  const kernel = KERNELS.find((kernel) => kernel.name === name);
  if (!kernel) {
    const names = KERNELS.map(({ name }) => name);
    throw new UsageError(`no kernel is called ${name}; did you mean ${nearest(name, names)}?`);
  }
  requireVariant(kernel, options.variant);
  const shape = shapeOf(kernel, options.shape);
  const gpu = await requestGpu(options).catch((error: Error) => {
    if (error instanceof KernelError) return error;
    throw error;
  });
  const missing = gpu instanceof KernelError;
  if (missing && options.time) throw gpu;
  if (missing) console.error(`without an adapter, as for one without subgroups: ${gpu.message}`);
  if (!missing) gpu.requireStorage(options.precision);
  const program = kernel.launch(shape, {
    subgroupSize: missing ? 0 : gpu.features.subgroupSize,
    subgroupMatrices: missing ? [] : gpu.features.subgroupMatrices,
    storage: options.precision,
    variant: options.variant,
    layout: options.layout,
    dropout: options.dropout,
  });
  for (const line of describe(program)) console.log(line);
  if (!missing && options.time) {
    for (const line of await timing(gpu, program)) console.log(line);
  }
});

/** A table of all kernels, and what may be chosen for some of them. */
function listing(): string[] {
  const table = alignTable(
    ["kernel", "shape", "of ELECTRA-small, batch 8"],
    KERNELS.map(({ name, shape }) => [
      name,
      Object.keys(shape).join(" × "),
      Object.values(shape).join("x"),
    ]),
    { textColumns: 3 },
  );
  const having = (what: (kernel: RegisteredKernel) => boolean | undefined): string =>
    KERNELS.filter(what).map(({ name }) => name).join(", ");
  const varied = KERNELS.filter(({ variants }) => variants !== undefined);
  return [
    ...table,
    "",
    `--layout NN, NT or TN: ${having(({ layouts }) => layouts)}`,
    `--dropout RATE: ${having(({ drops }) => drops)}`,
    `--precision f16: ${having(({ halves }) => halves)}`,
    ...varied.map(({ name, variants }) => `--variant of ${name}: ${variants!.join(", ")}`),
  ];
}

/** Numbers joined by x, × or commas. */
function parseShape(text: string): number[] {
  const numbers = text.split(/[x×,]/).map(Number);
  if (numbers.every((n) => Number.isInteger(n) && n > 0)) return numbers;
  throw new InvalidArgumentError("Whole numbers joined by x are needed, such as 512x256x1024.");
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (text.trim() !== "" && rate >= 0 && rate < 1) return rate;
  throw new InvalidArgumentError("A number from 0 to below 1 is needed.");
}

function requireVariant({ name, variants = [] }: RegisteredKernel, variant?: string): void {
  if (variant === undefined || variants.includes(variant)) return;
  throw new UsageError(
    variants.length === 0
      ? `${name} has no variants`
      : `${name} has no variant "${variant}"; there are ${variants.join(", ")}`,
  );
}

function shapeOf(
  { name, shape }: RegisteredKernel,
  given: readonly number[] | undefined,
): Record<string, number> {
  const names = Object.keys(shape);
  if (given === undefined) return { ...shape };
  if (given.length !== names.length) {
    throw new UsageError(
      `${name} wants ${names.length} numbers (${names.join(" × ")}), not ${given.length}`,
    );
  }
  return Object.fromEntries(names.map((dimension, i) => [dimension, given[i]]));
}

/** Each dispatch: what it is as comments, then its WGSL. */
function describe({ launches }: KernelProgram): string[] {
  return launches.flatMap(({ kernel, label, workgroups, bindings, cost, wgsl }, index) => [
    ...(index > 0 ? [""] : []),
    `// ${kernel} ${label}`,
    `// workgroups ${workgroups.join(" × ")}, ${formatNumber(cost.flops / 1e6)} MFLOP, ` +
    `${formatNumber(cost.bytes / 1e6)} MB`,
    ...bindings.map(({ name, access, dtype, elements }, binding) =>
      `// binding ${binding}: ${name}, ${access}, ${elements} of ${dtype}`
    ),
    "",
    wgsl.trimEnd(),
  ]);
}

/** A table of times, one row a dispatch. */
async function timing(gpu: Gpu, { launches, scratch }: KernelProgram): Promise<string[]> {
  const roofline = await measureRoofline(gpu);
  const seconds = await timePrograms(
    gpu,
    launches.map((launch) => ({ launches: [launch], scratch })),
  );
  const giga = (value: number): string => formatNumber(value / 1e9);
  const rows = launches.map(({ kernel, label, cost }, i) => {
    const name = `${kernel} ${label}`;
    // Shorter than a tick of the queue's clock: no rate can be told.
    if (seconds[i] === 0) return [name, "below a tick", "–", "–", "–"];
    return [
      name,
      (1000 * seconds[i]).toFixed(3),
      giga(cost.flops / seconds[i]),
      giga(cost.bytes / seconds[i]),
      `${(100 * rooflineSeconds(cost, roofline) / seconds[i]).toFixed(1)}%`,
    ];
  });
  const head = ["dispatch", "median ms", "GFLOP/s", "GB/s", "of roofline"];
  return [
    "",
    ...alignTable(head, rows).map((line) => `// ${line}`),
    `// ${gpu.description}: multiply-add ${giga(roofline.flopsPerSecond)} GFLOP/s, copy ` +
    `${giga(roofline.bytesPerSecond)} GB/s`,
  ];
}
