/** Rereading a finished build: every byte, every record, every count against the manifest. */

import { createHash } from "node:crypto";
import { PipelineError } from "../errors.ts";
import { RecordReader } from "../tfrecord/reader.ts";
import { addTotals, emptyTotals } from "./encode.ts";
import {
  LENGTH_BINS,
  type Manifest,
  MANIFEST_NAME,
  type ManifestFile,
  readManifest,
  type Split,
  type SplitTotals,
} from "./manifest.ts";
import { decodeRecord } from "./record.ts";

/** How far a verification is. */
export interface VerifyProgress {
  /** Bytes of files that were reread. */
  bytes: number;
  /** Bytes of all files. */
  totalBytes: number;
}

/**
 * Rereads the examples in `folder`. Returns its manifest if all agrees; throws a PipelineError
 * for the first fault, naming file, record and byte where it has them.
 */
export async function verifyExamples(
  folder: string,
  signal: AbortSignal,
  onProgress: (progress: VerifyProgress) => void,
): Promise<Manifest> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) {
    throw new PipelineError(
      `${folder}: no ${MANIFEST_NAME} there; is this a folder that \`deno task build\` made?`,
    );
  }
  const files = [...manifest.train.files, ...manifest.eval.files];
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let bytes = 0;
  for (const split of ["train", "eval"] as const) {
    const totals = emptyTotals();
    for (const file of manifest[split].files) {
      signal.throwIfAborted();
      await verifyBytes(`${folder}/${file.name}`, file);
      addTotals(totals, await verifyRecords(`${folder}/${file.name}`, file, manifest, signal));
      bytes += file.bytes;
      onProgress({ bytes, totalBytes });
    }
    compareTotals(folder, split, totals, manifest[split]);
  }
  return manifest;
}

/** Compares a file's size and SHA-256 with the manifest. */
async function verifyBytes(path: string, expected: ManifestFile): Promise<void> {
  const file = await Deno.open(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${path}: the manifest names it, but it is not there; build again`);
  });
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of file.readable) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  // A file that differs is read on, record by record, for the exact place of the fault.
  if (bytes === expected.bytes && hash.digest("hex") === expected.sha256) return;
  await verifyFrames(path);
  throw new PipelineError(
    `${path}: ${bytes} bytes that are not the ${expected.bytes} of the manifest (size or SHA-256 ` +
      `differ), though every record's checksum is right; build again`,
  );
}

/** Reads a file to its end; throws at the first record that is damaged. */
async function verifyFrames(path: string): Promise<void> {
  const reader = await RecordReader.open(path);
  try {
    while (await reader.next() !== undefined);
  } finally {
    await reader.close();
  }
}

/** Decodes every record of a file and counts. */
async function verifyRecords(
  path: string,
  expected: ManifestFile,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<SplitTotals> {
  const { maxSeqLength } = manifest.recipe;
  const totals = emptyTotals();
  const reader = await RecordReader.open(path);
  const where = (): string => reader.describeLast();
  try {
    for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
      signal.throwIfAborted();
      const [, mask, segments] = decodeRecord(record, manifest.recipe, where);
      const length = mask.lastIndexOf(1) + 1;
      if (length === 0 || mask.indexOf(0) !== (length < maxSeqLength ? length : -1)) {
        throw new PipelineError(`${where()}: input_mask is not ones followed by zeros`);
      }
      if (segments.lastIndexOf(1) >= length) {
        throw new PipelineError(`${where()}: segment_ids marks places beyond the last token`);
      }
      totals.examples++;
      totals.tokens += length;
      totals.lengthHistogram[Math.ceil(length * LENGTH_BINS / maxSeqLength) - 1]++;
    }
  } finally {
    await reader.close();
  }
  if (totals.examples !== expected.examples) {
    throw new PipelineError(
      `${path}: holds ${totals.examples} records where the manifest says ${expected.examples}`,
    );
  }
  return totals;
}

/** Compares what can be counted in the files with the manifest. */
function compareTotals(
  folder: string,
  split: Split,
  counted: SplitTotals,
  expected: SplitTotals,
): void {
  for (const key of ["examples", "tokens", "lengthHistogram"] as const) {
    if (String(counted[key]) !== String(expected[key])) {
      throw new PipelineError(
        `${folder}/${MANIFEST_NAME}: says ${key} ${expected[key]} for ${split}, ` +
          `but the files have ${counted[key]}; build again`,
      );
    }
  }
}
