/**
 * A worker that finishes one file of a build: wraps it in gzip if asked, rereads every record,
 * syncs it to the disk and says what became of it.
 */

import { dirname } from "@std/path/mod.js";
import { Gzip } from "fflate";
import { AtomicFile } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { serve } from "../ordered_workers.ts";
import { type Inspected, inspectFile } from "./inspect.ts";

/** The file to finish. */
export interface SealItem {
  /** Path of the plain file. */
  path: string;
  /** Records that it must hold. */
  examples: number;
}

/** The finished file. */
export interface SealedFile extends Inspected {
  /** Path, with .gz where it was wrapped. */
  path: string;
}

const CHUNK_BYTES = 1 << 20;

/** Writes the gzip of `path` beside it and removes `path`. The same input gives the same bytes. */
async function wrapInGzip(path: string, wrapped: string): Promise<void> {
  using source = await Deno.open(path, { read: true });
  const target = await AtomicFile.create(wrapped);
  try {
    const ready: Uint8Array[] = [];
    const gzip = new Gzip({ level: 6, mtime: 0 }, (bytes) => ready.push(bytes));
    for (let ended = false; !ended;) {
      // fflate keeps what it is given, so each piece needs bytes of its own.
      const buffer = new Uint8Array(CHUNK_BYTES);
      const count = await source.read(buffer);
      ended = count === null;
      gzip.push(buffer.subarray(0, count ?? 0), ended);
      for (const bytes of ready.splice(0)) await target.write(bytes);
    }
    await target.commit();
  } catch (error) {
    await target.discard();
    throw error;
  }
  await Deno.remove(path);
}

/** Reads a file back: a disk may have lost what a crash interrupted. */
async function checkRecords(path: string, examples: number): Promise<Inspected> {
  const inspected = await inspectFile(path).catch((error) => {
    if (!(error instanceof PipelineError)) throw error;
    throw new PipelineError(`${error.message} (remove ${dirname(path)} to build from the start)`);
  });
  if (inspected.records === examples) return inspected;
  throw new PipelineError(
    `${path}: holds ${inspected.records} records where ${examples} were written; ` +
      `remove ${dirname(path)} and build again`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

serve<{ compress: "gzip" | "none" }, SealItem, SealedFile>(({ compress }) => {
  return async ({ path, examples }) => {
    const final = compress === "gzip" ? `${path}.gz` : path;
    // After an interruption a file may already be wrapped: then the plain one is gone.
    if (final !== path && await exists(path)) await wrapInGzip(path, final);
    const inspected = await checkRecords(final, examples);
    using file = await Deno.open(final, { read: true, write: true });
    await file.sync();
    return { result: { path: final, ...inspected }, transfer: [] };
  };
});
