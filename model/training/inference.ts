/**
 * A model at work: forward passes without dropout, gradients or moments, for batches of any shape.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { Arena } from "../autograd/arena.ts";
import type { ParameterMemory } from "../autograd/plan.ts";
import type { Tape } from "../autograd/tape.ts";
import type {
  AnyObjective,
  BatchOf,
  BatchShape,
  Draw,
  MetricsOf,
  Outputs,
  PreparedBatch,
  Recording,
} from "./objective.ts";
import { Pass, PassesByShape } from "./pass.ts";
import { type DeviceTraits, recordEvaluation, traitsOf } from "./recording.ts";

/** Evaluations draw with this seed, so that every one sees the same task. */
const EVALUATION_SEED = 0x5eed;

/** Records a forward pass over batches of a shape. */
export interface Recorder {
  /** Records inputs and outputs; losses where there are some. */
  record(tape: Tape, shape: BatchShape): Recording;
}

/** What inference may share with others. */
export interface InferenceOptions {
  /** Storage of activations; f32 by default. */
  readonly storage?: "f32" | "f16";
  /** Lends memory for activations to passes that do not run at once; its own by default. */
  readonly arena?: Arena;
  /** What recordings must know of the device; its own traits by default. */
  readonly traits?: DeviceTraits;
}

/** Forward passes over parameters that stay the caller's, one for each shape, compiled at its first use. */
export class Inference {
  readonly #passes: PassesByShape;
  readonly #ownArena: Arena | undefined;

  /**
   * Prepares passes; nothing is compiled yet.
   *
   * @param memory of the parameters, such as an allocated store.
   */
  constructor(
    gpu: Gpu,
    recorder: Recorder,
    memory: ParameterMemory,
    { storage, arena, traits = traitsOf(gpu) }: InferenceOptions = {},
  ) {
    this.#ownArena = arena ? undefined : new Arena(gpu);
    const lender = arena ?? this.#ownArena!;
    this.#passes = new PassesByShape(async (shape) => {
      const recorded = recordEvaluation(recorder, shape, traits, storage);
      return await Pass.compile(gpu, recorded, memory, lender);
    });
  }

  /**
   * Runs one batch. Several calls may be under way: each is queued whole.
   *
   * @param draw what chance goes by, where the recording draws.
   * @returns all outputs.
   * @throws {ModelError} when the batch does not fit the recording's inputs or the adapter.
   */
  async run(prepared: PreparedBatch, draw: Draw = { seed: 0, step: 0 }): Promise<Outputs> {
    const pass = await this.#passes.of(prepared.shape);
    pass.writeDraw(draw);
    pass.write(prepared, 0, 1);
    pass.plan.run();
    return await pass.readOutputs();
  }

  /** Frees the device memory of the passes, not that of the parameters. */
  destroy(): void {
    this.#passes.destroy();
    this.#ownArena?.destroy();
  }
}

/** What an objective makes of held-out batches. */
export class Evaluator<O extends AnyObjective> {
  /** What is measured. */
  readonly objective: O;
  readonly #inference: Inference;

  /** Prepares evaluations; see {@link Inference}. */
  constructor(gpu: Gpu, objective: O, memory: ParameterMemory, options?: InferenceOptions) {
    this.objective = objective;
    this.#inference = new Inference(gpu, objective, memory, options);
  }

  /** The metrics over held-out batches, without dropout. Draws go by the batch's number alone. */
  async evaluate(
    batches: AsyncIterable<BatchOf<O>> | Iterable<BatchOf<O>>,
  ): Promise<MetricsOf<O>> {
    const evaluation = this.objective.evaluation();
    let number = 0;
    for await (const batch of batches) {
      const { prepared, outputs } = await this.evaluateBatch(batch, ++number);
      evaluation.add(batch, prepared, outputs);
    }
    return evaluation.result();
  }

  /**
   * Runs one held-out batch without dropout.
   *
   * @param number the batch's place in the evaluation, from 1 on.
   * @returns what was written for it, and all outputs.
   */
  async evaluateBatch(
    batch: BatchOf<O>,
    number: number,
  ): Promise<{ prepared: PreparedBatch; outputs: Outputs }> {
    const draw = { seed: EVALUATION_SEED, step: number };
    const prepared = this.objective.prepare(batch, draw);
    return { prepared, outputs: await this.#inference.run(prepared, draw) };
  }

  /** Frees the device memory of the passes. */
  destroy(): void {
    this.#inference.destroy();
  }
}
