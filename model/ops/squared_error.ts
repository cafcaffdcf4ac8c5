/**
 * Squared error.
 *
 * @module
 */
import { weightedSum } from "../../kernels/loss/loss.ts";
import {
  squaredErrorBackward,
  squaredErrorForward,
} from "../../kernels/squared_error/squared_error.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import type { LossWeights } from "./vocabulary_cross_entropy.ts";

/**
 * The weighted sum of the squared errors times the normaliser.
 *
 * @param predictions f32 [elements]
 * @param labels f32 [elements]
 * @returns f32 [1]
 */
export function squaredError(
  tape: Tape,
  predictions: Tensor,
  labels: Tensor,
  { weights, normalizer }: LossWeights,
): Tensor {
  const { elements } = predictions;
  if (labels.elements !== elements || weights.elements !== elements) {
    throw new ModelError(`squared error: ${predictions} does not fit ${labels} and ${weights}`);
  }
  const errors = tape.activation("squared errors", [elements]);
  tape.run("squared error", squaredErrorForward({ elements }), {
    predictions,
    labels,
    loss: errors,
  });
  const loss = tape.activation("loss of the head", [1]);
  tape.run("loss of the head", weightedSum({ elements }), {
    values: errors,
    weights,
    normalizer,
    result: loss,
  });
  tape.differentiate("squared error", [predictions], [loss], (gradients) => {
    gradients.into(predictions, (predictionsGradient, accumulate) => {
      const gradientScale = gradients.lossWeight(loss);
      const backward = { elements, gradientScale, accumulate, storage: tape.storage };
      tape.run("squared error backward", squaredErrorBackward(backward), {
        predictions,
        labels,
        weights,
        normalizer,
        predictionsGradient,
      });
    });
  });
  return loss;
}
