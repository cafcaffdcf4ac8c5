/** The tuned variants of matrix products, kept in the user's cache directory, and the flag `--tune`. */

import * as v from "valibot";
import { dirname, join } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import { type MatmulTable, tunedVariant, tuneMatmuls } from "../../kernels/matmul/tune.ts";
import type { MatmulChooser } from "../../model/autograd/tape.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { matmulsOfStep } from "../../model/electra/pretraining.ts";
import { anyObject, type Schema } from "../../pipeline/wire/json.ts";
import { Interrupted, Option } from "./command.ts";
import { writeFileAtomic } from "./files.ts";
import { createProgress } from "./progress.ts";

/**
 * `on` times all that is not known yet; `auto` does so where it pays, for a minute at most; `off` uses no
 * timings at all.
 */
export type TuneMode = "auto" | "on" | "off";

/** The flag `--tune`. */
export const tuneOption = new Option(
  "--tune <when>",
  "time the variants of matrix products and remember the fastest; auto does on GPUs",
)
  .choices(["auto", "on", "off"] as const)
  .default("auto" as TuneMode);

/** Multiply-adds of all products together from which on tuning pays. */
const WORTH_TUNING = 1e10;

/** Subgroups up to this are those of CPU adapters, for which the launcher's own choice is measured. */
const NARROW_SUBGROUP = 8;

/** Seconds after which `auto` begins no further product. */
const MOST_SECONDS = 60;

function isNarrow(subgroupSize: number): boolean {
  return subgroupSize > 0 && subgroupSize <= NARROW_SUBGROUP;
}

/** The file's contents: tables by adapter. */
type TuningFile = Readonly<Record<string, MatmulTable>>;

/** What is no variant of this version counts as unknown when it is looked up. */
const tuningSchema: Schema<TuningFile> = v.pipe(
  anyObject,
  v.record(v.string(), v.pipe(anyObject, v.record(v.string(), v.string()))),
);

/** Takes one line for the user. */
type Tell = (line: string) => void;

/** Where tunings are kept: `tuning.json` in Kohaku's part of the user's cache directory. */
export function tuningPath(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): string | undefined {
  const home = env("HOME");
  const base = env("XDG_CACHE_HOME") || env("LOCALAPPDATA") || (home && join(home, ".cache"));
  return base ? join(base, "kohaku", "tuning.json") : undefined;
}

/** An adapter's table; empty where there is none, or the file cannot be used, which `tell` is told. */
export async function readTable(
  path: string,
  adapter: string,
  tell: Tell = console.error,
): Promise<MatmulTable> {
  try {
    return (await readFile(path, tell))[adapter] ?? {};
  } catch (error) {
    tell(`${path} is not read: ${(error as Error).message}`);
    return {};
  }
}

/**
 * Keeps an adapter's table beside those of others, and beside what another process has found meanwhile. A
 * file that is damaged is replaced.
 */
export async function writeTable(path: string, adapter: string, table: MatmulTable): Promise<void> {
  const file = await readFile(path, () => {});
  const tables = { ...file, [adapter]: { ...file[adapter], ...table } };
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, JSON.stringify(tables, null, 2) + "\n");
}

async function readFile(path: string, tell: Tell): Promise<TuningFile> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
  try {
    const file = v.safeParse(tuningSchema, JSON.parse(text));
    if (file.success) return file.output;
  } catch {
    // Not JSON: damaged as well.
  }
  tell(`${path} is damaged and is not used`);
  return {};
}

/** Chooses the variants of a training step's matrix products as {@link tuneProducts} does. */
export async function tuneStep(
  gpu: Gpu,
  hparams: PretrainingHparams,
  precision: "f32" | "f16",
  mode: TuneMode,
  signal: AbortSignal,
): Promise<MatmulChooser | undefined> {
  if (mode === "off") return undefined;
  return await tuneProducts(gpu, matmulsOfStep(gpu, hparams, precision), mode, signal);
}

/**
 * Chooses the variants of matrix products by the tunings kept for this adapter, after timing those that
 * are missing where `mode` asks for it. Each is kept as soon as it is found; where that fails, a line says
 * so and the tunings serve this run alone.
 *
 * @throws {Interrupted} when the signal ends the timing.
 */
export async function tuneProducts(
  gpu: Gpu,
  specs: readonly MatmulSpec[],
  mode: TuneMode,
  signal: AbortSignal,
  path: string | undefined = mode === "off" ? undefined : tuningPath(),
  tell: Tell = console.error,
): Promise<MatmulChooser | undefined> {
  if (mode === "off") return undefined;
  const adapter = gpu.description;
  const known = path === undefined ? {} : await readTable(path, adapter, tell);
  const choose = (table: MatmulTable): MatmulChooser => (spec) => tunedVariant(table, spec);
  const work = specs.reduce((sum, { batch = 1, m, n, k }) => sum + batch * m * n * k, 0);
  const pays = !isNarrow(gpu.features.subgroupSize) && work >= WORTH_TUNING;
  const unknown = specs.some((spec) => !tunedVariant(known, spec));
  if (!unknown || (mode === "auto" && !pays)) return choose(known);

  let fault = path === undefined ? "there is no cache directory" : "";
  let done = 0, all = 0;
  const bar = createProgress({ label: "tune", unit: "products" });
  const table = await tuneMatmuls(gpu, specs, known, {
    signal,
    budgetSeconds: mode === "on" ? Infinity : MOST_SECONDS,
    onProgress: async (decided, total, found) => {
      [done, all] = [decided, total];
      bar.setTotal(total);
      bar.update(done);
      if (done === 0 || fault !== "") return;
      try {
        await writeTable(path!, adapter, found);
      } catch (error) {
        fault = (error as Error).message;
      }
    },
  });
  bar.finish(
    signal.aborted ? "stopped" : done < all ? "time is up: the small rest goes by shape" : "",
  );
  if (fault !== "") tell(`the tunings serve this run alone, since they cannot be kept: ${fault}`);
  if (signal.aborted) {
    throw new Interrupted(
      done === 0 || fault !== ""
        ? "interrupted while tuning; nothing is kept of it"
        : `kept ${done} of ${all} tunings in ${path}; the same command goes on from there`,
    );
  }
  return choose(table);
}
