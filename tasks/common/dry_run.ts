/** `pretrain --dry-run`: what a run would cost, with no examples read and nothing written. */

import type { Gpu } from "../../kernels/device.ts";
import { requireBindable } from "../../model/autograd/memory.ts";
import { timePlans } from "../../model/autograd/profile.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { ModelError } from "../../model/errors.ts";
import { type DeviceTraits, traitsOf } from "../../model/training/recording.ts";
import { planPretraining } from "../../model/electra/pretraining.ts";
import { createProgress } from "./progress.ts";
import { planLines, recomputeLines, timeLines } from "./step_report.ts";
import { warmTrainer } from "./synthetic.ts";
import { formatQuantity } from "./text.ts";
import type { TuneMode } from "./tuning.ts";

/** What a plan assumes where there is no adapter: WebGPU's own limits. */
const NO_ADAPTER: DeviceTraits = { subgroupSize: 0, maxStorageBufferBindingSize: 1 << 27 };

/** Steps that are measured; the fastest counts. */
const MEASURED_STEPS = 2;

/** A whole batch is measured only where its steps promise to stay below this many seconds. */
const MOST_SECONDS = 10;

/**
 * Prints the plan of a training step, then how long the run would take: from steps on random tokens, first
 * with one example, then with the whole batch where the adapter can do that in short time.
 *
 * @param tune whether to time the variants of matrix products, as the run would.
 * @param adapter the adapter, or why there is none.
 * @throws {ModelError} for a step that the adapter cannot hold, as the run would.
 */
export async function dryRun(
  hparams: PretrainingHparams,
  precision: "f32" | "f16",
  tune: TuneMode,
  adapter: Gpu | Error,
  signal: AbortSignal,
): Promise<void> {
  const missing = adapter instanceof Error;
  const traits = missing ? NO_ADAPTER : traitsOf(adapter);
  const plan = planPretraining(hparams, traits, precision);
  for (const line of planLines(plan, hparams)) console.log(line);
  if (hparams.recompute !== "none") {
    const kept = planPretraining({ ...hparams, recompute: "none" }, traits, precision);
    for (const line of recomputeLines(plan, kept)) console.log(line);
  }
  if (missing) {
    console.log(
      `the adapter must bind ${formatQuantity(plan.largest.amount, "B")}: ${plan.largest.name}`,
    );
    console.log(`not measured: ${adapter.message}`);
    return;
  }
  // What the run would refuse is refused here, before anything is measured.
  requireBindable(plan.largest.name, plan.largest.amount, adapter.limits);
  const bar = createProgress({ label: "measure", unit: "steps", total: 2 * MEASURED_STEPS });
  let basis: string;
  let seconds: number;
  try {
    const single = { ...hparams, train_batch_size: 1, gradient_accumulation_steps: 1 };
    seconds = await fastestStep(adapter, single, precision, tune, signal);
    bar.update(MEASURED_STEPS);
    // Arithmetic grows with the batch; what does not (the update) is then counted too often.
    seconds *= plan.flops / planPretraining(single, traits, precision).flops;
    basis = "from steps with one example";
    if (seconds <= MOST_SECONDS && hparams.train_batch_size > 1) {
      seconds = await fastestStep(adapter, hparams, precision, tune, signal);
      basis = "from steps with the whole batch";
    }
    bar.update(2 * MEASURED_STEPS);
    bar.finish();
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    console.log(`not measured on ${adapter.description}: ${error.message}`);
    return;
  }
  for (const line of timeLines(plan, hparams, seconds, `${adapter.description}, ${basis}`)) {
    console.log(line);
  }
}

async function fastestStep(
  gpu: Gpu,
  hparams: PretrainingHparams,
  precision: "f32" | "f16",
  tune: TuneMode,
  signal: AbortSignal,
): Promise<number> {
  const trainer = await warmTrainer(gpu, hparams, { tune, signal, precision });
  try {
    let best = Infinity;
    for (let step = 0; step < MEASURED_STEPS; step++) {
      signal.throwIfAborted();
      best = Math.min(best, await timePlans(gpu, trainer.plans));
    }
    return best;
  } finally {
    trainer.destroy();
  }
}
