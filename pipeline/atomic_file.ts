/**
 * Files that are either whole or not there: bytes go to `NAME.part`, are synced to the disk, and
 * take their final name in one rename. A crash or a full disk leaves at most the `.part` behind.
 */

import { dirname } from "@std/path/mod.js";
import { PipelineError } from "./errors.ts";

/** Makes a finished rename itself durable; file systems that cannot sync a folder are left alone. */
export async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  } catch {
    // Some file systems refuse to open or sync a folder; the data itself is already on the disk.
  }
}

/** The system's errors for an open file do not say which file it was. */
function explain(path: string, error: unknown): PipelineError {
  const reason = error instanceof Error ? error.message : String(error);
  return new PipelineError(`${path}: ${reason}; make room or choose another disk, then rerun`);
}

/**
 * Writes all of `bytes` where `file` stands. Throws a PipelineError that names `path` if the disk
 * is full.
 */
export async function writeAll(file: Deno.FsFile, path: string, bytes: Uint8Array): Promise<void> {
  try {
    let written = 0;
    while (written < bytes.length) written += await file.write(bytes.subarray(written));
  } catch (error) {
    throw explain(path, error);
  }
}

/** A file under construction, invisible under its final name until {@linkcode AtomicFile.commit}. */
export class AtomicFile {
  /** The name the file will have once committed. */
  readonly path: string;
  #file: Deno.FsFile;
  #done = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /** Opens `path + ".part"` for writing, emptied. Throws the file system's error as it is. */
  static async create(path: string): Promise<AtomicFile> {
    const file = await Deno.open(path + ".part", { write: true, create: true, truncate: true });
    return new AtomicFile(path, file);
  }

  /** Appends all of `bytes`. Throws a PipelineError that names the file if the disk is full. */
  async write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, this.path, bytes);
  }

  /** Syncs the bytes to the disk and gives the file its final name, replacing what was there. */
  async commit(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw explain(this.path, error);
    }
    this.#close();
    await Deno.rename(this.path + ".part", this.path);
    await syncFolder(dirname(this.path));
  }

  /** Gives up: closes and removes the partial file. Does nothing after a commit. */
  async discard(): Promise<void> {
    if (this.#done) return;
    this.#close();
    await Deno.remove(this.path + ".part").catch(() => {});
  }

  #close(): void {
    this.#done = true;
    this.#file.close();
  }
}

/**
 * Writes a whole file at once: afterwards `path` holds either all of `content` or what it held
 * before. Throws the file system's error where it cannot be created, a PipelineError where it
 * cannot be written to its end.
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    await file.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}
