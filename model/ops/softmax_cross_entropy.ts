/**
 * Softmax cross-entropy over few classes, or over the tokens of a sequence.
 *
 * @module
 */
import { weightedSum } from "../../kernels/loss/loss.ts";
import {
  softmaxCrossEntropyBackward,
  softmaxCrossEntropyForward,
} from "../../kernels/softmax_cross_entropy/softmax_cross_entropy.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";
import type { LossWeights } from "./vocabulary_cross_entropy.ts";

/**
 * The weighted sum of the rows' cross-entropies times the normaliser.
 *
 * @param logits f32; [rows, columns], or [rows / groups, columns, groups] where rows lie interleaved.
 * @param labels u32 [rows], each below the columns.
 * @param groups rows that lie interleaved; 1 by default.
 * @returns f32 [1]
 */
export function softmaxCrossEntropy(
  tape: Tape,
  logits: Tensor,
  labels: Tensor,
  { weights, normalizer }: LossWeights,
  groups = 1,
): Tensor {
  const rows = labels.elements, columns = logits.elements / rows;
  if (!Number.isInteger(columns) || weights.elements !== rows || rows % groups !== 0) {
    throw new ModelError(`softmax cross-entropy: ${logits} does not fit ${labels} and ${weights}`);
  }
  const spec = { rows, columns, groups };
  const rowLoss = tape.activation("losses of rows", [rows]);
  const logSumExp = tape.activation("log-sum-exp of rows", [rows]);
  tape.run("softmax cross-entropy", softmaxCrossEntropyForward(spec), {
    logits,
    labels,
    loss: rowLoss,
    logSumExp,
  });
  const loss = tape.activation("loss of the head", [1]);
  tape.run("loss of the head", weightedSum({ elements: rows }), {
    values: rowLoss,
    weights,
    normalizer,
    result: loss,
  });
  tape.differentiate("softmax cross-entropy", [logits], [loss], (gradients) => {
    gradients.into(logits, (logitsGradient, accumulate) => {
      const gradientScale = gradients.lossWeight(loss);
      const backward = { ...spec, gradientScale, accumulate, storage: tape.storage };
      tape.run("softmax cross-entropy backward", softmaxCrossEntropyBackward(backward), {
        logits,
        labels,
        logSumExp,
        weights,
        normalizer,
        logitsGradient,
      });
    });
  });
  return loss;
}
