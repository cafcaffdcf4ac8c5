/** A worker of `build --verify`: rereads one file and holds it to the manifest. */

import { PipelineError } from "../errors.ts";
import { serve } from "../ordered_workers.ts";
import { inspectFile } from "./inspect.ts";
import type { ManifestFile, SplitTotals } from "./manifest.ts";
import { decodeRecord, type RecordShape } from "./record.ts";
import { countExample, emptyTotals } from "./totals.ts";

/** The file to verify. */
export interface VerifyItem {
  /** Where it is. */
  path: string;
  /** What the manifest says of it. */
  expected: ManifestFile;
}

/** Checks that one example is laid out as the builder does it, and counts it. */
function checkRecord(
  record: Uint8Array,
  shape: RecordShape,
  where: () => string,
  totals: SplitTotals,
): void {
  const [, mask, segments] = decodeRecord(record, shape, where);
  const length = mask.lastIndexOf(1) + 1;
  if (length === 0 || mask.indexOf(0) !== (length < shape.maxSeqLength ? length : -1)) {
    throw new PipelineError(`${where()}: input_mask is not ones followed by zeros`);
  }
  if (segments.lastIndexOf(1) >= length) {
    throw new PipelineError(`${where()}: segment_ids marks places beyond the last token`);
  }
  countExample(totals, length, shape.maxSeqLength);
}

serve<RecordShape, VerifyItem, SplitTotals>((shape) => {
  return async ({ path, expected }) => {
    const totals = emptyTotals();
    let last = (): string => path;
    const { bytes, sha256, records } = await inspectFile(path, (record, where) => {
      last = where;
      checkRecord(record, shape, where, totals);
    }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new PipelineError(
        `${path}: the manifest names it, but it is not there; build again with --overwrite`,
      );
    });
    if (records !== expected.examples) {
      throw new PipelineError(
        `${path}: holds ${records} records in ${bytes} bytes where the manifest says ` +
          `${expected.examples} in ${expected.bytes}; the last one there is ${last()}; remove it and build again with --overwrite`,
      );
    }
    if (bytes !== expected.bytes || sha256 !== expected.sha256) {
      throw new PipelineError(
        `${path}: not the file of the manifest (${bytes} bytes where it says ${expected.bytes}, ` +
          `or another SHA-256), though every record's checksum is right; remove it and build again with --overwrite`,
      );
    }
    return { result: totals, transfer: [] };
  };
});
