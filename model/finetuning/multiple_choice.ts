/**
 * The right one of several answers: one logit for each, dense, GELU and dense on its first token, and softmax over
 * the answers, as `ElectraForMultipleChoice` has it.
 *
 * @module
 */
import type { Tensor } from "../autograd/tensor.ts";
import { dropout, gatherRows } from "../ops/embedding.ts";
import { linear, linearGelu } from "../ops/linear.ts";
import { softmaxCrossEntropy } from "../ops/softmax_cross_entropy.ts";
import type { DeclareHead } from "./head.ts";

/** The rate that transformers' `SequenceSummary` drops with behind the activation (`summary_last_dropout`). */
const LAST_DROPOUT = 0.1;

/** A head over questions with `choices` answers each, whose sequences follow each other. */
export function multipleChoiceHead(choices: number): DeclareHead {
  return (factory, { hiddenSize, hiddenDropout }) => {
    const summary = factory.dense("sequence_summary.summary", hiddenSize, hiddenSize);
    const classifier = factory.dense("classifier", 1, hiddenSize);
    return {
      kind: "multiple_choice",
      seesPadding: false,
      labelType: "u32",
      labels: ({ batch }) => batch / choices,
      logits(tape, { hiddenStates, firstPositions }): Tensor {
        const first = gatherRows(tape, hiddenStates, firstPositions);
        const rate = hiddenDropout === 0 ? 0 : LAST_DROPOUT;
        const activated = dropout(tape, linearGelu(tape, first, summary), rate);
        return linear(tape, activated, classifier, { outputStorage: "f32" });
      },
      loss: softmaxCrossEntropy,
    };
  };
}
