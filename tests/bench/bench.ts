/** `deno task bench`: our kernels and our training step beside those of others, in one process. */

import denoJson from "../../deno.json" with { type: "json" };
import { Gpu } from "../../kernels/device.ts";
import type { MatmulChooser } from "../../model/autograd/tape.ts";
import { Interrupted, runTask, task, UsageError } from "../../tasks/common/command.ts";
import { writeFileAtomic } from "../../tasks/common/files.ts";
import { integerFrom, list } from "../../tasks/common/numbers.ts";
import { createProgress, type Progress } from "../../tasks/common/progress.ts";
import { tuneOption, tuneProducts } from "../../tasks/common/tuning.ts";
import type { Contender } from "./contender.ts";
import { jaxContender } from "./jax.ts";
import { kohakuContender, matmulsOfWork } from "./kohaku.ts";
import { measure, type Measurement } from "./measure.ts";
import { type BenchReport, markdown, terminalLines } from "./report.ts";
import { measureScaling } from "./scaling.ts";
import { measureStep } from "./step.ts";
import { tensorflowContender } from "./tfjs.ts";
import { groupOf, nameOf, WORKS } from "./work.ts";

/** What `--only` may name. */
const PARTS = [...new Set(WORKS.map(groupOf)), "step", "scaling"] as const;

/** Parts that run when `--only` is not given. */
const USUAL: readonly string[] = PARTS.filter((part) => part !== "scaling");

const command = task(
  "bench",
  "Measures our kernels and training step beside TensorFlow.js and jax-js on the same WebGPU adapter, and\n" +
    "beside PyTorch on the CPU where python3 has torch. All take turns in this process; results are\n" +
    "compared, and a difference ends the bench.",
  "deno task bench --only matmul,step --json bench.json --markdown bench.md",
)
  .option("--only <parts>", `some of ${PARTS.join(", ")} (default: all but scaling)`, list)
  .option("--rounds <n>", "samples of each contender, taken in turns", integerFrom(1), 5)
  .addOption(tuneOption)
  .option("--json <file>", "write all figures as JSON")
  .option("--markdown <file>", "write the tables as Markdown");

await runTask(command, async (options, signal) => {
  const only: readonly string[] = options.only ?? USUAL;
  const unknown = only.find((part) => !(PARTS as readonly string[]).includes(part));
  if (unknown !== undefined) {
    throw new UsageError(`--only ${unknown}: the parts are ${PARTS.join(", ")}`);
  }
  const gpu = await Gpu.request();
  const works = WORKS.filter((work) => only.includes(groupOf(work)));
  const contenders = works.length === 0 ? [] : await startAll(
    gpu,
    await tuneProducts(
      gpu,
      works.flatMap((work) => matmulsOfWork(gpu, work)),
      options.tune,
      signal,
    ),
  );
  const measurements: Measurement[] = [];
  if (works.length > 0) {
    const bar = createProgress({ label: "kernels", unit: "lines", total: works.length });
    for (const [done, work] of works.entries()) {
      if (signal.aborted) throw new Interrupted("interrupted");
      bar.update(done, nameOf(work));
      measurements.push(await measure(work, contenders, options.rounds));
    }
    bar.update(works.length);
    bar.finish("");
  }
  let step: BenchReport["step"], scaling: BenchReport["scaling"];
  if (only.includes("step")) {
    let bar: Progress | undefined;
    step = await measureStep(gpu, options.rounds, options.tune, signal, (round) => {
      bar ??= createProgress({ label: "step", unit: "rounds", total: options.rounds });
      bar.update(round);
    });
    bar?.finish();
  }
  if (only.includes("scaling")) {
    const bar = createProgress({ label: "scaling", unit: "sizes" });
    scaling = await measureScaling(gpu, options.tune, signal, (done, total, note) => {
      bar.setTotal(total);
      bar.update(done, note);
    });
    bar.finish();
  }
  const report: BenchReport = {
    circumstances: {
      adapter: gpu.description,
      system:
        `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} CPU threads, ` +
        `Deno ${Deno.version.deno}`,
      date: new Date().toISOString().slice(0, 10),
      command: ["deno task bench", ...Deno.args].join(" "),
      versions: {
        Kohaku: denoJson.version,
        ...Object.fromEntries(contenders.map(({ name, version }) => [name, version])),
      },
    },
    measurements,
    step,
    scaling,
  };
  for (const line of terminalLines(report)) console.log(line);
  const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
  if (options.json !== undefined) {
    await writeFileAtomic(options.json, encode(JSON.stringify(report, null, 2) + "\n"));
  }
  if (options.markdown !== undefined) {
    await writeFileAtomic(options.markdown, encode(markdown(report)));
  }
  gpu.destroy();
});

/** Ourselves first: the others are compared with us. */
async function startAll(
  gpu: Gpu,
  chooseMatmul: MatmulChooser | undefined,
): Promise<Contender[]> {
  const version = (name: keyof typeof denoJson.imports): string =>
    denoJson.imports[name].split("@").at(-1)!;
  return [
    kohakuContender(gpu, denoJson.version, chooseMatmul),
    await jaxContender(version("@jax-js/jax")),
    await tensorflowContender(version("@tensorflow/tfjs-backend-webgpu")),
  ];
}
