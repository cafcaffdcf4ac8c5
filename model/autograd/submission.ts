/**
 * Hands the work of a step to the queue, in submissions that are short enough for any driver and in whose
 * errors the operation is named.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { Cost } from "../../kernels/launch.ts";
import type { Plan } from "./plan.ts";

/**
 * The most work of one submission. Drivers end what runs too long (on Windows 2 s by default); the weakest
 * GPUs do about 100 GFLOP/s and 20 GB/s in practice, so that this is half a second there.
 */
export const MOST_WORK: Cost = { flops: 50e9, bytes: 10e9 };

/**
 * Where a list of dispatches is cut, so that no part has more work than `most` unless a single dispatch has.
 *
 * @param spent work that is in the submission already, before the first dispatch.
 * @returns the first dispatch of each further submission, and the work of the last.
 */
export function cutByWork(
  costs: readonly Cost[],
  spent: Cost = { flops: 0, bytes: 0 },
  most: Cost = MOST_WORK,
): { readonly cuts: readonly number[]; readonly spent: Cost } {
  const cuts: number[] = [];
  let { flops, bytes } = spent;
  costs.forEach((cost, index) => {
    const full = flops + cost.flops > most.flops || bytes + cost.bytes > most.bytes;
    if (full && flops + bytes > 0) {
      cuts.push(index);
      [flops, bytes] = [0, 0];
    }
    flops += cost.flops;
    bytes += cost.bytes;
  });
  return { cuts, spent: { flops, bytes } };
}

/** Plans and copies on their way to the queue, in order. */
export class Submission {
  readonly #gpu: Gpu;
  readonly #plans = new Set<Plan>();
  #encoder: GPUCommandEncoder;
  #spent: Cost = { flops: 0, bytes: 0 };

  /**
   * An empty submission.
   *
   * @throws {KernelError} when the device was lost or has reported an error.
   */
  constructor(gpu: Gpu) {
    gpu.check();
    this.#gpu = gpu;
    this.#encoder = gpu.device.createCommandEncoder();
  }

  /** Where copies behind the work so far are encoded. */
  get encoder(): GPUCommandEncoder {
    return this.#encoder;
  }

  /** Adds all dispatches of a plan, submitting what is full. */
  add(plan: Plan): void {
    this.#plans.add(plan);
    const costs = plan.dispatches.map(({ launch }) => launch.cost);
    const { cuts, spent } = cutByWork(costs, this.#spent);
    let first = 0;
    for (const end of [...cuts, costs.length]) {
      if (end > first) {
        const pass = this.#encoder.beginComputePass();
        plan.encode(pass, first, end);
        pass.end();
      }
      if (end < costs.length || cuts.includes(end)) this.#flush();
      first = end;
    }
    this.#spent = spent;
  }

  /** Submits what is left; more may be added for a further submission. */
  submit(): void {
    this.#flush();
    this.#spent = { flops: 0, bytes: 0 };
  }

  #flush(): void {
    const encoder = this.#encoder, plans = [...this.#plans];
    this.#encoder = this.#gpu.device.createCommandEncoder();
    this.#gpu.watch(
      () => this.#gpu.device.queue.submit([encoder.finish()]),
      () => operationAtFault(this.#gpu, plans),
    );
  }
}

/** Names the operation that the device refuses, by encoding each dispatch alone. */
async function operationAtFault({ device }: Gpu, plans: readonly Plan[]): Promise<string> {
  for (const plan of plans) {
    for (const [index, { operation, launch }] of plan.dispatches.entries()) {
      device.pushErrorScope("validation");
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      plan.encode(pass, index, index + 1);
      pass.end();
      encoder.finish();
      if (await device.popErrorScope()) return `${operation} (${launch.kernel} ${launch.label})`;
    }
  }
  return "the GPU refuses a step";
}
