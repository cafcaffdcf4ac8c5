/**
 * Plain masked language modelling, as BERT is trained (Devlin et al., 2019): the encoder predicts the tokens
 * that are hidden from it. It trains the discriminator's encoder under the generator's head.
 *
 * @module
 */
import type { Tape } from "../autograd/tape.ts";
import type { EncoderInputs } from "../transformer/encoder.ts";
import { paddingOf } from "../ops/padding.ts";
import { vocabularyCrossEntropy, type VocabularyLoss } from "../ops/vocabulary_cross_entropy.ts";
import type { ParameterStore } from "../parameters/store.ts";
import type {
  BatchShape,
  Draw,
  Evaluation,
  Objective,
  PreparedBatch,
  Recording,
} from "../training/objective.ts";
import type { PretrainingHparams } from "./config.ts";
import { Electra } from "./electra.ts";
import { PretrainingEvaluation, type PretrainingMetrics } from "./evaluation.ts";
import { type MaskedInputs, maskedInputs, prepareMasked, requireVocabulary } from "./inputs.ts";
import type { SpecialIds, TokenBatch } from "./masking.ts";

/** The objective of masked language modelling alone. */
export class MaskedLanguageModel implements Objective<TokenBatch, PretrainingMetrics> {
  /** Hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** The model. */
  readonly model: Electra;
  readonly #special: SpecialIds;

  /**
   * Declares the parameters.
   *
   * @throws {ModelError} when the hyperparameters do not make a model, or the vocabularies differ.
   */
  constructor(store: ParameterStore, hparams: PretrainingHparams, special: SpecialIds) {
    requireVocabulary(hparams, special);
    this.hparams = hparams;
    this.model = new Electra(store, { ...hparams, electra_objective: false });
    this.#special = special;
  }

  /** Records the loss of the masked tokens. */
  record(tape: Tape, shape: BatchShape): Recording {
    const inputs = maskedInputs(tape, shape, this.hparams.max_predictions_per_seq);
    const padding = paddingOf(tape, inputs.attentionMask);
    const { loss, rowLoss, predictedIds } = maskedLoss(tape, this.model, { ...inputs, padding });
    return {
      inputs: { ...inputs },
      losses: [{ name: "masked_lm", loss, weight: this.hparams.gen_weight }],
      outputs: tape.training ? {} : { rowLoss, predictedIds },
    };
  }

  /** Masks a batch. */
  prepare(batch: TokenBatch, draw: Draw): PreparedBatch {
    return prepareMasked(batch, this.hparams, this.#special, draw);
  }

  /** Begins an evaluation; what only a discriminator has is null in its metrics. */
  evaluation(): Evaluation<TokenBatch, PretrainingMetrics> {
    return new PretrainingEvaluation();
  }
}

/** The loss of the generator's predictions at masked positions, with draws where they replace tokens. */
export function maskedLoss(
  tape: Tape,
  model: Electra,
  inputs: MaskedInputs & Pick<EncoderInputs, "padding">,
): VocabularyLoss {
  const { temperature, disallow_correct, electra_objective } = model.hparams;
  const seen = { ...inputs, inputIds: inputs.maskedInputIds };
  const { encoder, head } = model.generator!;
  return vocabularyCrossEntropy(
    tape,
    model.generatorPredictions(tape, seen, inputs.maskedPositions),
    encoder.embeddings.word,
    head.outputBias,
    inputs.maskedIds,
    { weights: inputs.maskedWeights, normalizer: inputs.maskedNormalizer },
    { sample: electra_objective, temperature, disallowCorrect: disallow_correct },
  );
}
