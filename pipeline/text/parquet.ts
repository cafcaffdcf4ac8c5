/**
 * Documents in Parquet files: one a row, the text in a column.
 *
 * @module
 */
import {
  type AsyncBuffer,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
} from "hyparquet";
import { decompress } from "fzstd";
import { gunzipSync } from "node:zlib";
import { PipelineError } from "../errors.ts";
import type { Document } from "./documents.ts";

/** Snappy is hyparquet's own. Lengths come from the file, so nothing is allocated by them alone. */
const COMPRESSORS: Compressors = {
  GZIP: (input) => new Uint8Array(gunzipSync(input)),
  ZSTD: (input) => decompress(input),
};

/** Rows that are decoded at once. */
const ROWS = 1000;

/** Bytes that a footer, or a part of a row group, may have at most. */
const MOST_BYTES = 2 ** 31;

/**
 * The documents of a file, rows in order. A column `id` names them, else file and row do; `title` may be there.
 *
 * @param textField the column that holds the text.
 * @param onBytes is told how many bytes were read from the disk.
 * @throws {PipelineError} where the file is damaged or has no such column.
 */
export async function* readParquet(
  path: string,
  textField: string,
  onBytes: ((count: number) => void) | undefined,
): AsyncGenerator<Document> {
  using handle = await Deno.open(path);
  const { size } = await handle.stat();
  const file: AsyncBuffer = {
    byteLength: size,
    // Columns are asked for at once, so seeking and reading must not be torn apart.
    slice(start, end = size): ArrayBuffer {
      if (!(start >= 0 && end >= start && end <= size && end - start < MOST_BYTES)) {
        throw new Error(`bytes ${start} to ${end} of ${size} are wanted`);
      }
      handle.seekSync(start, Deno.SeekMode.Start);
      const bytes = new Uint8Array(end - start);
      for (let at = 0; at < bytes.length;) {
        const read = handle.readSync(bytes.subarray(at));
        if (read === null) throw new Error(`ends at byte ${start + at}`);
        at += read;
      }
      onBytes?.(bytes.length);
      return bytes.buffer;
    },
  };
  // The library throws plain errors, and the runtime's where lengths in a damaged file lead it astray.
  const guarded = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (error instanceof PipelineError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new PipelineError(
        `${path}: no Parquet file, or a damaged one (${reason}); use another copy`,
      );
    }
  };
  const { metadata, names } = await guarded(async () => {
    if (size < 12) throw new Error(`has ${size} bytes`);
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    const names = metadata.row_groups[0]?.columns.map(({ meta_data }) =>
      meta_data?.path_in_schema[0]
    );
    return { metadata, names: new Set(names ?? []) };
  });
  const rows = Number(metadata.num_rows);
  if (rows === 0) return;
  if (!names.has(textField)) {
    throw new PipelineError(
      `${path}: has no column ${textField} but ${
        [...names].join(", ")
      }; --text-field names the one to take`,
    );
  }
  const columns = [textField, "id", "title"].filter((name) => names.has(name));
  for (let rowStart = 0; rowStart < rows; rowStart += ROWS) {
    const rowEnd = Math.min(rows, rowStart + ROWS);
    const read = await guarded(() =>
      parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors: COMPRESSORS })
    );
    if (read.length !== rowEnd - rowStart) {
      throw new PipelineError(
        `${path}: has fewer rows than the ${rows} it claims; use another copy`,
      );
    }
    for (const [i, row] of read.entries()) {
      const number = rowStart + i + 1, text = row[textField];
      if (text === null || text === undefined) continue;
      if (typeof text !== "string") {
        throw new PipelineError(`${path}, row ${number}: column ${textField} holds no text`);
      }
      yield {
        id: String(row.id ?? `${path.split("/").at(-1)}:${number}`),
        title: String(row.title ?? ""),
        text,
      };
    }
  }
}
