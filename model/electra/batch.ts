/**
 * What a batch must hold to be computed with.
 *
 * @module
 */
import { ModelError } from "../errors.ts";

/** Ids, segments or masks of tokens. */
export type TokenIds = Int32Array | Uint32Array;

/** Sizes of the tables that a batch's ids are looked up in. */
export interface TableSizes {
  /** Pieces in the vocabulary. */
  readonly vocabSize: number;
  /** Segments. */
  readonly typeVocabSize: number;
}

/**
 * Refuses ids past their tables, which kernels would clamp to the last row.
 *
 * @param sequence tokens of a row, for the message.
 * @throws {ModelError} naming the first such id, its row and its place.
 */
export function requireIds(
  batch: { readonly inputIds: TokenIds; readonly tokenTypeIds: TokenIds },
  sequence: number,
  sizes: TableSizes,
): void {
  const { vocabSize, typeVocabSize } = sizes;
  requireBelow(batch.inputIds, vocabSize, sequence, "token", "vocab_size");
  requireBelow(batch.tokenTypeIds, typeVocabSize, sequence, "segment", "type_vocab_size");
}

function requireBelow(
  ids: TokenIds,
  limit: number,
  sequence: number,
  kind: string,
  hparam: string,
): void {
  const at = ids.findIndex((id) => !(id >= 0 && id < limit));
  if (at < 0) return;
  throw new ModelError(
    `${kind} id ${ids[at]} in row ${Math.floor(at / sequence)} at place ${
      at % sequence
    } is past the ` +
      `model's ${hparam} = ${limit}`,
  );
}
