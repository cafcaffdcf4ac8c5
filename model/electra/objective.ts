/**
 * ELECTRA's pre-training: the generator learns to fill in masked tokens, and the discriminator to tell its
 * draws from the original tokens; the losses are added up with their weights, and no gradient flows through
 * the draws (Clark et al., 2020, section 2).
 *
 * @module
 */
import { replaceTokens } from "../../kernels/replace_tokens/replace_tokens.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { paddingOf } from "../ops/padding.ts";
import { sigmoidCrossEntropy } from "../ops/sigmoid_cross_entropy.ts";
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
import { prepareMasked, type ReplacedInputs, replacedInputs, requireVocabulary } from "./inputs.ts";
import { maskedLoss } from "./masked_lm.ts";
import type { SpecialIds, TokenBatch } from "./masking.ts";

/** The objective of ELECTRA. */
export class ElectraObjective implements Objective<TokenBatch, PretrainingMetrics> {
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
    this.model = new Electra(store, { ...hparams, electra_objective: true });
    this.#special = special;
  }

  /** Records both losses; without a generator only the discriminator's. */
  record(tape: Tape, shape: BatchShape): Recording {
    const { gen_weight, disc_weight, max_predictions_per_seq } = this.hparams;
    const inputs = replacedInputs(tape, shape, max_predictions_per_seq);
    const padding = paddingOf(tape, inputs.attentionMask);
    const masked = this.model.generator && maskedLoss(tape, this.model, { ...inputs, padding });
    const sampledIds = masked?.sampledIds ?? inputs.uniformIds;
    const { corruptedInputIds, labels } = corrupt(tape, inputs, sampledIds);
    const logits = this.model.discriminate(tape, {
      ...inputs,
      inputIds: corruptedInputIds,
      padding,
    });
    const discLoss = sigmoidCrossEntropy(tape, logits, labels, {
      weights: inputs.tokenWeights,
      normalizer: inputs.tokenNormalizer,
    });
    const judged = { labels, logits };
    const guessed = masked && { rowLoss: masked.rowLoss, predictedIds: masked.predictedIds };
    return {
      inputs: { ...inputs },
      losses: [
        ...(masked ? [{ name: "masked_lm", loss: masked.loss, weight: gen_weight }] : []),
        { name: "disc", loss: discLoss, weight: disc_weight },
      ],
      outputs: {
        sampledIds,
        corruptedInputIds,
        ...(tape.training ? {} : { ...judged, ...guessed }),
      },
    };
  }

  /** Masks a batch. */
  prepare(batch: TokenBatch, draw: Draw): PreparedBatch {
    return prepareMasked(batch, this.hparams, this.#special, draw);
  }

  /** Begins an evaluation. */
  evaluation(): Evaluation<TokenBatch, PretrainingMetrics> {
    return new PretrainingEvaluation();
  }
}

/** Puts the replacements in, and says where they differ from the original tokens. */
function corrupt(
  tape: Tape,
  inputs: ReplacedInputs,
  replacements: Tensor,
): { readonly corruptedInputIds: Tensor; readonly labels: Tensor } {
  const [batch, sequence] = inputs.inputIds.shape;
  const picks = inputs.maskedPositions.shape[1];
  const corruptedInputIds = tape.activation("corrupted_input_ids", [batch, sequence], "u32");
  const labels = tape.activation("replaced labels", [batch, sequence]);
  tape.run("replace tokens", replaceTokens({ batch, sequence, picks }), {
    inputIds: inputs.inputIds,
    positions: inputs.maskedPositions,
    weights: inputs.maskedWeights,
    replacements,
    outputIds: corruptedInputIds,
    labels,
  });
  tape.differentiate("replace tokens", [], [corruptedInputIds, labels]);
  return { corruptedInputIds, labels };
}
