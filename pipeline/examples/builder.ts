/**
 * How documents become training examples: sentences are gathered until they fill an example,
 * then divided over one or two segments. This is the procedure of ELECTRA's ExampleBuilder
 * (google-research/electra, build_pretraining_dataset.py), with one difference: chances are drawn
 * from a stream of the document's own, not of the whole job, so that documents can be worked on
 * in any order. The chances themselves are the same.
 */

import type { Random } from "./random.ts";

/** Probability that an example has one segment only, as classification tasks have. */
const ONE_SEGMENT_PROBABILITY = 0.1;
/** Probability that an example aims at a random length instead of the longest. */
const SHORT_EXAMPLE_PROBABILITY = 0.05;
/** The shortest length that is aimed at. */
const SHORTEST_TARGET = 5;

/** Ids of the pieces that frame segments and fill the rest of an example. */
export interface SpecialIds {
  /** [CLS], first in every example. */
  cls: number;
  /** [SEP], after each segment. */
  sep: number;
  /** [PAD], after the last [SEP]. */
  pad: number;
}

/** One training example; all three lists have max_seq_length entries. */
export interface TrainingExample {
  /** [CLS] A [SEP] or [CLS] A [SEP] B [SEP], then padding. */
  inputIds: Int32Array;
  /** 1 for real tokens, 0 for padding. */
  inputMask: Int32Array;
  /** 1 for B and its [SEP], else 0. */
  segmentIds: Int32Array;
  /** How many tokens are real. */
  length: number;
}

/** Turns the sentences of one document, given as token ids, into examples. */
export class ExampleBuilder {
  readonly #maxLength: number;
  readonly #special: SpecialIds;
  readonly #random: Random;
  #sentences: Int32Array[] = [];
  #gathered = 0;
  #target: number;
  #cutTokens = 0;

  /** `random` is the document's own stream; `maxLength` is max_seq_length. */
  constructor(maxLength: number, special: SpecialIds, random: Random) {
    this.#maxLength = maxLength;
    this.#special = special;
    this.#random = random;
    this.#target = this.#drawTarget();
  }

  /** Tokens that no example had room for, so far. */
  get cutTokens(): number {
    return this.#cutTokens;
  }

  /** Adds a sentence; returns an example if that completes one. Empty sentences change nothing. */
  add(sentence: Int32Array): TrainingExample | undefined {
    if (sentence.length === 0) return undefined;
    this.#sentences.push(sentence);
    this.#gathered += sentence.length;
    return this.#gathered >= this.#target ? this.#make() : undefined;
  }

  /** Ends the document; returns what is left of it as an example, if anything is. */
  end(): TrainingExample | undefined {
    return this.#gathered > 0 ? this.#make() : undefined;
  }

  #drawTarget(): number {
    return this.#random.uniform() < SHORT_EXAMPLE_PROBABILITY
      ? this.#random.integer(SHORTEST_TARGET, this.#maxLength)
      : this.#maxLength;
  }

  /** Divides the sentences gathered over two segments and lays them out. */
  #make(): TrainingExample {
    // Three places are kept for [CLS], [SEP] and [SEP].
    const firstTarget = this.#random.uniform() < ONE_SEGMENT_PROBABILITY
      ? Infinity
      : Math.floor((this.#target - 3) / 2);
    const first: number[] = [];
    const second: number[] = [];
    for (const sentence of this.#sentences) {
      const toFirst = first.length === 0 ||
        first.length + sentence.length < firstTarget ||
        (second.length === 0 && first.length < firstTarget && this.#random.uniform() < 0.5);
      const segment = toFirst ? first : second;
      for (const id of sentence) segment.push(id);
    }
    first.length = Math.min(first.length, this.#maxLength - 2);
    second.length = Math.min(second.length, Math.max(0, this.#maxLength - first.length - 3));
    this.#cutTokens += this.#gathered - first.length - second.length;
    this.#sentences = [];
    this.#gathered = 0;
    this.#target = this.#drawTarget();
    return this.#layOut(first, second);
  }

  #layOut(first: number[], second: number[]): TrainingExample {
    const { cls, sep, pad } = this.#special;
    const tokens = second.length > 0 ? [cls, ...first, sep, ...second, sep] : [cls, ...first, sep];
    const inputIds = new Int32Array(this.#maxLength).fill(pad);
    inputIds.set(tokens);
    return {
      inputIds,
      inputMask: new Int32Array(this.#maxLength).fill(1, 0, tokens.length),
      segmentIds: second.length > 0
        ? new Int32Array(this.#maxLength).fill(1, first.length + 2, tokens.length)
        : new Int32Array(this.#maxLength),
      length: tokens.length,
    };
  }
}
