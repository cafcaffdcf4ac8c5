/**
 * The training loop's core: a compiled step, its inputs, and the numbers that come back some steps late.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import type { LossScaleState } from "../../kernels/loss_scale/loss_scale.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import { Plan, type PlanStatistics } from "../autograd/plan.ts";
import { ReadbackRing, readBuffer } from "../autograd/readback.ts";
import type { MatmulChooser } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { PretrainingHparams } from "../electra/config.ts";
import { Electra, type PretrainingInputs, type PretrainingOutputs } from "../electra/electra.ts";
import { ModelError } from "../errors.ts";
import { MetricsSum, type PretrainingMetrics } from "../electra/evaluation.ts";
import { initialValue } from "../parameters/initialize.ts";
import {
  maskBatch,
  type MaskedBatch,
  type SpecialIds,
  type TokenBatch,
} from "../electra/masking.ts";
import type { Update } from "./optimizer.ts";
import { ParameterStore } from "../parameters/store.ts";
import { recordEvaluation, recordTraining, traitsOf } from "./recording.ts";
import { learningRate } from "./schedule.ts";

/** Steps that may be in flight before the host waits. */
const STEPS_IN_FLIGHT = 2;

/** The usual start of the loss scale where activations are f16. */
const INITIAL_LOSS_SCALE = 2 ** 16;

/** Where `StepState` holds the loss scale, behind what the host writes before each step. */
const LOSS_SCALE_ELEMENT = 3;

/** Evaluation masks with this seed, so that every evaluation sees the same task. */
const EVALUATION_SEED = 0x5eed;

/** What one training step gives. */
export interface StepMetrics {
  /** The step, 1 for the first update. */
  readonly step: number;
  /** Learning rate of the update. */
  readonly learningRate: number;
  /** Masked-LM loss in nats; NaN without a generator. */
  readonly mlmLoss: number;
  /** Discriminator loss; NaN without a discriminator. */
  readonly discLoss: number;
  /** The weighted total. */
  readonly totalLoss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /** The loss scale of the step; 1 in f32. */
  readonly lossScale: number;
  /** Whether the step changed nothing because its gradients are not finite. */
  readonly skipped: boolean;
}

/** One compiled kind of step. */
export interface CompiledStep {
  /** Its plan. */
  readonly plan: Plan;
  /** Its inputs. */
  readonly inputs: PretrainingInputs;
  /** What it makes. */
  readonly outputs: PretrainingOutputs;
  /** The tape's step state. */
  readonly stepState: Tensor;
}

/** What a trainer is made from. */
export interface PretrainingOptions {
  /** Complete hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Ids of the special pieces. */
  readonly special: SpecialIds;
  /** Seed of initial weights, masking, dropout and sampling. */
  readonly seed: number;
  /** Storage of activations; f32 by default. Weights and moments are f32 in either. */
  readonly precision?: "f32" | "f16";
  /** Good steps until the loss scale doubles, in f16; 1000 by default. */
  readonly lossScaleGrowth?: number;
  /** Called while pipelines compile. */
  readonly onCompile?: (ready: number, total: number) => void;
  /** Names the variants of matrix products; the launcher's choice by default. */
  readonly chooseMatmul?: MatmulChooser;
}

/** Pre-trains one ELECTRA. */
export class PretrainingTrainer {
  /** Parameters and moments. */
  readonly store: ParameterStore;
  /** The model. */
  readonly model: Electra;
  /** Hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** The seed of everything random. */
  readonly seed: number;
  /** Storage of activations. */
  readonly precision: "f32" | "f16";
  readonly #gpu: Gpu;
  readonly #chooseMatmul: MatmulChooser | undefined;
  readonly #special: SpecialIds;
  readonly #training: CompiledStep;
  readonly #update: Update;
  readonly #ring: ReadbackRing;
  readonly #inFlight: Promise<unknown>[] = [];
  #evaluation: CompiledStep | undefined;
  #step = 0;

  private constructor(
    gpu: Gpu,
    options: PretrainingOptions,
    store: ParameterStore,
    model: Electra,
    training: CompiledStep,
    update: Update,
  ) {
    this.#gpu = gpu;
    this.#chooseMatmul = options.chooseMatmul;
    this.#special = options.special;
    this.hparams = options.hparams;
    this.seed = options.seed;
    this.precision = options.precision ?? "f32";
    this.store = store;
    this.model = model;
    this.#training = training;
    this.#update = update;
    this.#writeLossScale({
      scale: this.precision === "f16" ? INITIAL_LOSS_SCALE : 1,
      goodSteps: 0,
    });
    const { mlmLoss, discLoss } = training.outputs;
    const read = [update.report, ...(mlmLoss ? [mlmLoss] : []), ...(discLoss ? [discLoss] : [])];
    this.#ring = new ReadbackRing(gpu, read, STEPS_IN_FLIGHT + 1);
  }

  /**
   * Declares the model, gives it initial weights and compiles its training step.
   *
   * @throws {ModelError} when the model does not fit the hyperparameters or the adapter.
   */
  static async create(gpu: Gpu, options: PretrainingOptions): Promise<PretrainingTrainer> {
    const { hparams, special, precision: storage = "f32" } = options;
    gpu.requireStorage(storage);
    requireVocabulary(hparams, special);
    const store = new ParameterStore();
    const model = new Electra(store, hparams);
    store.allocate(gpu, { training: true, weightDecay: hparams.weight_decay_rate });
    store.parameters.forEach((parameter, index) =>
      store.write(parameter, "parameters", initialValue(parameter, index, options.seed))
    );
    const traits = traitsOf(gpu, options.chooseMatmul);
    const { tape, inputs, outputs, update } = recordTraining(model, store, traits, {
      storage,
      growthInterval: options.lossScaleGrowth,
    });
    const plan = await Plan.compile(gpu, tape, store, options.onCompile);
    const training = { plan, inputs, outputs, stepState: tape.stepState };
    return new PretrainingTrainer(gpu, options, store, model, training, update);
  }

  /** Updates done. */
  get step(): number {
    return this.#step;
  }

  /** Continues from a checkpoint: the next update will be `step` + 1. */
  set step(step: number) {
    this.#step = step;
  }

  /** The loss scale of the next step, once the queue is done; undefined in f32, whose scale is 1. */
  async readLossScale(): Promise<LossScaleState | undefined> {
    const { goodSteps } = this.#update;
    if (!goodSteps) return undefined;
    const state = new Float32Array(await this.read(this.#training, this.#training.stepState));
    const [steps] = new Uint32Array(await this.read(this.#training, goodSteps));
    return { scale: state[LOSS_SCALE_ELEMENT], goodSteps: steps };
  }

  /** Sets the loss scale of the next step; without effect in f32. */
  writeLossScale(state: LossScaleState): void {
    if (this.#update.goodSteps) this.#writeLossScale(state);
  }

  #writeLossScale({ scale, goodSteps }: LossScaleState): void {
    const { plan, stepState } = this.#training;
    plan.writePart(stepState, LOSS_SCALE_ELEMENT, Float32Array.of(scale));
    if (this.#update.goodSteps) plan.write(this.#update.goodSteps, Uint32Array.of(goodSteps));
  }

  /** The compiled training step. */
  get training(): CompiledStep {
    return this.#training;
  }

  /** What the training plan holds and costs. */
  get statistics(): PlanStatistics {
    return this.#training.plan.statistics;
  }

  /**
   * Queues one update. Waits only while too many steps are in flight.
   *
   * @returns once the step is queued, a promise of its metrics (they come some steps late).
   */
  async train(batch: TokenBatch): Promise<{ metrics: Promise<StepMetrics>; masked: MaskedBatch }> {
    while (this.#inFlight.length >= STEPS_IN_FLIGHT) await this.#inFlight.shift();
    const rate = learningRate(this.hparams, this.#step);
    const step = ++this.#step;
    const masked = this.#write(this.#training, batch, this.seed, step, rate);
    const read = this.#ring.run(this.#training.plan);
    const metrics = read.then(([report, ...losses]) => {
      const { mlmLoss, discLoss } = this.#training.outputs;
      const mlm = mlmLoss ? losses[0][0] : NaN;
      const disc = discLoss ? losses[losses.length - 1][0] : NaN;
      const { gen_weight, disc_weight } = this.hparams;
      return {
        step,
        learningRate: rate,
        mlmLoss: mlm,
        discLoss: disc,
        totalLoss: (mlmLoss ? gen_weight * mlm : 0) + (discLoss ? disc_weight * disc : 0),
        gradientNorm: report[0],
        lossScale: report[1],
        skipped: report[2] !== 0,
      };
    });
    this.#inFlight.push(metrics.catch(() => {}));
    return { metrics, masked };
  }

  /** Waits for all queued steps. */
  async finish(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0));
  }

  /**
   * The original's metrics over held-out batches of `eval_batch_size`, without dropout. The masks depend
   * on the batch's number alone, so that evaluations compare.
   */
  async evaluate(batches: AsyncIterable<TokenBatch> | Iterable<TokenBatch>): Promise<
    PretrainingMetrics
  > {
    const step = this.#evaluation ??= await this.#compileEvaluation();
    const { plan, outputs } = step;
    const sum = new MetricsSum();
    let number = 0;
    for await (const batch of batches) {
      const masked = this.#write(step, batch, EVALUATION_SEED, ++number, 0);
      plan.run();
      sum.add({
        ...masked,
        attentionMask: batch.attentionMask,
        rowLoss: await this.#readFloats(step, outputs.rowLoss),
        predictedIds: await this.#readIds(step, outputs.predictedIds),
        sampledIds: await this.#readIds(step, outputs.sampledIds),
        logits: await this.#readFloats(step, outputs.logits),
        labels: await this.#readFloats(step, outputs.labels),
      });
    }
    return sum.result();
  }

  /** Corrupts one evaluation batch with the generator and lets the discriminator judge it. */
  async inspect(batch: TokenBatch, number: number): Promise<{
    corruptedInputIds: Uint32Array;
    labels: Float32Array;
    logits: Float32Array;
  }> {
    const step = this.#evaluation ??= await this.#compileEvaluation();
    this.#write(step, batch, EVALUATION_SEED, number, 0);
    step.plan.run();
    const { corruptedInputIds, labels, logits } = step.outputs;
    return {
      corruptedInputIds: (await this.#readIds(step, corruptedInputIds))!,
      labels: (await this.#readFloats(step, labels))!,
      logits: (await this.#readFloats(step, logits))!,
    };
  }

  /** Reads what a step made, once the queue has done it. */
  async read(step: CompiledStep, tensor: Tensor): Promise<ArrayBuffer> {
    const { buffer, offset } = step.plan.location(tensor);
    return await readBuffer(this.#gpu, buffer, offset, tensor.elements * 4);
  }

  /** Frees all device memory. */
  destroy(): void {
    this.#ring.destroy();
    this.#training.plan.destroy();
    this.#evaluation?.plan.destroy();
    this.store.destroy();
  }

  async #readFloats(step: CompiledStep, tensor?: Tensor): Promise<Float32Array | undefined> {
    return tensor && new Float32Array(await this.read(step, tensor));
  }

  async #readIds(step: CompiledStep, tensor?: Tensor): Promise<Uint32Array | undefined> {
    return tensor && new Uint32Array(await this.read(step, tensor));
  }

  async #compileEvaluation(): Promise<CompiledStep> {
    const { tape, inputs, outputs } = recordEvaluation(
      this.model,
      traitsOf(this.#gpu, this.#chooseMatmul),
      this.precision,
    );
    const plan = await Plan.compile(this.#gpu, tape, this.store);
    return { plan, inputs, outputs, stepState: tape.stepState };
  }

  #write(
    { plan, inputs, stepState }: CompiledStep,
    batch: TokenBatch,
    seed: number,
    step: number,
    rate: number,
  ): MaskedBatch {
    const { mask_prob, max_predictions_per_seq, max_seq_length } = this.hparams;
    const masked = maskBatch(
      batch,
      max_seq_length,
      this.#special,
      { maskProb: mask_prob, maxPredictions: max_predictions_per_seq },
      seed,
      step,
    );
    const state = new Uint32Array(3);
    state[0] = seed;
    state[1] = step;
    new Float32Array(state.buffer)[2] = rate;
    const data: [Tensor, Float32Array | Uint32Array | Int32Array][] = [
      [inputs.inputIds, batch.inputIds],
      [inputs.attentionMask, batch.attentionMask],
      [inputs.tokenWeights, Float32Array.from(batch.attentionMask)],
      [inputs.tokenTypeIds, batch.tokenTypeIds],
      [inputs.maskedInputIds, masked.maskedInputIds],
      [inputs.maskedPositions, masked.maskedPositions],
      [inputs.maskedIds, masked.maskedIds],
      [inputs.maskedWeights, masked.maskedWeights],
      [inputs.uniformIds, masked.uniformIds],
    ];
    if (plan.uses(stepState)) plan.writePart(stepState, 0, state);
    for (const [input, values] of data) if (plan.uses(input)) plan.write(input, values);
    return masked;
  }
}

/**
 * The matrix products of a training step, forward and backward, so that they can be tuned before it is
 * compiled.
 */
export function matmulsOfStep(
  gpu: Gpu,
  hparams: PretrainingHparams,
  storage: "f32" | "f16",
): MatmulSpec[] {
  const specs: MatmulSpec[] = [];
  const store = new ParameterStore();
  const model = new Electra(store, hparams);
  const listen = (spec: MatmulSpec): undefined => {
    specs.push(spec);
  };
  recordTraining(model, store, traitsOf(gpu, listen), { storage });
  return specs;
}

/**
 * Refuses a tokenizer of another vocabulary than the model's.
 *
 * @throws {ModelError} naming both sizes.
 */
export function requireVocabulary(
  { vocab_size }: PretrainingHparams,
  { vocabSize }: SpecialIds,
): void {
  if (vocabSize === vocab_size) return;
  throw new ModelError(
    `the tokenizer has ${vocabSize} pieces, but the model vocab_size = ${vocab_size}: give ` +
      `"vocab_size": ${vocabSize} in --hparams, or the tokenizer that the model was made for`,
  );
}
