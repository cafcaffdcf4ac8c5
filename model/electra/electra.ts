/**
 * ELECTRA: a generator fills in masked tokens, a discriminator tells which tokens were replaced
 * (Clark et al., "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators", ICLR
 * 2020).
 *
 * @module
 */
import type { Tape, WeightedLoss } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { replaceTokens } from "../../kernels/replace_tokens/replace_tokens.ts";
import { ModelError } from "../errors.ts";
import { linear } from "../ops/linear.ts";
import { sigmoidCrossEntropy, vocabularyCrossEntropy } from "../ops/losses.ts";
import { paddingOf } from "../ops/padding.ts";
import type { ParameterStore } from "../parameters/store.ts";
import { discriminatorConfig, generatorConfig, type PretrainingHparams } from "./config.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import { encode, type EncoderInputs } from "../transformer/encoder.ts";
import {
  declareDiscriminatorHead,
  declareGeneratorHead,
  type DiscriminatorHead,
  discriminatorLogits,
  type GeneratorHead,
  generatorPredictions,
} from "./heads.ts";
import { type EncoderWeights, WeightFactory } from "../transformer/weights.ts";

/** One masked batch on the device. */
export interface PretrainingInputs {
  /** u32 [batch, sequence]: the original tokens. */
  readonly inputIds: Tensor;
  /** u32 [batch, sequence]: 1 for a real token. */
  readonly attentionMask: Tensor;
  /** f32 [batch, sequence]: the same, as weights of the discriminator's loss. */
  readonly tokenWeights: Tensor;
  /** u32 [batch, sequence]: segments. */
  readonly tokenTypeIds: Tensor;
  /** u32 [batch, sequence]: what the generator sees. */
  readonly maskedInputIds: Tensor;
  /** u32 [batch, picks]: where it must predict. */
  readonly maskedPositions: Tensor;
  /** u32 [batch, picks]: the original tokens there. */
  readonly maskedIds: Tensor;
  /** f32 [batch, picks]: 1 for a prediction, 0 for padding. */
  readonly maskedWeights: Tensor;
  /** u32 [batch, picks]: uniform replacements, for `uniform_generator` alone. */
  readonly uniformIds: Tensor;
}

/** What a step makes. */
export interface PretrainingOutputs {
  /** f32 [2], first the masked-LM loss. */
  readonly mlmLoss: Tensor | undefined;
  /** f32 [2], first the discriminator's loss. */
  readonly discLoss: Tensor | undefined;
  /** f32 [batch·picks] */
  readonly rowLoss: Tensor | undefined;
  /** u32 [batch·picks]: the generator's best guesses. */
  readonly predictedIds: Tensor | undefined;
  /** u32 [batch·picks]: the replacements. */
  readonly sampledIds: Tensor | undefined;
  /** u32 [batch, sequence]: what the discriminator sees. */
  readonly corruptedInputIds: Tensor | undefined;
  /** f32 [batch, sequence]: 1 where a token was replaced. */
  readonly labels: Tensor | undefined;
  /** f32 [batch·sequence, 1]: the discriminator's logits. */
  readonly logits: Tensor | undefined;
  /** Losses with their weights in the total. */
  readonly losses: readonly WeightedLoss[];
}

/** Generator and discriminator over one parameter store. */
export class Electra {
  /** Hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** The discriminator's shape. */
  readonly discriminatorConfig: EncoderConfig;
  /** The generator's shape. */
  readonly generatorConfig: EncoderConfig;
  readonly #discriminator: EncoderWeights;
  readonly #discriminatorHead: DiscriminatorHead | undefined;
  readonly #generator: EncoderWeights | undefined;
  readonly #generatorHead: GeneratorHead | undefined;

  /**
   * Declares all parameters in the store.
   *
   * @throws {ModelError} when the hyperparameters do not make a model.
   */
  constructor(store: ParameterStore, hparams: PretrainingHparams) {
    this.hparams = hparams;
    this.discriminatorConfig = discriminatorConfig(hparams);
    this.generatorConfig = generatorConfig(hparams);
    const deviation = this.discriminatorConfig.initializerRange;
    const discriminator = new WeightFactory(store, "discriminator.", deviation);
    const generator = new WeightFactory(store, "generator.", deviation);
    this.#discriminator = discriminator.encoder(this.discriminatorConfig);
    if (hparams.electra_objective) {
      this.#discriminatorHead = declareDiscriminatorHead(discriminator, this.discriminatorConfig);
    }
    if (!hparams.electra_objective || !hparams.uniform_generator) {
      const own = hparams.electra_objective && hparams.untied_generator;
      this.#generator = own
        ? generator.encoder(
          this.generatorConfig,
          hparams.untied_generator_embeddings ? undefined : this.#discriminator.embeddings,
        )
        : this.#discriminator;
      this.#generatorHead = declareGeneratorHead(
        generator,
        own ? this.generatorConfig : this.discriminatorConfig,
      );
    }
  }

  /** Declares the inputs of a step on a tape. */
  static inputs(tape: Tape, batch: number, sequence: number, picks: number): PretrainingInputs {
    const tokens = [batch, sequence], masked = [batch, picks];
    return {
      inputIds: tape.input("input_ids", tokens, "u32"),
      attentionMask: tape.input("attention_mask", tokens, "u32"),
      tokenWeights: tape.input("token weights", tokens, "f32"),
      tokenTypeIds: tape.input("token_type_ids", tokens, "u32"),
      maskedInputIds: tape.input("masked_input_ids", tokens, "u32"),
      maskedPositions: tape.input("masked_positions", masked, "u32"),
      maskedIds: tape.input("masked_ids", masked, "u32"),
      maskedWeights: tape.input("masked_weights", masked, "f32"),
      uniformIds: tape.input("uniform ids", masked, "u32"),
    };
  }

  /**
   * Records the forward pass of pre-training.
   *
   * @param chunkBytes bytes that one chunk of vocabulary logits may take.
   */
  pretrain(tape: Tape, inputs: PretrainingInputs, chunkBytes: number): PretrainingOutputs {
    const { hparams } = this;
    const { attentionMask, tokenTypeIds } = inputs;
    const padding = paddingOf(tape, attentionMask);
    const masked = this.#generatorHead && this.#masked(tape, { ...inputs, padding }, chunkBytes);
    const losses: WeightedLoss[] = [];
    if (masked) losses.push({ loss: masked.loss, weight: hparams.gen_weight });
    const outputs = {
      mlmLoss: masked?.loss,
      rowLoss: masked?.rowLoss,
      predictedIds: masked?.predictedIds,
    };
    if (!this.#discriminatorHead) {
      return {
        ...outputs,
        sampledIds: masked?.sampledIds,
        discLoss: undefined,
        corruptedInputIds: undefined,
        labels: undefined,
        logits: undefined,
        losses,
      };
    }
    const sampledIds = masked?.sampledIds ?? inputs.uniformIds;
    const [batch, sequence] = inputs.inputIds.shape;
    const picks = inputs.maskedPositions.shape[1];
    const corruptedInputIds = tape.activation("corrupted_input_ids", [batch, sequence], "u32");
    const labels = tape.activation("replaced labels", [batch, sequence]);
    tape.run("replace tokens", replaceTokens({ batch, sequence, picks }), {
      inputIds: inputs.inputIds,
      positions: inputs.maskedPositions,
      weights: inputs.maskedWeights,
      replacements: sampledIds,
      outputIds: corruptedInputIds,
      labels,
    });
    tape.differentiate("replace tokens", [], [corruptedInputIds, labels]);
    const hiddenStates = encode(tape, this.discriminatorConfig, this.#discriminator, {
      inputIds: corruptedInputIds,
      attentionMask,
      tokenTypeIds,
      padding,
    });
    const logits = discriminatorLogits(tape, this.#discriminatorHead, hiddenStates, padding);
    const discLoss = sigmoidCrossEntropy(tape, logits, labels, inputs.tokenWeights);
    losses.push({ loss: discLoss, weight: hparams.disc_weight });
    return { ...outputs, sampledIds, discLoss, corruptedInputIds, labels, logits, losses };
  }

  #masked(
    tape: Tape,
    inputs: PretrainingInputs & EncoderInputs,
    chunkBytes: number,
  ): ReturnType<typeof vocabularyCrossEntropy> {
    const { hparams } = this;
    const seen = { ...inputs, inputIds: inputs.maskedInputIds };
    const predictions = this.#predictions(tape, seen, inputs.maskedPositions);
    return vocabularyCrossEntropy(
      tape,
      predictions,
      this.#generator!.embeddings.word,
      this.#generatorHead!.outputBias,
      inputs.maskedIds,
      inputs.maskedWeights,
      {
        chunkBytes,
        sample: hparams.electra_objective,
        temperature: hparams.temperature,
        disallowCorrect: hparams.disallow_correct,
      },
    );
  }

  /** The generator's view of some positions, ready for the word table: [batch·picks, embedding]. */
  #predictions(tape: Tape, inputs: EncoderInputs, positions: Tensor): Tensor {
    const encoder = this.#generator!;
    const config = encoder === this.#discriminator
      ? this.discriminatorConfig
      : this.generatorConfig;
    const hiddenStates = encode(tape, config, encoder, inputs);
    return generatorPredictions(tape, config, this.#generatorHead!, hiddenStates, positions);
  }

  /**
   * Records the generator alone, for prediction.
   *
   * @param positions u32 [batch, picks]: where to predict.
   * @returns logits of the vocabulary [batch·picks, vocabulary].
   * @throws {ModelError} when the model has no generator.
   */
  predictTokens(tape: Tape, inputs: EncoderInputs, positions: Tensor): Tensor {
    if (!this.#generatorHead) throw new ModelError("a uniform generator predicts no tokens");
    const predictions = this.#predictions(tape, inputs, positions);
    const { embeddings } = this.#generator!;
    return linear(tape, predictions, {
      weight: embeddings.word,
      bias: this.#generatorHead.outputBias,
    });
  }

  /**
   * Records the discriminator alone, for prediction.
   *
   * @returns its logits [batch·sequence, 1].
   * @throws {ModelError} when the model has no discriminator.
   */
  discriminate(tape: Tape, inputs: EncoderInputs): Tensor {
    if (!this.#discriminatorHead) {
      throw new ModelError("a model of masked-LM alone has no discriminator");
    }
    const hiddenStates = encode(tape, this.discriminatorConfig, this.#discriminator, inputs);
    return discriminatorLogits(tape, this.#discriminatorHead, hiddenStates);
  }
}
