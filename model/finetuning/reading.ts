/**
 * The answer to a question as a span of the context: start and end logits for each token, as
 * `ElectraForQuestionAnswering` has it.
 *
 * The loss is the mean of the start's and the end's cross-entropy over all places of the sequence, padding too,
 * as transformers computes it: padding learns low logits.
 *
 * @module
 */
import { linear } from "../ops/linear.ts";
import { softmaxCrossEntropy } from "../ops/softmax_cross_entropy.ts";
import type { DeclareHead } from "./head.ts";

/** Labels of a sequence: where the answer starts, and where it ends. */
export const READING_LABELS = 2;

/** A head of start and end: logits [batch, sequence, 2]. Labels are [batch, 2]. */
export function readingHead(): DeclareHead {
  return (factory, { hiddenSize }) => {
    const outputs = factory.dense("qa_outputs", READING_LABELS, hiddenSize);
    return {
      kind: "question_answering",
      seesPadding: true,
      labelType: "u32",
      labels: ({ batch }) => READING_LABELS * batch,
      logits: (tape, { hiddenStates }) =>
        linear(tape, hiddenStates, outputs, { outputStorage: "f32" }),
      loss: (tape, logits, labels, weights) =>
        softmaxCrossEntropy(tape, logits, labels, weights, READING_LABELS),
    };
  };
}
