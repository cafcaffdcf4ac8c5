/**
 * A tag for each token: dense on every token, as `ElectraForTokenClassification` has it.
 *
 * @module
 */
import type { Tensor } from "../autograd/tensor.ts";
import { dropout } from "../ops/embedding.ts";
import { linear } from "../ops/linear.ts";
import { softmaxCrossEntropy } from "../ops/softmax_cross_entropy.ts";
import type { DeclareHead } from "./head.ts";

/** A head of `tags` tags. Tokens without a label count for nothing. */
export function taggingHead(tags: number): DeclareHead {
  return (factory, { hiddenSize, hiddenDropout }) => {
    const classifier = factory.dense("classifier", tags, hiddenSize);
    return {
      kind: "token_classification",
      seesPadding: false,
      labelType: "u32",
      labels: ({ batch, sequence }) => batch * sequence,
      logits(tape, { hiddenStates, padding }): Tensor {
        const dropped = dropout(tape, hiddenStates, hiddenDropout);
        return linear(tape, dropped, classifier, { outputStorage: "f32", padding });
      },
      loss: softmaxCrossEntropy,
    };
  };
}
