/**
 * The few numbers that are kept from step to step beside the parameters: what the host says of a step, the loss
 * scale, and since when that is good.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { LossScaleState } from "../../kernels/loss_scale/loss_scale.ts";
import { partSeed } from "../../kernels/random/random.ts";
import type { Location, ParameterMemory } from "../autograd/plan.ts";
import { readBuffer } from "../autograd/readback.ts";
import { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** The usual start of the loss scale where activations are f16. */
const INITIAL_LOSS_SCALE = 2 ** 16;

/** Where `StepState` of random.wgsl holds the loss scale. */
const LOSS_SCALE_OFFSET = 12;

/** One part of a step. */
export interface StepPart {
  /** Seed of the run. */
  readonly seed: number;
  /** The step, 1 for the first update. */
  readonly step: number;
  /** The part's first sequence within the whole batch. */
  readonly firstSequence: number;
}

/** State tensors that a step's plans share. */
export class StepState {
  /** `StepState` of random.wgsl. */
  readonly tensor: Tensor = new Tensor("step state", [4], "u32", "state");
  /** f32 [1]: the rate of the update. */
  readonly learningRate: Tensor = new Tensor("learning rate", [1], "f32", "state");
  /** u32 [1]: good steps since the loss scale changed. */
  readonly goodSteps: Tensor = new Tensor(
    "steps since the loss scale changed",
    [1],
    "u32",
    "state",
  );
  readonly #buffers = new Map<Tensor, GPUBuffer>();
  readonly #part = new Uint32Array(3);
  readonly #rate = new Float32Array(1);
  #gpu: Gpu | undefined;

  /** Makes device memory; the loss scale is 1, or where it is dynamic its usual start. */
  allocate(gpu: Gpu, dynamicLossScale: boolean): void {
    this.#gpu = gpu;
    for (const tensor of [this.tensor, this.learningRate, this.goodSteps]) {
      const buffer = gpu.device.createBuffer({
        label: tensor.name,
        size: 4 * tensor.elements,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      this.#buffers.set(tensor, buffer);
    }
    this.writeLossScale({ scale: dynamicLossScale ? INITIAL_LOSS_SCALE : 1, goodSteps: 0 });
  }

  /** The memory of these tensors, and of all others in `rest`. */
  before(rest: ParameterMemory): ParameterMemory {
    return {
      locate: (tensor: Tensor): Location => {
        const buffer = this.#buffers.get(tensor);
        return buffer ? { buffer, offset: 0 } : rest.locate(tensor);
      },
    };
  }

  /** Queues what the host says of the next part of a step. */
  writePart({ seed, step, firstSequence }: StepPart): void {
    this.#part.set([partSeed(seed, firstSequence), step, firstSequence]);
    this.#write(this.tensor, 0, this.#part);
  }

  /** Queues the rate of the next update. */
  writeLearningRate(rate: number): void {
    this.#rate[0] = rate;
    this.#write(this.learningRate, 0, this.#rate);
  }

  /** Queues the loss scale of the next step. */
  writeLossScale({ scale, goodSteps }: LossScaleState): void {
    this.#write(this.tensor, LOSS_SCALE_OFFSET, Float32Array.of(scale));
    this.#write(this.goodSteps, 0, Uint32Array.of(goodSteps));
  }

  /** The loss scale of the next step, once the queue is done. */
  async readLossScale(): Promise<LossScaleState> {
    const [state, goodSteps] = [this.tensor, this.goodSteps].map((tensor) =>
      readBuffer(this.#gpu!, this.#bufferOf(tensor), 0, 4 * tensor.elements)
    );
    const [scale] = new Float32Array(await state, LOSS_SCALE_OFFSET, 1);
    return { scale, goodSteps: new Uint32Array(await goodSteps)[0] };
  }

  /** Frees device memory. */
  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }

  #write(tensor: Tensor, offset: number, data: Uint32Array | Float32Array): void {
    const view = data as Uint32Array<ArrayBuffer>;
    this.#gpu!.device.queue.writeBuffer(this.#bufferOf(tensor), offset, view);
  }

  #bufferOf(tensor: Tensor): GPUBuffer {
    const buffer = this.#buffers.get(tensor);
    if (!buffer) throw new ModelError(`${tensor} has no device memory yet`);
    return buffer;
  }
}
