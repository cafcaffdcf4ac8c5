/**
 * Training of any objective: memory, plans, updates, and the numbers that come back some steps late. It prints
 * nothing and opens no file; `loop.ts` says when to log, evaluate and save.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { Arena } from "../autograd/arena.ts";
import { Plan } from "../autograd/plan.ts";
import { type HostNumbers, ReadbackRing, type ReadbackSlot } from "../autograd/readback.ts";
import { Submission } from "../autograd/submission.ts";
import type { MatmulChooser } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import { initializeParameters } from "../parameters/initialize.ts";
import { ParameterStore } from "../parameters/store.ts";
import type {
  AnyObjective,
  BatchOf,
  BatchShape,
  MetricsOf,
  Outputs,
  PreparedBatch,
  Recording,
} from "./objective.ts";
import { adamOptimizer, type Optimizer } from "./optimizer.ts";
import { type DeviceTraits, recordGradients, recordStepUpdate, traitsOf } from "./recording.ts";
import { Evaluator } from "./inference.ts";
import { Pass, PassesByShape } from "./pass.ts";
import { readTrainingState, type TrainingState, writeTrainingState } from "./state.ts";
import { StepState } from "./step_state.ts";

/** Steps that may be in flight before the host waits. */
const STEPS_IN_FLIGHT = 2;

/** Elements of the update's report. */
const REPORT_ELEMENTS = 3;

/** What one training step gives. */
export interface StepMetrics {
  /** The step, 1 for the first update. */
  readonly step: number;
  /** Learning rate of the update. */
  readonly learningRate: number;
  /** The losses by their names, each without its weight; of a share of the batch, that share's part. */
  readonly losses: Readonly<Record<string, number>>;
  /** The weighted total. */
  readonly totalLoss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /** The loss scale of the step; 1 in f32. */
  readonly lossScale: number;
  /** Whether the step changed nothing because its gradients are not finite. */
  readonly skipped: boolean;
}

/** A step that is queued. */
export interface QueuedStep {
  /** Its metrics, which come some steps late. */
  readonly metrics: Promise<StepMetrics>;
  /** What was written for its batch. */
  readonly prepared: PreparedBatch;
}

/** One of several equal runs of a batch's sequences, for training on several devices. */
export interface BatchShare {
  /** Which, from 0 on. */
  readonly index: number;
  /** How many there are. */
  readonly of: number;
}

/** How a model is trained. */
export interface TrainingOptions {
  /** Seed of initial weights, draws and dropout. */
  readonly seed: number;
  /** The rate of an update, by the number of updates before it. */
  readonly learningRate: (updates: number) => number;
  /** How parameters follow their gradients; Adam as in the original by default. */
  readonly optimizer?: Optimizer;
  /** Decay of the parameters that decay; 0 by default. */
  readonly weightDecay?: number;
  /** Storage of activations; f32 by default. Weights and moments are f32 in either. */
  readonly precision?: "f32" | "f16";
  /** Good steps until the loss scale doubles, in f16; 1000 by default. */
  readonly lossScaleGrowth?: number;
  /** Parts that each batch is computed in, one after the other, in less memory; 1 by default. */
  readonly accumulationSteps?: number;
  /** The share of each batch that this training computes; all by default. */
  readonly share?: BatchShare;
  /** Runs between the gradients of a step and its update: adds gradients up over devices. */
  readonly exchange?: (gradients: readonly GPUBuffer[]) => Promise<void>;
  /** The shape of a whole batch, where known: its plans are compiled at once. */
  readonly shape?: BatchShape;
  /** Called while pipelines compile. */
  readonly onCompile?: (ready: number, total: number) => void;
  /** Names the variants of matrix products; the launcher's choice by default. */
  readonly chooseMatmul?: MatmulChooser;
}

/** Trains the parameters of an objective. */
export class Training<O extends AnyObjective = AnyObjective> {
  /** What is trained for. */
  readonly objective: O;
  /** Parameters, gradients and moments. */
  readonly store: ParameterStore;
  /** How parameters follow their gradients. */
  readonly optimizer: Optimizer;
  /** Storage of activations. */
  readonly precision: "f32" | "f16";
  readonly #gpu: Gpu;
  /** Activations of all plans, of which one runs at a time. */
  readonly #arena: Arena;
  readonly #options: TrainingOptions;
  readonly #traits: DeviceTraits;
  readonly #state: StepState;
  readonly #parts: { readonly own: number; readonly first: number; readonly all: number };
  readonly #passes: PassesByShape;
  readonly #evaluator: Evaluator<O>;
  readonly #inFlight: Promise<unknown>[] = [];
  #latest: Pass | undefined;
  #update: Promise<{ plan: Plan; report: Tensor }> | undefined;
  #updatePlan: Plan | undefined;
  #ring: ReadbackRing | undefined;
  #step = 0;
  #seed: number;

  private constructor(gpu: Gpu, store: ParameterStore, objective: O, options: TrainingOptions) {
    const { precision = "f32", accumulationSteps = 1, share = { index: 0, of: 1 } } = options;
    this.#gpu = gpu;
    this.#arena = new Arena(gpu);
    this.#options = options;
    this.#traits = traitsOf(gpu, options.chooseMatmul);
    this.#state = new StepState();
    this.#seed = options.seed;
    this.#parts = {
      own: accumulationSteps,
      first: share.index * accumulationSteps,
      all: share.of * accumulationSteps,
    };
    this.objective = objective;
    this.store = store;
    this.optimizer = options.optimizer ?? adamOptimizer();
    this.precision = precision;
    const memory = this.#state.before(store);
    this.#passes = new PassesByShape(async (shape) => {
      const step = { storage: precision, accumulate: accumulationSteps > 1 };
      const recorded = recordGradients(objective, store, shape, this.#traits, this.#state, step);
      return await Pass.compile(gpu, recorded, memory, this.#arena, options.onCompile);
    });
    this.#evaluator = new Evaluator(gpu, objective, memory, {
      storage: precision,
      arena: this.#arena,
      traits: this.#traits,
    });
  }

  /**
   * Declares the parameters of an objective, gives them memory and initial values, and compiles a step where
   * its shape is given.
   *
   * @param declare makes the objective, which declares its parameters in the store.
   * @throws {ModelError} when the model does not fit the adapter.
   * @throws {KernelError} when the adapter lacks the storage.
   */
  static async create<O extends AnyObjective>(
    gpu: Gpu,
    declare: (store: ParameterStore) => O,
    options: TrainingOptions,
  ): Promise<Training<O>> {
    const { precision = "f32", seed, shape, weightDecay } = options;
    gpu.requireStorage(precision);
    const store = new ParameterStore();
    const training = new Training(gpu, store, declare(store), options);
    try {
      store.allocate(gpu, { moments: training.optimizer.moments, weightDecay });
      training.#state.allocate(gpu, precision === "f16");
      initializeParameters(store, seed);
      if (shape) await training.compile(shape);
    } catch (error) {
      training.destroy();
      throw error;
    }
    return training;
  }

  /** Updates done. */
  get step(): number {
    return this.#step;
  }

  /** Seed of everything random. */
  get seed(): number {
    return this.#seed;
  }

  /** Bytes of device memory for parameters, gradients and moments. */
  get storeBytes(): number {
    return this.store.bytes;
  }

  /** The plans of the latest step in the order in which they ran: each part's gradients, then the update. */
  get plans(): readonly Plan[] {
    if (!this.#latest || !this.#updatePlan) throw new ModelError("no step is compiled yet");
    return [...Array(this.#parts.own).fill(this.#latest.plan), this.#updatePlan];
  }

  /** Compiles the plans for batches of a shape, which a step would do by itself. */
  async compile(shape: BatchShape): Promise<void> {
    this.#latest = await this.#passes.of(this.#partOf(shape));
    await this.#compileUpdate();
  }

  /**
   * Queues one update. Waits only while too many steps are in flight, and for a plan of a new shape.
   *
   * @throws {ModelError} when the batch does not divide into its parts or does not fit the objective's inputs.
   */
  async train(batch: BatchOf<O>): Promise<QueuedStep> {
    while (this.#inFlight.length >= STEPS_IN_FLIGHT) await this.#inFlight.shift();
    const step = this.#step + 1;
    const learningRate = this.#options.learningRate(this.#step);
    const prepared = this.objective.prepare(batch, { seed: this.#seed, step });
    const pass = this.#latest = await this.#passes.of(this.#partOf(prepared.shape));
    const update = await this.#compileUpdate();
    const slot = this.#slotFor(pass.recording);
    try {
      await this.#run(pass, update, slot, prepared, step, learningRate);
    } catch (error) {
      slot.release();
      throw error;
    }
    this.#step = step;
    const metrics = slot.read().then((numbers) =>
      this.#metrics(pass.recording, numbers, step, learningRate)
    );
    this.#inFlight.push(metrics.catch(() => {}));
    return { metrics, prepared };
  }

  async #run(
    pass: Pass,
    update: { readonly plan: Plan; readonly report: Tensor },
    slot: ReadbackSlot,
    prepared: PreparedBatch,
    step: number,
    learningRate: number,
  ): Promise<void> {
    const { exchange } = this.#options, { own, first, all } = this.#parts;
    const losses = pass.recording.losses.map(({ loss }) => loss);
    this.#state.writeLearningRate(learningRate);
    let submission = new Submission(this.#gpu);
    if (own > 1 || pass.leavesGradients) this.#clearGradients(submission.encoder);
    for (let part = 0; part < own; part++) {
      // What is written for a part must not overtake the part before it.
      if (part > 0) submission.submit();
      const firstSequence = (first + part) * prepared.shape.batch / all;
      this.#state.writePart({ seed: this.#seed, step, firstSequence });
      pass.write(prepared, first + part, all);
      submission.add(pass.plan);
      slot.copy(submission.encoder, pass.plan, losses);
    }
    if (exchange) {
      submission.submit();
      await exchange(this.store.buffersOf("gradients"));
      submission = new Submission(this.#gpu);
    }
    submission.add(update.plan);
    slot.copy(submission.encoder, update.plan, [update.report]);
    submission.submit();
  }

  #clearGradients(encoder: GPUCommandEncoder): void {
    for (const buffer of this.store.buffersOf("gradients")) encoder.clearBuffer(buffer);
  }

  #metrics(
    { losses }: Recording,
    read: readonly HostNumbers[],
    step: number,
    learningRate: number,
  ): StepMetrics {
    const report = read[read.length - 1];
    const sums = losses.map((_, i) => {
      let sum = 0;
      for (let part = 0; part < this.#parts.own; part++) sum += read[part * losses.length + i][0];
      return sum;
    });
    return {
      step,
      learningRate,
      losses: Object.fromEntries(losses.map(({ name }, i) => [name, sums[i]])),
      totalLoss: losses.reduce((sum, { weight }, i) => sum + weight * sums[i], 0),
      gradientNorm: report[0],
      lossScale: report[1],
      skipped: report[2] !== 0,
    };
  }

  /** Waits for all queued steps. */
  async finish(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0));
  }

  /** The metrics over held-out batches, without dropout. Draws go by the batch's number alone. */
  async evaluate(
    batches: AsyncIterable<BatchOf<O>> | Iterable<BatchOf<O>>,
  ): Promise<MetricsOf<O>> {
    return await this.#evaluator.evaluate(batches);
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
    return await this.#evaluator.evaluateBatch(batch, number);
  }

  /** The outputs of the latest step; of its last part, where it had several. */
  async readOutputs(): Promise<Outputs> {
    if (!this.#latest) throw new ModelError("no step has run yet");
    return await this.#latest.readOutputs();
  }

  /** Everything that a later training needs to go on as if this one had never stopped. */
  async state(): Promise<TrainingState> {
    await this.finish();
    const lossScale = this.precision === "f16" ? await this.#state.readLossScale() : undefined;
    return await readTrainingState(this.store, this.optimizer.moments, {
      step: this.#step,
      seed: this.#seed,
      ...(lossScale ? { loss_scale: lossScale } : {}),
    });
  }

  /**
   * Goes on from a state: the next update will be the one behind it.
   *
   * @param source where it comes from, for messages.
   * @throws {ModelError} listing tensors that are missing or of another shape.
   */
  restore(state: TrainingState, source: string): void {
    writeTrainingState(this.store, this.optimizer.moments, state, source);
    this.#step = state.position.step;
    this.#seed = state.position.seed;
    const scale = state.position.loss_scale;
    if (scale && this.precision === "f16") this.#state.writeLossScale(scale);
  }

  /** Sets the loss scale of the next step; without effect in f32, whose scale is 1. */
  writeLossScale(state: { readonly scale: number; readonly goodSteps: number }): void {
    if (this.precision === "f16") this.#state.writeLossScale(state);
  }

  /** Frees all device memory. */
  destroy(): void {
    this.#ring?.destroy();
    this.#passes.destroy();
    this.#evaluator.destroy();
    this.#update?.then(({ plan }) => plan.destroy(), () => {});
    this.#arena.destroy();
    this.#state.destroy();
    this.store.destroy();
  }

  /** The shape of one part of a batch. */
  #partOf(whole: BatchShape): BatchShape {
    const { all } = this.#parts;
    if (whole.batch % all === 0) return { ...whole, batch: whole.batch / all };
    throw new ModelError(`a batch of ${whole.batch} sequences does not divide into ${all} parts`);
  }

  #compileUpdate(): Promise<{ plan: Plan; report: Tensor }> {
    return this.#update ??= (async () => {
      const { tape, report } = recordStepUpdate(this.store, this.#traits, this.#state, {
        storage: this.precision,
        growthInterval: this.#options.lossScaleGrowth,
        optimizer: this.optimizer,
      });
      const plan = await Plan.compile(this.#gpu, tape, this.#state.before(this.store));
      this.#updatePlan = plan;
      return { plan, report };
    })();
  }

  #slotFor({ losses }: Recording): ReadbackSlot {
    const bytes = 4 * (losses.length * this.#parts.own + REPORT_ELEMENTS);
    this.#ring ??= new ReadbackRing(this.#gpu, bytes, STEPS_IN_FLIGHT + 1);
    return this.#ring.take();
  }
}
