/**
 * Sigmoid cross-entropy: each element is told apart into two classes.
 *
 * @module
 */
import {
  sigmoidCrossEntropyBackward,
  sigmoidCrossEntropyForward,
  weightedSum,
} from "../../kernels/loss/loss.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import type { LossWeights } from "./vocabulary_cross_entropy.ts";

/**
 * The weighted sum of the sigmoid cross-entropies times the normaliser.
 *
 * @param logits f32 [elements]
 * @param labels f32 [elements], 0 or 1
 * @returns f32 [1]
 */
export function sigmoidCrossEntropy(
  tape: Tape,
  logits: Tensor,
  labels: Tensor,
  { weights, normalizer }: LossWeights,
): Tensor {
  const { elements } = logits;
  if (labels.elements !== elements || weights.elements !== elements) {
    throw new ModelError(`sigmoid cross-entropy: ${logits} does not fit ${labels} and ${weights}`);
  }
  const tokenLoss = tape.activation("discriminator token losses", [elements]);
  tape.run("sigmoid cross-entropy", sigmoidCrossEntropyForward({ elements }), {
    logits,
    labels,
    loss: tokenLoss,
  });
  const loss = tape.activation("discriminator loss", [1]);
  tape.run("discriminator loss", weightedSum({ elements }), {
    values: tokenLoss,
    weights,
    normalizer,
    result: loss,
  });
  tape.differentiate("sigmoid cross-entropy", [logits], [loss], (gradients) => {
    gradients.into(logits, (logitsGradient, accumulate) => {
      const gradientScale = gradients.lossWeight(loss);
      tape.run(
        "sigmoid cross-entropy backward",
        sigmoidCrossEntropyBackward({
          elements,
          gradientScale,
          accumulate,
          storage: tape.storage,
        }),
        { logits, labels, weights, normalizer, logitsGradient },
      );
    });
  });
  return loss;
}
