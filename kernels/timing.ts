/**
 * How long kernel programs take on an adapter.
 *
 * @module
 */
import type { Gpu } from "./device.ts";
import { bytesPerElement, type KernelLaunch, type KernelProgram } from "./launch.ts";

/** How to measure. */
export interface TimingOptions {
  /** Samples of each program, taken in turns; the median counts. 7 by default. */
  readonly samples?: number;
  /** A sample repeats its program until it takes about this long, in seconds; 0.01 by default. */
  readonly sampleSeconds?: number;
  /** Goes by the wall clock even where the adapter has timestamps. */
  readonly wallClock?: boolean;
  /**
   * Contents of bindings by name. Others hold a fixed sequence between -1 and 1, or integer zeros, so
   * kernels that index by data want theirs given.
   */
  readonly data?: Readonly<Record<string, ArrayBufferView<ArrayBuffer>>>;
}

/** Most repetitions in one sample: what a queue takes without harm. */
const MOST_REPETITIONS = 200;

/**
 * Seconds that one run of a program takes: the median of several samples, each a run of repetitions in
 * one compute pass on warm pipelines and buffers. Where the adapter has timestamps, this is the time from
 * the begin of the pass to its end as the queue saw it; elsewhere wall-clock time from submission until
 * the queue is known to be idle, less what that takes for no work. Compiling and filling buffers are not part of it.
 *
 * @throws {KernelError} when a kernel does not compile, or the device refuses a dispatch.
 */
export async function timeProgram(
  gpu: Gpu,
  program: KernelProgram,
  options: TimingOptions = {},
): Promise<number> {
  return (await timePrograms(gpu, [program], options))[0];
}

/**
 * Seconds of each of several programs, as {@link timeProgram} gives them, with the samples taken in turns
 * so that what slows the machine for a while slows all alike.
 *
 * @throws {KernelError} when a kernel does not compile, or the device refuses a dispatch.
 */
export async function timePrograms(
  gpu: Gpu,
  programs: readonly KernelProgram[],
  { samples = 7, sampleSeconds = 0.01, wallClock = false, data = {} }: TimingOptions = {},
): Promise<number[]> {
  const clock = await PassClock.create(gpu, gpu.features.timestamps && !wallClock);
  const prepared = await Promise.all(programs.map((program) => prepare(gpu, program, data)));
  try {
    const repetitions: number[] = [];
    for (const program of prepared) {
      await clock.time(program, 1); // drivers finish compiling at the first use
      const once = Math.min(await clock.time(program, 1), await clock.time(program, 1));
      const wanted = Math.ceil(sampleSeconds / Math.max(once, 1e-6));
      repetitions.push(Math.min(MOST_REPETITIONS, Math.max(1, wanted)));
    }
    const taken: number[][] = prepared.map(() => []);
    for (let sample = 0; sample < samples; sample++) {
      for (const [i, program] of prepared.entries()) {
        taken[i].push(await clock.time(program, repetitions[i]) / repetitions[i]);
      }
    }
    return taken.map(median);
  } finally {
    clock.destroy();
    for (const { buffers } of prepared) for (const buffer of buffers) buffer.destroy();
  }
}

/** The middle of some numbers; the mean of the middle two where their count is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

interface PreparedLaunch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: KernelLaunch["workgroups"];
}

interface PreparedProgram {
  /** For messages. */
  readonly name: string;
  readonly launches: readonly PreparedLaunch[];
  readonly buffers: readonly GPUBuffer[];
}

async function prepare(
  gpu: Gpu,
  { launches }: KernelProgram,
  data: Readonly<Record<string, ArrayBufferView<ArrayBuffer>>>,
): Promise<PreparedProgram> {
  const { device } = gpu;
  const pipelines = await Promise.all(
    launches.map((launch) => gpu.pipeline(launch.wgsl, `${launch.kernel} ${launch.label}`)),
  );
  const byName = new Map<string, GPUBuffer>();
  const uniforms: GPUBuffer[] = [];
  const prepared = launches.map(({ bindings, params, workgroups }, index) => {
    const entries: GPUBindGroupEntry[] = bindings.map(({ name, dtype, elements }, binding) => {
      let buffer = byName.get(name);
      if (!buffer) {
        const bytes = Math.ceil(elements * bytesPerElement(dtype) / 4) * 4;
        buffer = device.createBuffer({
          label: name,
          size: bytes,
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
          mappedAtCreation: true,
        });
        fill(buffer.getMappedRange(), dtype, data[name]);
        buffer.unmap();
        byName.set(name, buffer);
      }
      return { binding, resource: { buffer } };
    });
    if (params) {
      const buffer = device.createBuffer({
        size: params.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(buffer, 0, params.slice());
      uniforms.push(buffer);
      entries.push({ binding: entries.length, resource: { buffer } });
    }
    const pipeline = pipelines[index];
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return { pipeline, group, workgroups };
  });
  const name = launches.map(({ kernel, label }) => `${kernel} ${label}`).join(", ");
  return { name, launches: prepared, buffers: [...byName.values(), ...uniforms] };
}

/** Ordinary numbers: zeros or denormals could run at another speed. */
function fill(range: ArrayBuffer, dtype: string, data?: ArrayBufferView<ArrayBuffer>): void {
  const bytes = new Uint8Array(range);
  if (data) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return;
  }
  if (dtype !== "f32" && dtype !== "f16") return;
  const numbers = dtype === "f16" ? new Float16Array(range) : new Float32Array(range);
  const block = Math.min(4096, numbers.length);
  for (let i = 0; i < block; i++) numbers[i] = (i * 37 % 101 + 0.5) / 50.5 - 1;
  for (let done = block; done < numbers.length; done *= 2) {
    numbers.copyWithin(done, 0, Math.min(done, numbers.length - done));
  }
}

/** Times one compute pass at a time, by the queue's timestamps or else by the wall clock. */
class PassClock {
  readonly #gpu: Gpu;
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolved: GPUBuffer | undefined;
  readonly #readable: GPUBuffer | undefined;
  /** Seconds that an empty submission takes on the wall clock. */
  #overhead = 0;

  static async create(gpu: Gpu, timestamps: boolean): Promise<PassClock> {
    const clock = new PassClock(gpu, timestamps);
    if (!timestamps) {
      const empty = { name: "nothing", launches: [], buffers: [] };
      const taken: number[] = [];
      for (let i = 0; i < 5; i++) taken.push(await clock.time(empty, 1));
      clock.#overhead = Math.min(...taken);
    }
    return clock;
  }

  private constructor(gpu: Gpu, timestamps: boolean) {
    this.#gpu = gpu;
    if (!timestamps) return;
    const { device } = gpu;
    this.#queries = device.createQuerySet({ type: "timestamp", count: 2 });
    this.#resolved = device.createBuffer({
      size: 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#readable = device.createBuffer({
      size: 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** Seconds of so many repetitions of a program. */
  async time({ name, launches }: PreparedProgram, repetitions: number): Promise<number> {
    this.#gpu.check();
    const { device } = this.#gpu;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(
      this.#queries && {
        timestampWrites: {
          querySet: this.#queries,
          beginningOfPassWriteIndex: 0,
          endOfPassWriteIndex: 1,
        },
      },
    );
    for (let i = 0; i < repetitions; i++) {
      for (const { pipeline, group, workgroups } of launches) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
    pass.end();
    if (!this.#queries) {
      const commands = this.#gpu.watch(() => encoder.finish(), () => name);
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      device.queue.submit([commands]);
      await device.queue.onSubmittedWorkDone();
      await this.#gpu.settle();
      return Math.max(0, (performance.now() - start) / 1000 - this.#overhead);
    }
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved!, 0);
    encoder.copyBufferToBuffer(this.#resolved!, 0, this.#readable!, 0, 16);
    this.#gpu.watch(() => device.queue.submit([encoder.finish()]), () => name);
    await this.#gpu.settle();
    await this.#readable!.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(this.#readable!.getMappedRange().slice(0));
    this.#readable!.unmap();
    return Number(end - begin) / 1e9;
  }

  destroy(): void {
    this.#queries?.destroy();
    this.#resolved?.destroy();
    this.#readable?.destroy();
  }
}
