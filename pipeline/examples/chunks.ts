/** Documents in pieces of a size that suits a worker. */

import { type Document, type DocumentFile, readDocuments } from "../text/documents.ts";
import type { TextPlace } from "./build_state.ts";

/** Text that is handed to a worker at once, in UTF-16 units, and documents at most. */
const CHUNK_LENGTH = 1 << 17;
const CHUNK_DOCUMENTS = 256;

/** Where a chunk ends. */
export interface ChunkMark {
  /** Where the first document after it lies. */
  place: TextPlace;
  /** Bytes of the files that had been read, from the first file's beginning on. */
  readBytes: number;
}

/**
 * The documents from `from` on, in chunks; `onChunk` is told where each one ends, before the chunk
 * itself is yielded. Throws the signal's reason once it is aborted.
 */
export async function* chunkDocuments(
  inputs: readonly DocumentFile[],
  encoding: string,
  from: TextPlace,
  signal: AbortSignal,
  onChunk: (mark: ChunkMark) => void,
): AsyncGenerator<Document[]> {
  let readBytes = inputs.slice(0, from.file).reduce((sum, { bytes }) => sum + bytes, 0);
  let chunk: Document[] = [];
  let length = 0;
  for (let file = from.file; file < inputs.length; file++) {
    const skip = file === from.file ? from.documents : 0;
    const { path } = inputs[file];
    let documents = 0;
    for await (const document of readDocuments(path, (n) => readBytes += n, encoding)) {
      signal.throwIfAborted();
      if (documents++ < skip) continue;
      chunk.push(document);
      length += document.text.length;
      if (length < CHUNK_LENGTH && chunk.length < CHUNK_DOCUMENTS) continue;
      onChunk({ place: { file, documents }, readBytes });
      yield chunk;
      chunk = [];
      length = 0;
    }
  }
  if (chunk.length === 0) return;
  onChunk({ place: { file: inputs.length, documents: 0 }, readBytes });
  yield chunk;
}
