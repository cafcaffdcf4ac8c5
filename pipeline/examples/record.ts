/** One training example as its record holds it, checked. */

import { PipelineError } from "../errors.ts";
import { decodeExample } from "../tfrecord/example.ts";

/** The features of a training example, in the order of {@linkcode decodeRecord}'s result. */
const FEATURES = ["input_ids", "input_mask", "segment_ids"] as const;

/** What every record must agree with. */
export interface RecordShape {
  /** Entries of each list. */
  maxSeqLength: number;
  /** Token ids are below this. */
  vocabSize: number;
  /** Segment ids are below this; 2 by default. */
  typeVocabSize?: number;
}

/**
 * Decodes a training example: input_ids, input_mask and segment_ids. `where` names the record in
 * messages. Throws a PipelineError for a record that is not a tf.Example, lacks a feature, has
 * another length than `shape` says, or holds ids outside the vocabulary or flags other than 0/1.
 */
export function decodeRecord(
  record: Uint8Array,
  shape: RecordShape,
  where: () => string,
): [Int32Array, Int32Array, Int32Array] {
  let features: Map<string, Int32Array>;
  try {
    features = decodeExample(record, FEATURES);
  } catch (error) {
    if (error instanceof PipelineError) throw new PipelineError(`${where()}: ${error.message}`);
    throw error;
  }
  const lists = FEATURES.map((name) => {
    const values = features.get(name);
    if (values === undefined) {
      throw new PipelineError(`${where()}: has no feature ${name}; not a pre-training example`);
    }
    if (values.length !== shape.maxSeqLength) {
      throw new PipelineError(
        `${where()}: ${name} has ${values.length} entries where max_seq_length is ` +
          `${shape.maxSeqLength}; set max_seq_length to ${values.length}, or build the examples ` +
          `again with --max-seq-length ${shape.maxSeqLength}`,
      );
    }
    const { vocabSize, typeVocabSize = 2 } = shape;
    const limit = { input_ids: vocabSize, input_mask: 2, segment_ids: typeVocabSize }[name];
    const bad = values.findIndex((value) => value < 0 || value >= limit);
    if (bad >= 0) {
      throw new PipelineError(
        `${where()}: ${name} holds ${values[bad]} at place ${bad}, but ` +
          {
            input_ids:
              `the vocabulary has ${limit} pieces; use the model the examples were built with`,
            input_mask: "only 0 and 1 have a meaning there",
            segment_ids: `the model has type_vocab_size = ${limit}`,
          }[name],
      );
    }
    return values;
  });
  return lists as [Int32Array, Int32Array, Int32Array];
}
