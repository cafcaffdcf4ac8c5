/** The whole training step, beside PyTorch on the CPU. */

import { fromFileUrl } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import { median } from "../../kernels/timing.ts";
import { timePlans } from "../../model/autograd/profile.ts";
import { hparamsOf, type StepSize, warmTrainer } from "../../tasks/common/synthetic.ts";
import type { TuneMode } from "../../tasks/common/tuning.ts";

/** ELECTRA-small as the table of bars has it. */
const SIZE: StepSize = { modelSize: "small", batch: 4, maxSeqLength: 128, vocabSize: 32_000 };

/** CPU threads that PyTorch may use. */
const THREADS = 2;

/** Where this script of ours lies. */
const SCRIPT = fromFileUrl(new URL("torch_step.py", import.meta.url));

/** What the step took. */
export interface StepReport {
  /** The model and its batch, for people. */
  readonly size: string;
  /** Tokens in a batch. */
  readonly tokens: number;
  /** Our median seconds. */
  readonly kohakuSeconds: number;
  /** PyTorch's median seconds, where it is installed. */
  readonly torchSeconds?: number;
  /** PyTorch's version. */
  readonly torchVersion?: string;
  /** Why PyTorch was not measured. */
  readonly withoutTorch?: string;
  /** PyTorch's CPU threads. */
  readonly threads: number;
}

/**
 * Times our step and PyTorch's in turns.
 *
 * @param tune whether to time the variants of the step's matrix products first.
 * @param onRound called before the first round and after each.
 */
export async function measureStep(
  gpu: Gpu,
  rounds: number,
  tune: TuneMode,
  signal: AbortSignal,
  onRound: (done: number) => void,
): Promise<StepReport> {
  const hparams = hparamsOf(SIZE);
  const trainer = await warmTrainer(gpu, hparams, { tune, signal });
  const torch = await Torch.start(hparams.max_predictions_per_seq);
  const { plans } = trainer;
  const ours: number[] = [], theirs: number[] = [];
  await timePlans(gpu, plans);
  onRound(0);
  for (let round = 0; round < rounds && !signal.aborted; round++) {
    ours.push(await timePlans(gpu, plans));
    if (torch.running) theirs.push(await torch.step());
    onRound(round + 1);
  }
  await torch.stop();
  trainer.destroy();
  signal.throwIfAborted();
  const { modelSize, batch, maxSeqLength, vocabSize } = SIZE;
  return {
    size: `ELECTRA-${modelSize}, vocabulary ${vocabSize}, sequence ${maxSeqLength}, batch ${batch}`,
    tokens: batch * maxSeqLength,
    kohakuSeconds: median(ours),
    threads: THREADS,
    ...(theirs.length > 0
      ? { torchSeconds: median(theirs), torchVersion: torch.version }
      : { withoutTorch: torch.fault }),
  };
}

/** The script as a process: it takes a step for each line it is sent and answers with its seconds. */
class Torch {
  /** What PyTorch calls itself. */
  version = "";
  /** Why it does not run. */
  fault = "";
  #process: Deno.ChildProcess | undefined;
  #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #lines: ReadableStreamDefaultReader<string> | undefined;
  #buffered = "";

  /** Starts it and lets it take a first step. */
  static async start(picks: number): Promise<Torch> {
    const torch = new Torch();
    const { batch, maxSeqLength, vocabSize } = SIZE;
    const sizes = { batch, sequence: maxSeqLength, vocabulary: vocabSize, picks, threads: THREADS };
    try {
      const process = new Deno.Command("python3", {
        args: [SCRIPT, ...Object.entries(sizes).flatMap(([name, n]) => [`--${name}`, String(n)])],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      torch.#process = process;
      torch.#input = process.stdin.getWriter();
      torch.#lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
      torch.version = await torch.#line();
      if (torch.version === "") {
        torch.fault = "python3 has no torch";
        await torch.stop();
      }
    } catch (error) {
      torch.fault = error instanceof Error ? error.message : String(error);
      torch.#process = undefined;
    }
    return torch;
  }

  /** Whether it takes steps. */
  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Seconds of one step. */
  async step(): Promise<number> {
    await this.#input!.write(new TextEncoder().encode("step\n"));
    return Number(await this.#line());
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (!this.#process) return;
    await this.#input!.close().catch(() => {});
    await this.#process.status;
    this.#process = undefined;
  }

  /** The next line; empty where the process has ended. */
  async #line(): Promise<string> {
    for (;;) {
      const end = this.#buffered.indexOf("\n");
      if (end >= 0) {
        const line = this.#buffered.slice(0, end);
        this.#buffered = this.#buffered.slice(end + 1);
        return line;
      }
      const { done, value } = await this.#lines!.read();
      if (done) return "";
      this.#buffered += value;
    }
  }
}
