/**
 * The files of a build while they grow. Records are dealt to them in turn, so each file gets a
 * little of every chunk: pieces are gathered in memory and written to all files at once. Only
 * one file is open at a time; a thousand would exceed what many systems allow.
 */

import { dirname } from "@std/path/mod.js";
import { writeAll } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";

/** How far one file has come. */
export interface ShardPosition {
  /** Bytes on disk. */
  bytes: number;
  /** Records in those bytes. */
  records: number;
}

/** Files that records are dealt to in turn. */
export class ShardSet {
  readonly #paths: readonly string[];
  readonly #written: ShardPosition[];
  #pending: Uint8Array[][];
  #pendingBytes = 0;
  #dealt: number;

  private constructor(paths: readonly string[], written: ShardPosition[]) {
    this.#paths = paths;
    this.#written = written;
    this.#pending = paths.map(() => []);
    this.#dealt = written.reduce((sum, { records }) => sum + records, 0);
  }

  /** Begins with empty files. */
  static async create(paths: readonly string[]): Promise<ShardSet> {
    for (const path of paths) await Deno.writeFile(path, new Uint8Array(0));
    return new ShardSet(paths, paths.map(() => ({ bytes: 0, records: 0 })));
  }

  /**
   * Goes back to `positions`: what was written after them is cut off. Throws a PipelineError for
   * a file that is shorter than it was then.
   */
  static async resume(
    paths: readonly string[],
    positions: readonly ShardPosition[],
  ): Promise<ShardSet> {
    for (const [i, path] of paths.entries()) {
      const { size } = await Deno.stat(path).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return { size: 0 };
        throw error;
      });
      if (size < positions[i].bytes) {
        throw new PipelineError(
          `${path}: has ${size} bytes where ${positions[i].bytes} were written before the ` +
            `interruption; remove ${dirname(path)} and build again`,
        );
      }
      await Deno.truncate(path, positions[i].bytes);
    }
    return new ShardSet(paths, positions.map((position) => ({ ...position })));
  }

  /** Deals framed records to the files in turn; `ends` says where in `bytes` each one ends. */
  deal(bytes: Uint8Array, ends: Uint32Array): void {
    let start = 0;
    for (const end of ends) {
      const shard = this.#dealt++ % this.#paths.length;
      this.#pending[shard].push(bytes.subarray(start, end));
      start = end;
    }
    this.#pendingBytes += bytes.length;
  }

  /** Bytes that wait for {@linkcode flush}. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Writes all that was dealt, and returns where each file then stands. Where that fails, what was
   * not written waits for the next call, which writes it to the same place.
   */
  async flush(): Promise<ShardPosition[]> {
    for (const [i, path] of this.#paths.entries()) {
      const pieces = this.#pending[i];
      if (pieces.length === 0) continue;
      const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      const position = this.#written[i];
      using file = await Deno.open(path, { write: true });
      await file.seek(position.bytes, Deno.SeekMode.Start);
      await writeAll(file, path, bytes);
      position.bytes += bytes.length;
      position.records += pieces.length;
      this.#pending[i] = [];
      this.#pendingBytes -= bytes.length;
    }
    return this.#written.map((position) => ({ ...position }));
  }
}
