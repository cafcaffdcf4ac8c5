/** `deno task plot`: the curves of runs as a picture, at any time. */

import { basename, dirname, join } from "@std/path/mod.js";
import { runTask, task, UsageError } from "./common/command.ts";
import { writeFileAtomic } from "./common/files.ts";
import { lossSvg } from "./common/loss_plot.ts";
import { keepOnly } from "./common/permissions.ts";
import { readCurves } from "./common/run_curves.ts";
import { renderPng } from "./common/svg_image.ts";
import { Runs } from "./monitor/runs.ts";

const command = task(
  "plot",
  "Draws the curves of runs, one picture for all that are named: training averaged over its raw values,\n" +
    "held-out examples as points. It may be asked while they train.",
  "deno task plot electra_small electra_small_wsd --out curves",
)
  .argument("[runs...]", "names of models, or NAME/finetuning_models/TASK_TRIAL; all by default")
  .option("--data-dir <dir>", "holds models (default: data, or the sample's)")
  .option("--out <prefix>", "writes PREFIX.svg and PREFIX.png (default: loss in the run's folder)");

await runTask(command, async ({ dataDir, out }, signal, [names]) => {
  const models = join(dataDir ?? await defaultDataDir(), "models");
  const runs = (await new Runs(models).list()).map(({ id }) => id);
  const unknown = names.find((name) => !runs.includes(name));
  if (unknown !== undefined || runs.length === 0) {
    const there = runs.length > 0 ? `there are ${runs.slice(0, 9).join(", ")}` : "there is none";
    throw new UsageError(`${models} has no run ${unknown ?? "to draw"}; ${there}`);
  }
  const drawn = names.length > 0 ? names : runs.toSorted();
  const prefix = out ?? join(models, drawn.length === 1 ? drawn[0] : "", "loss");
  await keepOnly({ read: [models], write: [dirname(prefix)] });
  const curves = [];
  for (const name of drawn) {
    signal.throwIfAborted();
    curves.push(await readCurves(join(models, name), name));
  }
  const svg = lossSvg(curves, drawn.length === 1 ? basename(drawn[0]) : `${drawn.length} runs`);
  await writeFileAtomic(`${prefix}.svg`, svg);
  await writeFileAtomic(`${prefix}.png`, await renderPng(svg));
  console.log(`${prefix}.svg and ${prefix}.png: ${drawn.join(", ")}`);
});

/** `data`, or the sample's folder as long as `data` has no models. */
async function defaultDataDir(): Promise<string> {
  const isThere = await Deno.stat("data/models").then(() => true, () => false);
  return isThere ? "data" : "data/sample";
}
