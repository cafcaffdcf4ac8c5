/**
 * A compiled recording: buffers, pipelines and bind groups made once, replayed every step.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { bytesPerElement } from "../../kernels/launch.ts";
import { ModelError } from "../errors.ts";
import { Arena } from "./arena.ts";
import { owner, planMemory, requireBindable, tensorBytes } from "./memory.ts";
import { Submission } from "./submission.ts";
import type { RecordedDispatch, Tape } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** Where a tensor's bytes are. */
export interface Location {
  /** The buffer. */
  readonly buffer: GPUBuffer;
  /** First byte. */
  readonly offset: number;
}

/** Finds the memory of parameters, their gradients and what else is kept between steps. */
export interface ParameterMemory {
  /** The location of a tensor's first element. */
  locate(tensor: Tensor): Location;
}

/** Host data of any element type a tensor may have. */
export type HostArray = Float32Array | Uint32Array | Int32Array;

/** What a plan holds and costs. */
export interface PlanStatistics {
  /** Dispatches a step. */
  readonly dispatches: number;
  /** Device buffers that the plan uses, parameters left out. */
  readonly buffers: number;
  /** Bytes of those buffers. */
  readonly bytes: number;
  /** Floating-point operations a step. */
  readonly flops: number;
}

const UNIFORM_ALIGNMENT = 256;

interface PlanBuffers {
  /** Inputs, what is kept for the host, parameter words. */
  readonly own: readonly GPUBuffer[];
  /** Activations. */
  readonly lent: readonly GPUBuffer[];
  /** The arena of the activations, where it is the plan's own. */
  readonly arena: Arena | undefined;
}

interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly dispatch: RecordedDispatch;
}

/** A step that can be replayed. */
export class Plan {
  readonly #gpu: Gpu;
  readonly #locations: ReadonlyMap<Tensor, Location>;
  readonly #buffers: PlanBuffers;
  readonly #commands: readonly Command[];
  /** What was recorded, in the order in which it runs. */
  readonly dispatches: readonly RecordedDispatch[];

  private constructor(
    gpu: Gpu,
    locations: ReadonlyMap<Tensor, Location>,
    buffers: PlanBuffers,
    commands: readonly Command[],
  ) {
    this.#gpu = gpu;
    this.#locations = locations;
    this.#buffers = buffers;
    this.#commands = commands;
    this.dispatches = commands.map(({ dispatch }) => dispatch);
  }

  /**
   * Makes buffers, pipelines (compiled in parallel) and bind groups for a recording. Plans of the same recording
   * over fewer rows find all their pipelines compiled.
   *
   * @param parameters the memory of all tensors that are neither inputs nor activations.
   * @param onCompile called as pipelines become ready.
   * @param sharedArena lends memory for activations; the plan's own by default.
   * @throws {ModelError} when a tensor outgrows the adapter's binding or buffer limit.
   * @throws {KernelError} when a kernel does not compile.
   */
  static async compile(
    gpu: Gpu,
    tape: Tape,
    parameters: ParameterMemory,
    onCompile?: (ready: number, total: number) => void,
    sharedArena?: Arena,
  ): Promise<Plan> {
    const ownArena = sharedArena ? undefined : new Arena(gpu);
    const arena = sharedArena ?? ownArena!;
    const { device, limits } = gpu;
    const planned = planMemory(tape.dispatches, tape.kept);
    for (const { bytes, tensors } of planned) requireBindable(`${tensors[0]}`, bytes, limits);
    const pipelines = await compilePipelines(gpu, tape, onCompile);
    const locations = new Map<Tensor, Location>();
    const buffers: GPUBuffer[] = [];
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    const shared = planned.filter(({ isShared }) => isShared);
    const { lent, made } = arena.lend(shared.map(({ bytes }) => bytes));
    shared.forEach(({ tensors }, i) => {
      for (const tensor of tensors) locations.set(tensor, { buffer: lent[i], offset: 0 });
    });
    for (const { bytes, isShared, tensors: [tensor] } of planned) {
      if (isShared) continue;
      const buffer = device.createBuffer({
        label: tensor.name,
        size: bytes,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      buffers.push(buffer);
      locations.set(tensor, { buffer, offset: 0 });
    }
    const locate = (tensor: Tensor): Location => locations.get(tensor) ?? parameters.locate(tensor);
    const uniforms = uniformSlices(gpu, tape.dispatches);
    if (uniforms.buffer) buffers.push(uniforms.buffer);
    const commands = tape.dispatches.map((dispatch, index) => {
      const entries: GPUBindGroupEntry[] = dispatch.tensors.map((tensor, binding) => {
        const { buffer, offset } = locate(owner(tensor));
        return {
          binding,
          resource: {
            buffer,
            offset: offset + viewOffset(tensor),
            size: tensorBytes(tensor),
          },
        };
      });
      const params = dispatch.launch.params;
      if (params) {
        entries.push({
          binding: entries.length,
          resource: {
            buffer: uniforms.buffer!,
            offset: uniforms.offsets[index],
            size: params.byteLength,
          },
        });
      }
      const pipeline = pipelines[index];
      const group = device.createBindGroup({
        label: `${dispatch.launch.kernel} ${dispatch.launch.label}`,
        layout: pipeline.getBindGroupLayout(0),
        entries,
      });
      return { pipeline, group, dispatch };
    });
    const invalid = await device.popErrorScope();
    const exhausted = await device.popErrorScope();
    if (exhausted) {
      for (const buffer of buffers) buffer.destroy();
      arena.discard(made);
      throw new ModelError(
        "the adapter has not enough memory for this batch: use a smaller batch or sequence",
      );
    }
    if (invalid) throw new ModelError(`the plan does not fit the adapter: ${invalid.message}`);
    return new Plan(gpu, locations, { own: buffers, lent, arena: ownArena }, commands);
  }

  /** What the plan holds and costs. */
  get statistics(): PlanStatistics {
    const buffers = [...this.#buffers.own, ...this.#buffers.lent];
    return {
      dispatches: this.#commands.length,
      buffers: buffers.length,
      bytes: buffers.reduce((sum, buffer) => sum + buffer.size, 0),
      flops: this.#commands.reduce((sum, { dispatch }) => sum + dispatch.launch.cost.flops, 0),
    };
  }

  /**
   * Queues data for an input.
   *
   * @throws {ModelError} when the data has another length than the input, or the plan does not use it.
   */
  write(input: Tensor, data: HostArray): void {
    if (data.length !== input.elements) {
      throw new ModelError(`${input} is given ${data.length} elements`);
    }
    this.writePart(input, 0, data);
  }

  /**
   * Queues data for a run of an input's elements, each four bytes; the others stay as they are.
   *
   * @param first the element at which the run begins.
   * @throws {ModelError} when the run does not lie within the input, or the plan does not use it.
   */
  writePart(input: Tensor, first: number, data: HostArray): void {
    if (first + data.length > input.elements) {
      throw new ModelError(`${input} is given ${data.length} elements from ${first} on`);
    }
    const { buffer, offset } = this.location(input);
    this.#gpu.device.queue.writeBuffer(
      buffer,
      offset + 4 * first,
      data as HostArray & { buffer: ArrayBuffer },
    );
  }

  /** Whether the plan has memory for a tensor of its recording. */
  uses(tensor: Tensor): boolean {
    return this.#locations.has(owner(tensor));
  }

  /** Where an input or output of this plan lives. */
  location(tensor: Tensor): Location {
    const location = this.#locations.get(owner(tensor));
    if (!location) throw new ModelError(`the plan has no memory for ${tensor}`);
    return { buffer: location.buffer, offset: location.offset + viewOffset(tensor) };
  }

  /**
   * Submits all dispatches.
   *
   * @param after may add copies behind them.
   * @throws {KernelError} when the device was lost or has reported an error.
   */
  run(after?: (encoder: GPUCommandEncoder) => void): void {
    const submission = new Submission(this.#gpu);
    submission.add(this);
    after?.(submission.encoder);
    submission.submit();
  }

  /** Encodes the dispatches from `first` to before `end`, for callers that make their own passes. */
  encode(pass: GPUComputePassEncoder, first: number, end: number): void {
    let last: GPUComputePipeline | undefined;
    for (let i = first; i < end; i++) {
      const { pipeline, group, dispatch } = this.#commands[i];
      if (pipeline !== last) pass.setPipeline(pipeline);
      last = pipeline;
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...dispatch.launch.workgroups);
    }
  }

  /** Frees the plan's buffers, but for those of a shared arena. */
  destroy(): void {
    for (const buffer of this.#buffers.own) buffer.destroy();
    this.#buffers.arena?.destroy();
  }
}

function viewOffset(tensor: Tensor): number {
  let bytes = 0;
  for (let view = tensor.view; view; view = view.base.view) {
    bytes += view.offset * bytesPerElement(view.base.dtype);
  }
  return bytes;
}

async function compilePipelines(
  gpu: Gpu,
  { dispatches, shorter }: Tape,
  onCompile?: (ready: number, total: number) => void,
): Promise<GPUComputePipeline[]> {
  const launches = [...dispatches.map(({ launch }) => launch), ...shorter];
  const total = new Set(launches.map(({ wgsl }) => wgsl)).size;
  const seen = new Set<string>();
  let ready = 0;
  return await Promise.all(launches.map((launch) => {
    const pipeline = gpu.pipeline(launch.wgsl, `${launch.kernel} ${launch.label}`);
    if (!seen.has(launch.wgsl)) {
      seen.add(launch.wgsl);
      pipeline.then(() => onCompile?.(++ready, total), () => {});
    }
    return pipeline;
  }));
}

/** All dispatches' parameter words in one uniform buffer, written once. */
function uniformSlices(
  gpu: Gpu,
  dispatches: readonly RecordedDispatch[],
): { buffer: GPUBuffer | undefined; offsets: number[] } {
  let size = 0;
  const offsets = dispatches.map(({ launch }) => {
    const offset = size;
    if (launch.params) {
      size += Math.ceil(launch.params.byteLength / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
    }
    return offset;
  });
  if (size === 0) return { buffer: undefined, offsets };
  const words = new Uint32Array(size / 4);
  dispatches.forEach(({ launch }, i) => {
    if (launch.params) words.set(launch.params, offsets[i] / 4);
  });
  const buffer = gpu.device.createBuffer({
    label: "parameters of dispatches",
    size,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  gpu.device.queue.writeBuffer(buffer, 0, words);
  return { buffer, offsets };
}
