/** Rereading one file of records from its first byte to its last. */

import { createHash } from "node:crypto";
import { RecordReader } from "../tfrecord/reader.ts";

/** What a file turned out to hold. */
export interface Inspected {
  /** Size on disk. */
  bytes: number;
  /** SHA-256 of the file as it lies on disk, in hexadecimal. */
  sha256: string;
  /** How many records it holds. */
  records: number;
}

/**
 * Reads all of a file, plain or wrapped, and shows each record to `onRecord`; `where` names it in
 * messages. Throws a PipelineError for the first record that is damaged, and what `onRecord` throws.
 */
export async function inspectFile(
  path: string,
  onRecord?: (record: Uint8Array, where: () => string) => void,
): Promise<Inspected> {
  const hash = createHash("sha256");
  let bytes = 0;
  const reader = await RecordReader.open(path, (piece) => {
    hash.update(piece);
    bytes += piece.length;
  });
  try {
    const where = (): string => reader.describeLast();
    for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
      onRecord?.(record, where);
    }
    return { bytes, sha256: hash.digest("hex"), records: reader.records };
  } finally {
    await reader.close();
  }
}
