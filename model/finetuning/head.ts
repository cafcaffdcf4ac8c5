/**
 * What a head on the encoder says of itself: parameters, logits, and how a loss comes from them.
 *
 * @module
 */
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import type { LossWeights } from "../ops/vocabulary_cross_entropy.ts";
import type { BatchShape } from "../training/objective.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import type { WeightFactory } from "../transformer/weights.ts";

/** What a head works on. */
export interface HeadInputs {
  /** [batch·sequence, hidden]: the encoder's last layer. */
  readonly hiddenStates: Tensor;
  /** u32 [batch, 1], all 0: the place of [CLS] in each sequence. */
  readonly firstPositions: Tensor;
  /** See `paddingOf`; undefined for heads that look at padding. */
  readonly padding: Tensor | undefined;
  /** Sequences and their length. */
  readonly shape: BatchShape;
}

/** Kinds of heads, as transformers' `ElectraFor…` are called. */
export type HeadKind =
  | "sequence_classification"
  | "regression"
  | "token_classification"
  | "question_answering"
  | "multiple_choice";

/** A head with its parameters. */
export interface Head {
  /** What it does. */
  readonly kind: HeadKind;
  /** Whether logits at padding count, so that nothing there may be skipped. */
  readonly seesPadding: boolean;
  /** Type of a label: a class's number, or a value. */
  readonly labelType: "u32" | "f32";
  /** How many labels a batch of this shape has; −100 or NaN stands for none. */
  labels(shape: BatchShape): number;
  /** f32 logits, as `ElectraFor…` of transformers gives them. */
  logits(tape: Tape, inputs: HeadInputs): Tensor;
  /** The weighted sum of the labels' losses times the normaliser: f32 [1]. */
  loss(tape: Tape, logits: Tensor, labels: Tensor, weights: LossWeights): Tensor;
}

/** Declares a head's parameters. */
export type DeclareHead = (factory: WeightFactory, config: EncoderConfig) => Head;
