/** What every way of asking a model has in common. */

import type { FeatureBatch, HasInputs } from "../../pipeline/finetuning/batches.ts";
import type { Fields } from "./requests.ts";

/** An answer as JSON. */
export type Answer = Readonly<Record<string, unknown>>;

/** One way of asking a model: from a request to sequences, and from what the model says of them to an answer. */
export interface Mode<F extends HasInputs = HasInputs, R = unknown> {
  /** What the fields of a plain line are, parted by tabs. */
  readonly columns: readonly string[];
  /** Longest sequence. */
  readonly maxSeqLength: number;
  /**
   * What the model sees of a request; nothing where its texts have no tokens.
   *
   * @throws {BadRequest} for fields that are missing or no text.
   */
  features(fields: Fields): readonly F[];
  /** What the model says of each feature. */
  run(batch: FeatureBatch<F>): Promise<readonly R[]>;
  /** The answer to a request. */
  answer(fields: Fields, features: readonly F[], said: readonly R[]): Answer;
  /** Frees device memory. */
  destroy(): void;
  /** Texts that were cut because they are longer than the model. */
  readonly cutTexts: number;
}

/** A number as its answer shows it: as many digits as 32 bits hold. */
export function shown(value: number): number {
  return Number(value.toPrecision(7));
}
