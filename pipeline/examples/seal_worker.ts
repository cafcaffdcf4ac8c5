/**
 * A worker that finishes one file of a build: rereads every record, wraps the file in gzip if
 * asked, syncs it to the disk and says what became of it.
 */

import { createHash } from "node:crypto";
import { dirname } from "@std/path/mod.js";
import { Gzip } from "fflate";
import { AtomicFile } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { serve } from "../ordered_workers.ts";
import { RecordReader } from "../tfrecord/reader.ts";

/** The file to finish. */
export interface SealItem {
  /** Path of the plain file. */
  path: string;
  /** Records that it must hold. */
  examples: number;
}

/** The finished file. */
export interface SealedFile {
  /** Path, with .gz where it was wrapped. */
  path: string;
  /** Size on disk. */
  bytes: number;
  /** SHA-256 in hexadecimal. */
  sha256: string;
}

const CHUNK_BYTES = 1 << 20;

/** Reads a file in pieces that are valid until the next is asked for. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let n = await file.read(buffer); n !== null; n = await file.read(buffer)) {
    yield buffer.subarray(0, n);
  }
}

/** Makes sure that a file reads back whole; a disk may have lost what a crash interrupted. */
async function checkRecords(path: string, examples: number): Promise<void> {
  const reader = await RecordReader.open(path);
  try {
    while (await reader.next() !== undefined);
    if (reader.records === examples) return;
    throw new PipelineError(
      `${path}: holds ${reader.records} records where ${examples} were written; ` +
        `remove ${dirname(path)} and build again`,
    );
  } finally {
    await reader.close();
  }
}

/** Writes the gzip of `path` beside it and removes `path`. The same input gives the same bytes. */
async function wrapInGzip(path: string): Promise<string> {
  const target = await AtomicFile.create(path + ".gz");
  try {
    const ready: Uint8Array[] = [];
    const gzip = new Gzip({ level: 6, mtime: 0 }, (bytes) => ready.push(bytes));
    const drain = async (): Promise<void> => {
      for (const bytes of ready.splice(0)) await target.write(bytes);
    };
    for await (const chunk of chunksOf(path)) {
      gzip.push(chunk.slice());
      await drain();
    }
    gzip.push(new Uint8Array(0), true);
    await drain();
    await target.commit();
  } catch (error) {
    await target.discard();
    throw error;
  }
  await Deno.remove(path);
  return target.path;
}

/** Size and SHA-256 of a file, which is synced to the disk on the way. */
async function measure(path: string): Promise<SealedFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of chunksOf(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
  return { path, bytes, sha256: hash.digest("hex") };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

serve<{ compress: "gzip" | "none" }, SealItem, SealedFile>(({ compress }) => {
  return async ({ path, examples }) => {
    // After an interruption, files may already be wrapped: then the plain one is gone.
    const plain = await exists(path);
    if (plain || compress === "none") await checkRecords(path, examples);
    if (compress === "none") return { result: await measure(path), transfer: [] };
    const wrapped = plain ? await wrapInGzip(path) : `${path}.gz`;
    return { result: await measure(wrapped), transfer: [] };
  };
});
