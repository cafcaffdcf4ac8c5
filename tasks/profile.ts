/** `deno task profile`: where the time of a training step goes, kernel by kernel. */

import { dirname } from "@std/path/mod.js";
import { measureRoofline, type Roofline, rooflineSeconds } from "../kernels/roofline/measure.ts";
import { median } from "../kernels/timing.ts";
import {
  type DispatchTime,
  type PlanProfile,
  profilePlans,
  timePlans,
} from "../model/autograd/profile.ts";
import { type ProfileRow, summarize } from "../model/autograd/profile_summary.ts";
import type { RecordedDispatch } from "../model/autograd/tape.ts";
import { encodeChromeTrace } from "../model/autograd/chrome_trace.ts";
import { Option, runTask, task } from "./common/command.ts";
import { writeFileAtomic } from "./common/files.ts";
import { parseHparams } from "./common/hparams.ts";
import { integerFrom, sequenceLength } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { encodeJson } from "./common/json.ts";
import { createProgress, type Progress } from "./common/progress.ts";
import { hparamsOf, type Size, SIZES, warmTrainer } from "./common/synthetic.ts";
import { alignTable } from "./common/table.ts";
import { formatNumber, formatQuantity } from "./common/text.ts";
import { tuneOption, tuningPath } from "./common/tuning.ts";
import { adapterOption, precisionOption, requestGpu, webgpuOption } from "./common/webgpu.ts";

/** What tells the rows of the table apart. */
const GROUPS = {
  kernel: ({ launch }: RecordedDispatch) => launch.kernel,
  shape: ({ launch }: RecordedDispatch) => `${launch.kernel} ${launch.label}`,
  operation: ({ operation }: RecordedDispatch) => operation,
  phase: ({ phase }: RecordedDispatch) => phase,
} as const;

const command = task(
  "profile",
  "Profiles one training step on random tokens: time, arithmetic and memory traffic of each kernel, held\n" +
    "against the multiply-add and copy rates measured on this adapter.",
  "deno task profile --model-size small --batch 8 --max-seq-length 128 --trace-out step.json",
)
  .addOption(
    new Option("--model-size <size>", "size of the model").choices(SIZES).default("small" as Size),
  )
  .option("--batch <n>", "examples in a batch", integerFrom(1, 65_536), 8)
  .option("--max-seq-length <n>", "tokens in an example", sequenceLength, 128)
  .option("--vocab-size <n>", "pieces in the vocabulary", integerFrom(16, 1_000_000), 32_000)
  .option("--hparams <json>", "more hyperparameters, as for pretrain", "{}")
  .addOption(
    new Option("--group-by <what>", "what makes a row of the table")
      .choices(Object.keys(GROUPS) as (keyof typeof GROUPS)[])
      .default("kernel" as keyof typeof GROUPS),
  )
  .option("--runs <n>", "profiled runs; medians count", integerFrom(1, 1000), 3)
  .option("--wall-clock", "do not use the adapter's timestamps", false)
  .option("--json", "print JSON instead of a table", false)
  .option("--trace-out <file>", "write a trace for chrome://tracing or ui.perfetto.dev")
  .addOption(tuneOption)
  .addOption(adapterOption)
  .addOption(webgpuOption)
  .addOption(precisionOption);

await runTask(command, async (options, signal) => {
  const given = await parseHparams(options.hparams);
  const { modelSize, batch, maxSeqLength, vocabSize } = options;
  const hparams = hparamsOf({ modelSize, batch, maxSeqLength, vocabSize }, given);
  const gpu = await requestGpu(options);
  const tuning = options.tune === "off" ? undefined : tuningPath();
  const { traceOut } = options;
  await keepOnly({ write: [traceOut, traceOut && `${traceOut}.part`, tuning && dirname(tuning)] });
  let compiling: Progress | undefined;
  const trainer = await warmTrainer(gpu, hparams, {
    tune: options.tune,
    signal,
    precision: options.precision,
    onCompile: (ready, total) => {
      compiling ??= createProgress({ label: "compile", unit: "kernels" });
      compiling.setTotal(total);
      compiling.update(ready);
    },
  });
  compiling?.finish();
  const { plans } = trainer;
  const measuring = createProgress({ label: "measure", unit: "runs", total: options.runs });
  const rates = await measureRoofline(gpu);
  const runs: PlanProfile[] = [], steps: number[] = [];
  for (let run = 0; run < options.runs; run++) {
    signal.throwIfAborted();
    steps.push(await timePlans(gpu, plans));
    runs.push(await profilePlans(gpu, plans, { wallClock: options.wallClock }));
    measuring.update(run + 1);
  }
  measuring.finish();

  const times = medians(runs);
  const summary = summarizeStep(times, median(steps), rates);
  const { train_batch_size, max_seq_length } = hparams;
  const size = `${modelSize}, batch ${train_batch_size}, sequence ${max_seq_length}, vocabulary ` +
    `${hparams.vocab_size}`;
  const profile = {
    adapter: gpu.description,
    size,
    timestamps: runs[0].timestamps,
    tokensPerSecond: train_batch_size * max_seq_length / summary.stepSeconds,
    rates,
    ...summary,
    rows: summarize(times, rates, GROUPS[options.groupBy]),
  };
  if (options.json) console.log(encodeJson(profile, 2));
  else print(profile, options.groupBy);
  if (options.traceOut !== undefined) {
    const trace = encodeChromeTrace(runs.at(-1)!, `ELECTRA ${size} on ${gpu.description}`);
    await writeFileAtomic(options.traceOut, trace);
    console.error(`${options.traceOut}: open it in ui.perfetto.dev or chrome://tracing`);
  }
  trainer.destroy();
  gpu.destroy();
});

/** The median time of each dispatch over several runs. */
function medians(runs: readonly PlanProfile[]): Pick<
  DispatchTime,
  "dispatch" | "seconds"
>[] {
  return runs[0].dispatches.map(({ dispatch }, i) => ({
    dispatch,
    seconds: median(runs.map(({ dispatches }) => dispatches[i].seconds)),
  }));
}

interface StepSummary {
  /** Wall-clock time of the step as it normally runs. */
  readonly stepSeconds: number;
  /** Sum over the dispatches. */
  readonly kernelSeconds: number;
  /** Part of the step's time that no dispatch accounts for; below 0 where profiling slows kernels. */
  readonly outsideKernels: number;
  /** Floating-point operations of the step. */
  readonly flops: number;
  /** Part of the adapter's multiply-add rate that the step reaches. */
  readonly peakShare: number;
  /** Seconds that the roofline allows over the step's seconds. */
  readonly roofline: number;
}

function summarizeStep(
  times: readonly Pick<DispatchTime, "dispatch" | "seconds">[],
  stepSeconds: number,
  rates: Roofline,
): StepSummary {
  const kernelSeconds = times.reduce((sum, { seconds }) => sum + seconds, 0);
  const costs = times.map(({ dispatch }) => dispatch.launch.cost);
  const flops = costs.reduce((sum, cost) => sum + cost.flops, 0);
  const least = costs.reduce((sum, cost) => sum + rooflineSeconds(cost, rates), 0);
  return {
    stepSeconds,
    kernelSeconds,
    outsideKernels: 1 - kernelSeconds / stepSeconds,
    flops,
    peakShare: flops / stepSeconds / rates.flopsPerSecond,
    roofline: least / stepSeconds,
  };
}

function print(
  profile: StepSummary & {
    readonly adapter: string;
    readonly size: string;
    readonly timestamps: boolean;
    readonly tokensPerSecond: number;
    readonly rates: Roofline;
    readonly rows: readonly ProfileRow[];
  },
  groupedBy: string,
): void {
  const { rates, rows } = profile;
  const giga = (value: number): string => formatNumber(value / 1e9);
  const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;
  const milliseconds = (seconds: number): string => (1000 * seconds).toFixed(2);
  console.log(`ELECTRA ${profile.size}`);
  console.log(
    `${profile.adapter}: multiply-add ${giga(rates.flopsPerSecond)} GFLOP/s, copy ${
      giga(rates.bytesPerSecond)
    } GB/s\n`,
  );
  const head = [groupedBy, "calls", "ms", "share", "GFLOP/s", "GB/s", "of roofline"];
  const lines = alignTable(
    head,
    rows.map((row) => [
      row.name,
      String(row.calls),
      milliseconds(row.seconds),
      percent(row.share),
      giga(row.flopsPerSecond),
      giga(row.bytesPerSecond),
      percent(row.roofline),
    ]),
  );
  for (const line of lines) console.log(line);
  const clock = profile.timestamps ? "timestamps" : "the wall clock";
  const summary = alignTable(
    ["", ""],
    [
      ["sum of kernels", `${milliseconds(profile.kernelSeconds)} ms`, `by ${clock}`],
      [
        "step as it runs",
        `${milliseconds(profile.stepSeconds)} ms`,
        `${formatQuantity(profile.tokensPerSecond, "tokens")}/s`,
      ],
      ["outside kernels", percent(profile.outsideKernels), "of the step"],
      [
        "arithmetic",
        `${giga(profile.flops / profile.stepSeconds)} GFLOP/s`,
        `${percent(profile.peakShare)} of the multiply-add rate, ${
          percent(profile.roofline)
        } of the roofline`,
      ],
    ].map(([name, value, note]) => [name, `${value}  ${note}`]),
    { textColumns: 2 },
  );
  for (const line of summary) console.log(line);
}
