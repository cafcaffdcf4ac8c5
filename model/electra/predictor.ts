/**
 * A trained model at work: logits of the discriminator and of the generator, without dropout.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { Plan } from "../autograd/plan.ts";
import { readBuffer } from "../autograd/readback.ts";
import { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { Electra } from "./electra.ts";
import type { EncoderInputs } from "../transformer/encoder.ts";
import { requireIds } from "./batch.ts";
import type { TokenBatch } from "./masking.ts";
import type { ParameterStore } from "../parameters/store.ts";

/** The fixed shape of what a predictor is given. */
export interface PredictorShape {
  /** Sequences at a time. */
  readonly batch: number;
  /** Tokens of each. */
  readonly sequence: number;
  /** Positions of each for which the generator is asked; 1 by default. */
  readonly picks?: number;
}

interface CompiledPrediction {
  readonly plan: Plan;
  readonly inputs: EncoderInputs;
  readonly positions: Tensor;
  readonly logits: Tensor;
}

/** Both halves of an ELECTRA over its parameters, compiled at their first use. */
export class Predictor {
  readonly #gpu: Gpu;
  readonly #model: Electra;
  readonly #store: ParameterStore;
  readonly #shape: Required<PredictorShape>;
  #discriminator: Promise<CompiledPrediction> | undefined;
  #generator: Promise<CompiledPrediction> | undefined;

  /**
   * Prepares predictions; nothing is compiled yet.
   *
   * @param store the allocated parameters of `model`; they stay the caller's.
   */
  constructor(gpu: Gpu, model: Electra, store: ParameterStore, shape: PredictorShape) {
    this.#gpu = gpu;
    this.#model = model;
    this.#store = store;
    this.#shape = { picks: 1, ...shape };
  }

  /**
   * How much each token looks replaced: above 0 where more likely than not.
   *
   * @returns [batch, sequence]
   * @throws {ModelError} when the model has no discriminator.
   */
  async discriminatorLogits(batch: TokenBatch): Promise<Float32Array> {
    this.#discriminator ??= this.#compile((tape, inputs) => this.#model.discriminate(tape, inputs));
    return await this.#run(await this.#discriminator, batch);
  }

  /**
   * How well each piece of the vocabulary would fit some positions.
   *
   * @param positions [batch, picks]: places within their sequence.
   * @returns [batch, picks, vocabulary]
   * @throws {ModelError} when the model has no generator.
   */
  async generatorLogits(batch: TokenBatch, positions: Uint32Array): Promise<Float32Array> {
    this.#generator ??= this.#compile((tape, inputs, positions) =>
      this.#model.predictTokens(tape, inputs, positions)
    );
    return await this.#run(await this.#generator, batch, positions);
  }

  /** Frees the device memory of the predictions, not that of the parameters. */
  async destroy(): Promise<void> {
    for (const compiled of await Promise.allSettled([this.#discriminator, this.#generator])) {
      if (compiled.status === "fulfilled") compiled.value?.plan.destroy();
    }
  }

  async #compile(
    record: (tape: Tape, inputs: EncoderInputs, positions: Tensor) => Tensor,
  ): Promise<CompiledPrediction> {
    const { batch, sequence, picks } = this.#shape;
    const { subgroupSize, subgroupMatrices } = this.#gpu.features;
    const tape = new Tape({ training: false, subgroupSize, subgroupMatrices });
    const tokens = [batch, sequence];
    const inputs = {
      inputIds: tape.input("input_ids", tokens, "u32"),
      attentionMask: tape.input("attention_mask", tokens, "u32"),
      tokenTypeIds: tape.input("token_type_ids", tokens, "u32"),
    };
    const positions = tape.input("positions", [batch, picks], "u32");
    const logits = tape.keep(record(tape, inputs, positions));
    const plan = await Plan.compile(this.#gpu, tape, this.#store);
    return { plan, inputs, positions, logits };
  }

  async #run(
    { plan, inputs, positions, logits }: CompiledPrediction,
    batch: TokenBatch,
    wanted?: Uint32Array,
  ): Promise<Float32Array> {
    const { inputIds, attentionMask, tokenTypeIds } = batch;
    requireIds(batch, this.#shape.sequence, this.#model.discriminatorConfig);
    plan.write(inputs.inputIds, inputIds);
    plan.write(inputs.attentionMask, attentionMask);
    plan.write(inputs.tokenTypeIds, tokenTypeIds);
    if (wanted) plan.write(positions, wanted);
    plan.run();
    const { buffer, offset } = plan.location(logits);
    return new Float32Array(await readBuffer(this.#gpu, buffer, offset, logits.elements * 4));
  }
}
