/**
 * A compiled forward pass, with its gradients or without, for batches of one shape.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { Arena } from "../autograd/arena.ts";
import { type ParameterMemory, Plan } from "../autograd/plan.ts";
import { ReadbackRing } from "../autograd/readback.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { writeInputs } from "./inputs.ts";
import type { BatchShape, Draw, Outputs, PreparedBatch, Recording } from "./objective.ts";
import type { RecordedPass } from "./recording.ts";

/** A pass that can be run. */
export class Pass {
  readonly #gpu: Gpu;
  readonly #stepState: Tensor;

  private constructor(
    gpu: Gpu,
    /** What it runs. */
    readonly plan: Plan,
    /** Inputs, losses and outputs. */
    readonly recording: Recording,
    /** Whether it leaves some gradients as they were, as those of heads that have no part in it. */
    readonly leavesGradients: boolean,
    stepState: Tensor,
  ) {
    this.#gpu = gpu;
    this.#stepState = stepState;
  }

  /**
   * Compiles a recorded pass.
   *
   * @param memory of all that is kept between steps.
   * @param arena for activations, where other plans share it.
   * @param onCompile called as pipelines become ready.
   * @throws {ModelError} when it does not fit the adapter.
   */
  static async compile(
    gpu: Gpu,
    { tape, recording, leavesGradients = false }: RecordedPass,
    memory: ParameterMemory,
    arena: Arena,
    onCompile?: (ready: number, total: number) => void,
  ): Promise<Pass> {
    const plan = await Plan.compile(gpu, tape, memory, onCompile, arena);
    return new Pass(gpu, plan, recording, leavesGradients, tape.stepState);
  }

  /** Queues a part of a batch for the next run; see {@link writeInputs}. */
  write(prepared: PreparedBatch, part: number, parts: number): void {
    writeInputs(this.plan, this.recording, prepared, part, parts);
  }

  /** Queues what chance goes by, where the pass does not share the state of a training. */
  writeDraw({ seed, step }: Draw): void {
    if (!this.plan.uses(this.#stepState)) return;
    this.plan.writePart(this.#stepState, 0, Uint32Array.of(seed, step, 0));
  }

  /** The outputs of the latest run. */
  async readOutputs(): Promise<Outputs> {
    const { outputs } = this.recording;
    const tensors = Object.values(outputs);
    const bytes = tensors.reduce((sum, { elements }) => sum + 4 * elements, 0);
    const ring = new ReadbackRing(this.#gpu, bytes, 1);
    try {
      const slot = ring.take();
      const encoder = this.#gpu.device.createCommandEncoder();
      slot.copy(encoder, this.plan, tensors);
      this.#gpu.device.queue.submit([encoder.finish()]);
      const numbers = await slot.read();
      return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, numbers[i]]));
    } finally {
      ring.destroy();
    }
  }
}

/** Passes by the shape of their batches, each compiled at its first use. */
export class PassesByShape {
  readonly #compile: (shape: BatchShape) => Promise<Pass>;
  readonly #passes = new Map<string, Promise<Pass>>();

  /** No passes yet; `compile` makes them. */
  constructor(compile: (shape: BatchShape) => Promise<Pass>) {
    this.#compile = compile;
  }

  /** The pass for a shape. */
  of(shape: BatchShape): Promise<Pass> {
    const key = `${shape.batch}×${shape.sequence} ${shape.task ?? ""}`;
    let pass = this.#passes.get(key);
    if (!pass) this.#passes.set(key, pass = this.#compile(shape));
    return pass;
  }

  /** Frees their device memory, also of those that are being compiled. */
  destroy(): void {
    for (const pass of this.#passes.values()) pass.then(({ plan }) => plan.destroy(), () => {});
  }
}
