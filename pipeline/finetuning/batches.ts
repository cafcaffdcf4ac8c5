/**
 * Batches of features of like length, so that little of a batch is padding.
 *
 * @module
 */
import { Random } from "../examples/random.ts";
import type { Feature } from "./features.ts";
import type { EncoderInput } from "./input.ts";

/** Sequences of one length, padded at their ends, as flat row-major arrays. */
export interface EncoderBatch {
  /** Sequences. */
  readonly batch: number;
  /** Tokens of each, padding included. */
  readonly sequence: number;
  /** u32 [batch, sequence] */
  readonly inputIds: Uint32Array;
  /** u32 [batch, sequence]: 1 for a token, 0 for padding. */
  readonly attentionMask: Uint32Array;
  /** u32 [batch, sequence]: segments. */
  readonly tokenTypeIds: Uint32Array;
}

/** What has sequences for the encoder. */
export interface HasInputs {
  /** Its sequences. */
  readonly inputs: readonly EncoderInput[];
}

/** A batch and the features in it, in order. */
export interface FeatureBatch<F extends HasInputs = Feature> extends EncoderBatch {
  /** Their sequences follow each other; a multiple-choice feature has one for each answer. */
  readonly features: readonly F[];
}

/** How features are dealt to batches. */
export interface BatchOptions {
  /** Features of a batch. */
  readonly batchSize: number;
  /** Padding. */
  readonly padId: number;
  /** Draws the order of an epoch; left out, features stay in order of their length. */
  readonly shuffle?: { readonly seed: number; readonly epoch: number };
}

/** Batches whose features are sorted by length among each other; the window moves over a shuffled epoch. */
const BATCHES_SORTED_TOGETHER = 64;

/** The longest sequence of a feature. */
export function featureLength({ inputs }: HasInputs): number {
  return Math.max(...inputs.map(({ inputIds }) => inputIds.length));
}

/**
 * The length that a batch is padded to: the next of a few steps, a sixteenth apart or less, so that most batches
 * share their recorded plan with others.
 */
export function bucketLength(length: number): number {
  const step = Math.max(2, 2 ** (Math.floor(Math.log2(Math.max(length, 8))) - 5));
  return Math.ceil(length / step) * step;
}

/**
 * The batches of one epoch, each feature in exactly one.
 *
 * In training the epoch is shuffled, runs of 64 batches are sorted by length and cut, and the batches shuffled
 * again: chance decides what meets in a batch and when, length decides the rest. A function of the features, the
 * seed and the epoch.
 */
export function planEpoch(lengths: readonly number[], options: BatchOptions): number[][] {
  const { batchSize, shuffle } = options;
  const order = lengths.map((_, index) => index);
  const byLength = (a: number, b: number): number => lengths[a] - lengths[b] || a - b;
  const batches: number[][] = [];
  if (!shuffle) {
    order.sort(byLength);
    for (let i = 0; i < order.length; i += batchSize) batches.push(order.slice(i, i + batchSize));
    return batches;
  }
  const random = new Random(shuffle.seed, `fine-tuning epoch ${shuffle.epoch}`);
  random.shuffle(order);
  const run = batchSize * BATCHES_SORTED_TOGETHER;
  for (let from = 0; from < order.length; from += run) {
    const sorted = order.slice(from, from + run).sort(byLength);
    for (let i = 0; i < sorted.length; i += batchSize) batches.push(sorted.slice(i, i + batchSize));
  }
  random.shuffle(batches);
  return batches;
}

/** Pads features to a batch. */
export function collate<F extends HasInputs>(
  features: readonly F[],
  padId: number,
  maxLength: number,
): FeatureBatch<F> {
  const inputs = features.flatMap((feature) => feature.inputs);
  const longest = Math.max(...inputs.map(({ inputIds }) => inputIds.length));
  const sequence = Math.min(maxLength, bucketLength(longest));
  const batch = inputs.length;
  const inputIds = new Uint32Array(batch * sequence).fill(padId);
  const attentionMask = new Uint32Array(batch * sequence);
  const tokenTypeIds = new Uint32Array(batch * sequence);
  inputs.forEach((input, row) => {
    const at = row * sequence;
    inputIds.set(input.inputIds, at);
    tokenTypeIds.set(input.tokenTypeIds, at);
    attentionMask.fill(1, at, at + input.inputIds.length);
  });
  return { batch, sequence, inputIds, attentionMask, tokenTypeIds, features };
}
