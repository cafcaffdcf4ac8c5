/**
 * ELECTRA: a generator fills in masked tokens, a discriminator tells which tokens were replaced
 * (Clark et al., "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators", ICLR
 * 2020). Here are its parameters and what each half makes of tokens; what they are trained for is in
 * `objective.ts` and `masked_lm.ts`.
 *
 * @module
 */
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import { linear } from "../ops/linear.ts";
import type { ParameterStore } from "../parameters/store.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import { encode, type EncoderInputs } from "../transformer/encoder.ts";
import { type EncoderWeights, WeightFactory } from "../transformer/weights.ts";
import {
  discriminatorConfig,
  generatorConfig,
  hasOwnGenerator,
  type PretrainingHparams,
} from "./config.ts";
import {
  declareDiscriminatorHead,
  declareGeneratorHead,
  type DiscriminatorHead,
  discriminatorLogits,
  type GeneratorHead,
  generatorPredictions,
} from "./heads.ts";

/** The generator: an encoder and its vocabulary head. */
export interface Generator {
  /** The encoder's shape. */
  readonly config: EncoderConfig;
  /** The encoder; its word table is the head's output matrix. */
  readonly encoder: EncoderWeights;
  /** The head. */
  readonly head: GeneratorHead;
}

/** The discriminator: an encoder and its real-or-replaced head. */
export interface Discriminator {
  /** The encoder's shape. */
  readonly config: EncoderConfig;
  /** The encoder. */
  readonly encoder: EncoderWeights;
  /** The head. */
  readonly head: DiscriminatorHead;
}

/** Generator and discriminator over one parameter store. */
export class Electra {
  /** Hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** The discriminator's shape. */
  readonly discriminatorConfig: EncoderConfig;
  /** The generator's shape; the discriminator's where the generator has no encoder of its own. */
  readonly generatorConfig: EncoderConfig;
  /** The discriminator, unless a masked language model is trained alone. */
  readonly discriminator: Discriminator | undefined;
  /** The generator, unless replacements are drawn uniformly. */
  readonly generator: Generator | undefined;

  /**
   * Declares all parameters in the store.
   *
   * @throws {ModelError} when the hyperparameters do not make a model.
   */
  constructor(store: ParameterStore, hparams: PretrainingHparams) {
    this.hparams = hparams;
    const config = this.discriminatorConfig = discriminatorConfig(hparams);
    this.generatorConfig = generatorConfig(hparams);
    const deviation = config.initializerRange;
    const ofDiscriminator = new WeightFactory(store, "discriminator.", deviation);
    const ofGenerator = new WeightFactory(store, "generator.", deviation);
    const encoder = ofDiscriminator.encoder(config);
    if (hparams.electra_objective) {
      this.discriminator = {
        config,
        encoder,
        head: declareDiscriminatorHead(ofDiscriminator, config),
      };
      if (hparams.uniform_generator) return;
    }
    const own = this.generatorConfig;
    const shared = hparams.untied_generator_embeddings ? undefined : encoder.embeddings;
    this.generator = {
      config: own,
      encoder: hasOwnGenerator(hparams) ? ofGenerator.encoder(own, { shared }) : encoder,
      head: declareGeneratorHead(ofGenerator, own),
    };
  }

  /**
   * The generator's view of some positions, ready for its word table.
   *
   * @param positions u32 [batch, picks]: where to predict.
   * @returns [batch·picks, embedding]
   * @throws {ModelError} when the model has no generator.
   */
  generatorPredictions(tape: Tape, inputs: EncoderInputs, positions: Tensor): Tensor {
    const generator = this.#requireGenerator(), { config, head } = generator;
    const hiddenStates = this.#encode(tape, generator, inputs);
    return generatorPredictions(tape, config, head, hiddenStates, positions);
  }

  /**
   * The generator's logits of the vocabulary, for prediction.
   *
   * @param positions u32 [batch, picks]: where to predict.
   * @returns [batch·picks, vocabulary]
   * @throws {ModelError} when the model has no generator.
   */
  predictTokens(tape: Tape, inputs: EncoderInputs, positions: Tensor): Tensor {
    const { encoder, head } = this.#requireGenerator();
    const predictions = this.generatorPredictions(tape, inputs, positions);
    return linear(tape, predictions, { weight: encoder.embeddings.word, bias: head.outputBias });
  }

  /**
   * The discriminator's logits, above 0 where a token looks replaced.
   *
   * @returns f32 [batch·sequence, 1]
   * @throws {ModelError} when the model has no discriminator.
   */
  discriminate(tape: Tape, inputs: EncoderInputs): Tensor {
    if (!this.discriminator) {
      throw new ModelError("a model of masked-LM alone has no discriminator");
    }
    const hiddenStates = this.#encode(tape, this.discriminator, inputs);
    return discriminatorLogits(tape, this.discriminator.head, hiddenStates, inputs.padding);
  }

  /**
   * The last layer of the encoder that fine-tuning starts from: the discriminator's, or that of a model of
   * masked-LM alone.
   *
   * @returns [batch·sequence, hidden]
   */
  hiddenStates(tape: Tape, inputs: EncoderInputs): Tensor {
    return this.#encode(tape, this.discriminator ?? this.#requireGenerator(), inputs);
  }

  #encode(
    tape: Tape,
    { config, encoder }: Generator | Discriminator,
    inputs: EncoderInputs,
  ): Tensor {
    const recompute = tape.training && this.hparams.recompute === "layers";
    return encode(tape, config, encoder, inputs, { recompute });
  }

  #requireGenerator(): Generator {
    if (!this.generator) throw new ModelError("a uniform generator predicts no tokens");
    return this.generator;
  }
}
