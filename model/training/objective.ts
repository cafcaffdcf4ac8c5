/**
 * What a model is trained for. An objective says four things: which parameters there are (where it is made),
 * how its losses come from its inputs, how a batch is written into them, and what an evaluation makes of what is
 * read back. {@link Training} does the rest for any objective.
 *
 * @module
 */
import type { HostArray } from "../autograd/plan.ts";
import type { Tape, WeightedLoss } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";

/** The shape of a batch, or of a part of one. */
export interface BatchShape {
  /** Sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly sequence: number;
  /** Which of its recordings the objective makes of it; for those that have several, as several heads. */
  readonly task?: string;
}

/** What chance depends on beside the batch: the same seed and step draw the same. */
export interface Draw {
  /** Seed of the run. */
  readonly seed: number;
  /** The step, 1 for the first update. */
  readonly step: number;
}

/** A batch as a recording's inputs want it. */
export interface PreparedBatch {
  /** Of the whole batch. */
  readonly shape: BatchShape;
  /**
   * Values by the name of their input. A step may take the batch in parts; then an input gets its share of the
   * rows, or the whole where the values are as many as its elements, as a loss's normaliser is.
   */
  readonly inputs: Readonly<Record<string, HostArray>>;
}

/** A loss, its weight in the total, and its name in metrics. */
export interface NamedLoss extends WeightedLoss {
  /** Such as "masked_lm". */
  readonly name: string;
}

/** What an objective recorded on a tape. */
export interface Recording {
  /** What the host writes before each step, by name. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** The losses, each f32 [1], divided by the weights of the whole batch. */
  readonly losses: readonly NamedLoss[];
  /** What the host may read after the step, by name: in evaluations everything that metrics are made from. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** Outputs as the host reads them, by their names in the recording. */
export type Outputs = Readonly<Record<string, Float32Array | Uint32Array>>;

/** Adds up what evaluated batches gave. */
export interface Evaluation<Batch, Metrics> {
  /** Adds a batch, what was written for it and what came back. */
  add(batch: Batch, prepared: PreparedBatch, outputs: Outputs): void;
  /** The metrics of all batches so far. */
  result(): Metrics;
}

/** What a model is trained for; its constructor declares the parameters. */
export interface Objective<Batch, Metrics> {
  /** Records inputs, forward pass and losses. `tape.training` says whether to train or to evaluate. */
  record(tape: Tape, shape: BatchShape): Recording;
  /** What to write for a batch; draws (masks, noise) go by seed and step alone. */
  prepare(batch: Batch, draw: Draw): PreparedBatch;
  /** Begins an evaluation. */
  evaluation(): Evaluation<Batch, Metrics>;
}

/** Any objective. */
// deno-lint-ignore no-explicit-any
export type AnyObjective = Objective<any, any>;

/** The batches of an objective. */
export type BatchOf<O extends AnyObjective> = Parameters<O["prepare"]>[0];

/** The evaluation metrics of an objective. */
export type MetricsOf<O extends AnyObjective> = ReturnType<ReturnType<O["evaluation"]>["result"]>;

/** One over a sum of weights, as a loss's normaliser: the original adds 1e-6, so that no weights give 0. */
export function normalizerOf(weights: ArrayLike<number>): Float32Array<ArrayBuffer> {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i];
  return Float32Array.of(1 / (sum + 1e-6));
}
