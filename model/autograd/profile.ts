/**
 * Where the time of a step goes: each dispatch by itself, beside the step as it normally runs.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { Plan } from "./plan.ts";
import { Submission } from "./submission.ts";
import type { RecordedDispatch } from "./tape.ts";

/** When a dispatch ran. */
export interface DispatchTime {
  /** The dispatch. */
  readonly dispatch: RecordedDispatch;
  /** Seconds from the begin of the step until it began. */
  readonly start: number;
  /** Seconds that it took. */
  readonly seconds: number;
}

/** One profiled run of a step. */
export interface PlanProfile {
  /** All dispatches, in order. */
  readonly dispatches: readonly DispatchTime[];
  /** Whether the queue's timestamps were used; else the wall clock, one dispatch at a time. */
  readonly timestamps: boolean;
  /** Seconds from the begin of the first dispatch to the end of the last, in this profiled run. */
  readonly span: number;
}

/** Queries that a set holds at most in WebGPU. */
const MOST_QUERIES = 4096;

/**
 * Runs a step's plans once with a time for each dispatch. With timestamps every dispatch is a compute pass of its
 * own, in one submission; a pass costs the queue a few microseconds, which lie between the dispatches and
 * not within them. Without, each dispatch is submitted alone and awaited.
 *
 * @param options.wallClock goes by the wall clock even where the adapter has timestamps.
 */
export async function profilePlans(
  gpu: Gpu,
  plans: readonly Plan[],
  { wallClock = false }: { readonly wallClock?: boolean } = {},
): Promise<PlanProfile> {
  gpu.check();
  const timestamps = gpu.features.timestamps && !wallClock;
  const steps = plans.flatMap((plan) =>
    plan.dispatches.map((dispatch, index) => ({ plan, dispatch, index }))
  );
  const times = timestamps ? await byTimestamps(gpu, steps) : await byWallClock(gpu, steps);
  const first = times[0]?.[0] ?? 0;
  return {
    dispatches: steps.map(({ dispatch }, i) => ({
      dispatch,
      start: times[i][0] - first,
      seconds: times[i][1] - times[i][0],
    })),
    timestamps,
    span: (times.at(-1)?.[1] ?? 0) - first,
  };
}

/** Steps that the trainer has in flight, so that the queue does not wait for the host between them. */
const IN_FLIGHT = 2;

/** A dispatch of a plan. */
interface PlannedDispatch {
  readonly plan: Plan;
  readonly dispatch: RecordedDispatch;
  readonly index: number;
}

/** Seconds that a step's plans take as they normally run, the next step right behind it. */
export async function timePlans(gpu: Gpu, plans: readonly Plan[]): Promise<number> {
  const { queue } = gpu.device;
  await queue.onSubmittedWorkDone();
  const start = performance.now();
  for (let i = 0; i < IN_FLIGHT; i++) {
    const submission = new Submission(gpu);
    for (const plan of plans) submission.add(plan);
    submission.submit();
  }
  await queue.onSubmittedWorkDone();
  return (performance.now() - start) / 1000 / IN_FLIGHT;
}

/** Begin and end of each dispatch in seconds on the queue's clock. */
async function byTimestamps(
  { device }: Gpu,
  steps: readonly PlannedDispatch[],
): Promise<[number, number][]> {
  const count = steps.length;
  const bytes = 16 * count;
  const resolved = device.createBuffer({
    label: "timestamps",
    size: bytes,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const readable = device.createBuffer({
    label: "timestamps to read",
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const sets: GPUQuerySet[] = [];
  const encoder = device.createCommandEncoder();
  for (let first = 0; first < count; first += MOST_QUERIES / 2) {
    const end = Math.min(count, first + MOST_QUERIES / 2);
    const querySet = device.createQuerySet({ type: "timestamp", count: 2 * (end - first) });
    sets.push(querySet);
    for (let i = first; i < end; i++) {
      const beginningOfPassWriteIndex = 2 * (i - first);
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex,
          endOfPassWriteIndex: beginningOfPassWriteIndex + 1,
        },
      });
      const { plan, index } = steps[i];
      plan.encode(pass, index, index + 1);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, 2 * (end - first), resolved, 16 * first);
  }
  encoder.copyBufferToBuffer(resolved, 0, readable, 0, bytes);
  device.queue.submit([encoder.finish()]);
  try {
    await readable.mapAsync(GPUMapMode.READ);
    const ticks = new BigUint64Array(readable.getMappedRange().slice(0));
    const seconds = (tick: bigint): number => Number(tick - ticks[0]) / 1e9;
    return steps.map((_, i) => {
      const begin = seconds(ticks[2 * i]);
      // A clock that was set back between the two would give a negative time.
      return [begin, Math.max(begin, seconds(ticks[2 * i + 1]))];
    });
  } finally {
    for (const set of sets) set.destroy();
    resolved.destroy();
    readable.destroy();
  }
}

/** The same by the wall clock, less what a submission of nothing takes. */
async function byWallClock(
  { device }: Gpu,
  steps: readonly PlannedDispatch[],
): Promise<[number, number][]> {
  const submit = async (step?: PlannedDispatch): Promise<number> => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    step?.plan.encode(pass, step.index, step.index + 1);
    pass.end();
    const commands = encoder.finish();
    const start = performance.now();
    device.queue.submit([commands]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000;
  };
  await device.queue.onSubmittedWorkDone();
  let overhead = Infinity;
  for (let i = 0; i < 5; i++) overhead = Math.min(overhead, await submit());
  const times: [number, number][] = [];
  let now = 0;
  for (const step of steps) {
    const taken = Math.max(0, await submit(step) - overhead);
    times.push([now, now + taken]);
    now += taken;
  }
  return times;
}
