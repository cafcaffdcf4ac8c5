/**
 * A trained model at work: what its discriminator and its generator make of tokens, without dropout.
 *
 * @module
 */
import type { Gpu } from "../../kernels/device.ts";
import { Arena } from "../autograd/arena.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import { vocabularyCrossEntropy } from "../ops/vocabulary_cross_entropy.ts";
import type { ParameterStore } from "../parameters/store.ts";
import { Inference } from "../training/inference.ts";
import type { BatchShape, PreparedBatch, Recording } from "../training/objective.ts";
import type { EncoderInputs } from "../transformer/encoder.ts";
import { requireIds, type TokenIds } from "./batch.ts";
import type { Electra } from "./electra.ts";

/** Sequences of one length, as flat row-major arrays of batch·sequence numbers. */
export interface TokenSequences extends BatchShape {
  /** Token ids. */
  readonly inputIds: TokenIds;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: TokenIds;
  /** Segments. */
  readonly tokenTypeIds: TokenIds;
}

type PreparedInputs = PreparedBatch["inputs"];

/** What a prediction reads back, and its inputs beside the tokens. */
interface Recorded {
  readonly output: Tensor;
  readonly inputs?: Recording["inputs"];
}

/** Both halves of an ELECTRA over its parameters; passes for each shape are compiled at their first use. */
export class Predictor {
  readonly #gpu: Gpu;
  readonly #model: Electra;
  readonly #store: ParameterStore;
  readonly #arena: Arena;
  /** By what they give, and for how many positions of a sequence. */
  readonly #inferences = new Map<string, Inference>();

  /**
   * Prepares predictions; nothing is compiled yet.
   *
   * @param store the allocated parameters of `model`; they stay the caller's.
   */
  constructor(gpu: Gpu, model: Electra, store: ParameterStore) {
    this.#gpu = gpu;
    this.#model = model;
    this.#store = store;
    this.#arena = new Arena(gpu);
  }

  /**
   * How much each token looks replaced: above 0 where more likely than not.
   *
   * @returns [batch, sequence]
   * @throws {ModelError} when the model has no discriminator, or for ids past their tables.
   */
  async discriminatorLogits(batch: TokenSequences): Promise<Float32Array> {
    return await this.#run("discriminator logits", batch, {}, (tape, inputs) => ({
      output: this.#model.discriminate(tape, inputs),
    }));
  }

  /**
   * The last layer of the encoder that fine-tuning starts from: the discriminator's, or that of a model of
   * masked-LM alone.
   *
   * @returns [batch, sequence, hidden]; of no meaning at padding.
   * @throws {ModelError} for ids past their tables.
   */
  async hiddenStates(batch: TokenSequences): Promise<Float32Array> {
    return await this.#run("hidden states", batch, {}, (tape, inputs) => ({
      output: this.#model.hiddenStates(tape, inputs),
    }));
  }

  /**
   * How well each piece of the vocabulary would fit some positions.
   *
   * @param positions u32 [batch, picks]: places within their sequence.
   * @returns [batch, picks, vocabulary]
   * @throws {ModelError} when the model has no generator, or for ids past their tables.
   */
  async generatorLogits(batch: TokenSequences, positions: Uint32Array): Promise<Float32Array> {
    const picks = picksOf(batch, positions);
    return await this.#run(`logits of ${picks}`, batch, { positions }, (tape, inputs, shape) => {
      const own = { positions: tape.input("positions", [shape.batch, picks], "u32") };
      return { output: this.#model.predictTokens(tape, inputs, own.positions), inputs: own };
    });
  }

  /**
   * How surprising some tokens are to the generator: −log p, in nats.
   *
   * @param positions u32 [batch, picks]: where they stand, usually hidden by [MASK].
   * @param tokens u32 [batch, picks]: which they are.
   * @returns [batch, picks]
   * @throws {ModelError} when the model has no generator, or for ids past their tables.
   */
  async tokenLosses(
    batch: TokenSequences,
    positions: Uint32Array,
    tokens: Uint32Array,
  ): Promise<Float32Array> {
    const picks = picksOf(batch, positions);
    const values = {
      positions,
      tokens,
      weights: new Float32Array(positions.length).fill(1),
      normalizer: Float32Array.of(1),
    };
    return await this.#run(`losses of ${picks}`, batch, values, (tape, inputs, shape) => {
      const size = [shape.batch, picks];
      const own = {
        positions: tape.input("positions", size, "u32"),
        tokens: tape.input("tokens", size, "u32"),
        weights: tape.input("weights", size, "f32"),
        normalizer: tape.input("normaliser", [1], "f32"),
      };
      const hidden = this.#model.generatorPredictions(tape, inputs, own.positions);
      const { encoder, head } = this.#model.generator!;
      const options = { sample: false, temperature: 1, disallowCorrect: false };
      const { word } = encoder.embeddings;
      const { rowLoss } = vocabularyCrossEntropy(
        tape,
        hidden,
        word,
        head.outputBias,
        own.tokens,
        own,
        options,
      );
      return { output: rowLoss, inputs: own };
    });
  }

  /** Frees the device memory of the predictions, not that of the parameters. */
  destroy(): void {
    for (const inference of this.#inferences.values()) inference.destroy();
    this.#arena.destroy();
  }

  async #run(
    what: string,
    batch: TokenSequences,
    values: PreparedInputs,
    record: (tape: Tape, inputs: EncoderInputs, shape: BatchShape) => Recorded,
  ): Promise<Float32Array> {
    const { batch: sequences, sequence, inputIds, attentionMask, tokenTypeIds } = batch;
    requireIds(batch, sequence, this.#model.discriminatorConfig);
    let inference = this.#inferences.get(what);
    if (!inference) {
      const recorder = {
        record(tape: Tape, shape: BatchShape): Recording {
          const inputs = encoderInputs(tape, shape);
          const { output, inputs: own } = record(tape, inputs, shape);
          return { inputs: { ...inputs, ...own }, losses: [], outputs: { output } };
        },
      };
      inference = new Inference(this.#gpu, recorder, this.#store, { arena: this.#arena });
      this.#inferences.set(what, inference);
    }
    const { output } = await inference.run({
      shape: { batch: sequences, sequence },
      inputs: { inputIds, attentionMask, tokenTypeIds, ...values },
    });
    return output as Float32Array;
  }
}

function encoderInputs(tape: Tape, { batch, sequence }: BatchShape): EncoderInputs & {
  readonly [name: string]: Tensor;
} {
  const tokens = [batch, sequence];
  return {
    inputIds: tape.input("input_ids", tokens, "u32"),
    attentionMask: tape.input("attention_mask", tokens, "u32"),
    tokenTypeIds: tape.input("token_type_ids", tokens, "u32"),
  };
}

function picksOf({ batch }: BatchShape, positions: Uint32Array): number {
  const picks = positions.length / batch;
  if (Number.isInteger(picks) && picks > 0) return picks;
  throw new ModelError(`${positions.length} positions do not divide among ${batch} sequences`);
}
