/** Rereading a finished build: every byte, every record, every count against the manifest. */

import { PipelineError } from "../errors.ts";
import { mapInOrder } from "../ordered_workers.ts";
import {
  type Manifest,
  MANIFEST_NAME,
  readManifest,
  type Split,
  SPLIT_PREFIX,
  type SplitTotals,
} from "./manifest.ts";
import type { RecordShape } from "./record.ts";
import { addTotals, emptyTotals } from "./totals.ts";
import type { VerifyItem } from "./verify_worker.ts";

/** How far a verification is. */
export interface VerifyProgress {
  /** Bytes of files that were reread. */
  bytes: number;
  /** Bytes of all files. */
  totalBytes: number;
  /** Examples that were reread. */
  examples: number;
}

/**
 * Rereads the examples in `folder` on `numProcesses` workers. Returns its manifest if all agrees;
 * throws a PipelineError for the first fault in the order of the manifest, naming file, record and
 * byte where it has them.
 */
export async function verifyExamples(
  folder: string,
  numProcesses: number,
  signal: AbortSignal,
  onProgress: (progress: VerifyProgress) => void,
): Promise<Manifest> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) {
    throw new PipelineError(
      `${folder}: no ${MANIFEST_NAME} there; is this a folder that \`deno task build\` made?`,
    );
  }
  const { train, eval: held, recipe } = manifest;
  const { maxSeqLength, vocabSize } = recipe;
  const items: VerifyItem[] = [...train.files, ...held.files]
    .map((expected) => ({ path: `${folder}/${expected.name}`, expected }));
  const totalBytes = items.reduce((sum, { expected }) => sum + expected.bytes, 0);
  const results = mapInOrder<VerifyItem, SplitTotals>(items, {
    worker: new URL("./verify_worker.ts", import.meta.url),
    workers: Math.min(numProcesses, items.length),
    setup: { maxSeqLength, vocabSize } satisfies RecordShape,
    signal,
  });
  const totals = { train: emptyTotals(), eval: emptyTotals() };
  let files = 0, bytes = 0, examples = 0;
  for await (const counted of results) {
    addTotals(totals[files < train.files.length ? "train" : "eval"], counted);
    bytes += items[files++].expected.bytes;
    examples += counted.examples;
    onProgress({ bytes, totalBytes, examples });
  }
  compareTotals(folder, "train", totals.train, train);
  compareTotals(folder, "eval", totals.eval, held);
  await refuseStrangers(folder, new Set(items.map(({ expected }) => expected.name)));
  return manifest;
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
          `but the files have ${counted[key]}; remove it and build again with --overwrite`,
      );
    }
  }
}

/** Throws for a file that would be read as examples, though the manifest does not know it. */
async function refuseStrangers(folder: string, known: ReadonlySet<string>): Promise<void> {
  const prefixes = Object.values(SPLIT_PREFIX);
  for await (const { name } of Deno.readDir(folder)) {
    if (known.has(name) || !prefixes.some((prefix) => name.startsWith(prefix))) continue;
    throw new PipelineError(
      `${folder}/${name}: not in ${MANIFEST_NAME}, but training would read it; move it elsewhere`,
    );
  }
}
