/** The tuned variants of matrix products, kept in the user's cache directory. */

import { dirname, join } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import { type MatmulTable, tunedVariant, tuneMatmuls } from "../../kernels/matmul/tune.ts";
import type { MatmulChooser } from "../../model/autograd/tape.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { matmulsOfStep } from "../../model/trainer.ts";
import { writeFileAtomic } from "./files.ts";
import { createProgress } from "./progress.ts";

/** `on` times what is not known yet; `auto` does so where it pays; `off` uses no timings at all. */
export type TuneMode = "auto" | "on" | "off";

/** Multiply-adds of a step's products from which on tuning pays. */
const WORTH_TUNING = 1e10;

/** Subgroups up to this are those of CPU adapters, for which the launcher's own choice is measured. */
const NARROW_SUBGROUP = 8;

/** The file's contents: tables by adapter. */
type TuningFile = Readonly<Record<string, MatmulTable>>;

/** Where tunings are kept: `tuning.json` in Kohaku's part of the user's cache directory. */
export function tuningPath(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): string | undefined {
  const home = env("HOME");
  const base = env("XDG_CACHE_HOME") || env("LOCALAPPDATA") || (home && join(home, ".cache"));
  return base ? join(base, "kohaku", "tuning.json") : undefined;
}

/** An adapter's table; empty where there is none, or the file is damaged. */
export async function readTable(path: string, adapter: string): Promise<MatmulTable> {
  return (await readFile(path))[adapter] ?? {};
}

/** Keeps an adapter's table beside those of others. */
export async function writeTable(path: string, adapter: string, table: MatmulTable): Promise<void> {
  const file = { ...await readFile(path), [adapter]: table };
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, JSON.stringify(file, null, 2) + "\n");
}

async function readFile(path: string): Promise<TuningFile> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
  try {
    const file = JSON.parse(text);
    return typeof file === "object" && file !== null ? file : {};
  } catch {
    return {}; // a cache: it is made again
  }
}

/**
 * Chooses the variants of a step's matrix products by the tunings kept for this adapter, after timing
 * those that are missing where `mode` asks for it.
 */
export async function tuneStep(
  gpu: Gpu,
  hparams: PretrainingHparams,
  precision: "f32" | "f16",
  mode: TuneMode,
  signal: AbortSignal,
  path: string | undefined = tuningPath(),
): Promise<MatmulChooser | undefined> {
  if (mode === "off") return undefined;
  let table = path ? await readTable(path, gpu.description) : {};
  const specs = matmulsOfStep(gpu, hparams, precision);
  const unknown = specs.some((spec) => !tunedVariant(table, spec));
  const work = specs.reduce((sum, { batch = 1, m, n, k }) => sum + batch * m * n * k, 0);
  const pays = gpu.features.subgroupSize > NARROW_SUBGROUP && work >= WORTH_TUNING;
  if (unknown && (mode === "on" || pays)) {
    const bar = createProgress({ label: "tune", unit: "products" });
    table = await tuneMatmuls(gpu, specs, table, {
      signal,
      onProgress: (done, total) => {
        bar.setTotal(total);
        bar.update(done);
      },
    });
    bar.finish();
    if (path) await writeTable(path, gpu.description, table);
  }
  return (spec) => tunedVariant(table, spec);
}
