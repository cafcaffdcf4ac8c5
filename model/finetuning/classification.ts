/**
 * One class, or one value, for a text or a pair: dense, GELU and dense on the first token, as
 * `ElectraForSequenceClassification` has it.
 *
 * @module
 */
import type { Tensor } from "../autograd/tensor.ts";
import { dropout, gatherRows } from "../ops/embedding.ts";
import { linear, linearGelu } from "../ops/linear.ts";
import { softmaxCrossEntropy } from "../ops/softmax_cross_entropy.ts";
import { squaredError } from "../ops/squared_error.ts";
import type { DeclareHead, Head } from "./head.ts";

/** A head of `labels` classes. */
export function classificationHead(labels: number): DeclareHead {
  return sequenceHead("sequence_classification", labels, "u32", softmaxCrossEntropy);
}

/** A head of one value. */
export function regressionHead(): DeclareHead {
  return sequenceHead("regression", 1, "f32", squaredError);
}

function sequenceHead(
  kind: Head["kind"],
  outputs: number,
  labelType: Head["labelType"],
  loss: Head["loss"],
): DeclareHead {
  return (factory, { hiddenSize, hiddenDropout }) => {
    const dense = factory.dense("classifier.dense", hiddenSize, hiddenSize);
    const projection = factory.dense("classifier.out_proj", outputs, hiddenSize);
    return {
      kind,
      seesPadding: false,
      labelType,
      labels: ({ batch }) => batch,
      logits(tape, { hiddenStates, firstPositions }): Tensor {
        const first = dropout(tape, gatherRows(tape, hiddenStates, firstPositions), hiddenDropout);
        const activated = dropout(tape, linearGelu(tape, first, dense), hiddenDropout);
        return linear(tape, activated, projection, { outputStorage: "f32" });
      },
      loss,
    };
  };
}
