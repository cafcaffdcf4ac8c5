/**
 * The fastest variant of each matrix product on one adapter, found by timing and kept in a plain table.
 *
 * @module
 */
import type { Gpu } from "../device.ts";
import { timeProgram, timePrograms } from "../timing.ts";
import { matmul } from "./matmul.ts";
import type { MatmulSpec } from "./spec.ts";
import { type MatmulVariant, suitableVariants } from "./variants.ts";

/** Variants by {@link matmulCase}; plain data, so that it can be kept as JSON. It holds for one adapter. */
export type MatmulTable = Readonly<Record<string, string>>;

/** Everything about a product that its speed may depend on, in words: the key of a table. */
export function matmulCase(spec: MatmulSpec): string {
  const { m, n, k, layout, batch = 1, storage = "f32", outputStorage = storage } = spec;
  return [
    `${layout} ${batch}×${m}×${n}×${k} ${storage} to ${outputStorage}`,
    ...(spec.bias ? ["bias"] : []),
    ...(spec.epilogue && spec.epilogue !== "none" ? [spec.epilogue] : []),
    ...(spec.accumulate ? ["accumulate"] : []),
  ].join(" ");
}

/** What a table says about a product, where it says something that this version can do. */
export function tunedVariant(table: MatmulTable, spec: MatmulSpec): MatmulVariant | undefined {
  const name = table[matmulCase(spec)];
  return suitableVariants(spec).find((variant) => variant === name);
}

/** How to tune. */
export interface TuningOptions {
  /** Seconds after which no further case is begun; 60 by default. */
  readonly budgetSeconds?: number;
  /** Called before the first case and after each, with the table so far; tuning waits for it. */
  readonly onProgress?: (done: number, total: number, table: MatmulTable) => void | Promise<void>;
  /** Ends tuning early; what was found so far is returned. */
  readonly signal?: AbortSignal;
}

/** Up to three variants that come within this factor of the fastest are timed again, in turns. */
const CLOSE = 1.3;

/** The launcher's own choice gives way only to a variant that takes at most this part of its time. */
const GAIN = 0.95;

/**
 * Times the variants of those products that a table does not know, the largest first, and returns the
 * table with the fastest of each. Products for which there was no time are left to the launcher's own
 * choice.
 *
 * @throws {KernelError} when a variant does not compile.
 */
export async function tuneMatmuls(
  gpu: Gpu,
  specs: readonly MatmulSpec[],
  table: MatmulTable,
  { budgetSeconds = 60, onProgress, signal }: TuningOptions = {},
): Promise<MatmulTable> {
  const found: Record<string, string> = { ...table };
  const cases = new Map<string, MatmulSpec>();
  for (const spec of specs) {
    // How much padding there is differs from batch to batch: times are those of none.
    if (!tunedVariant(table, spec)) cases.set(matmulCase(spec), { ...spec, padding: undefined });
  }
  const work = ({ batch = 1, m, n, k }: MatmulSpec): number => batch * m * n * k;
  const order = [...cases].toSorted(([, a], [, b]) => work(b) - work(a));
  const end = performance.now() + 1000 * budgetSeconds;
  await onProgress?.(0, order.length, found);
  for (const [done, [name, spec]] of order.entries()) {
    if (signal?.aborted || performance.now() > end) break;
    const fastest = await fastestVariant(gpu, spec, signal);
    if (fastest === undefined) break;
    found[name] = fastest;
    await onProgress?.(done + 1, order.length, found);
  }
  return found;
}

/** The fastest variant of a product on an adapter; undefined when stopped before it is known. */
async function fastestVariant(
  gpu: Gpu,
  spec: MatmulSpec,
  signal: AbortSignal | undefined,
): Promise<MatmulVariant | undefined> {
  const variants = suitableVariants(spec);
  const programs = variants.map((variant) => matmul(spec, variant));
  // One after the other, since the operands of all of them might not fit side by side.
  await Promise.all(
    programs.flatMap(({ launches }) =>
      launches.map(({ wgsl, kernel, label }) => gpu.pipeline(wgsl, `${kernel} ${label}`))
    ),
  );
  const taken: number[] = [];
  for (const program of programs) {
    if (signal?.aborted) return undefined;
    taken.push(await timeProgram(gpu, program, { samples: 3, sampleSeconds: 0.002 }));
  }
  const order = variants.map((_, i) => i).toSorted((a, b) => taken[a] - taken[b]);
  const close = order.slice(0, 3).filter((i) => taken[i] <= CLOSE * taken[order[0]]);
  // These times did not take turns, so that one disturbance may have hit the best alone: the launcher's own
  // choice always takes part in those that do.
  const { wgsl } = matmul(spec).launches[0];
  const own = programs.findIndex(({ launches }) => launches[0].wgsl === wgsl);
  if (!close.includes(own)) close.push(own);
  if (close.length === 1) return variants[own];
  const again = await timePrograms(gpu, close.map((i) => programs[i]), { samples: 7 });
  const least = Math.min(...again);
  const gains = least <= GAIN * again[close.indexOf(own)];
  return variants[gains ? close[again.indexOf(least)] : own];
}
