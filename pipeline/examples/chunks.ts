/** Documents in pieces of a size that suits a worker. */

import { type Document, readDocumentFile, type TextOptions } from "../text/documents.ts";
import { copiesOf, type SourceFile, type TextSource } from "../text/sources.ts";
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
  /** The source of all its documents. */
  source: number;
}

/**
 * The documents from `from` on, in chunks; `onChunk` is told where each one ends, before the chunk
 * itself is yielded. Throws the signal's reason once it is aborted.
 */
export async function* chunkDocuments(
  sources: readonly TextSource[],
  inputs: readonly SourceFile[],
  text: TextOptions,
  from: TextPlace,
  signal: AbortSignal,
  onChunk: (mark: ChunkMark) => void,
): AsyncGenerator<Document[]> {
  let readBytes = inputs.slice(0, from.file).reduce((sum, { bytes }) => sum + bytes, 0);
  let chunk: Document[] = [];
  let length = 0;
  const take = (place: TextPlace, source: number): Document[] => {
    onChunk({ place, readBytes, source });
    const taken = chunk;
    [chunk, length] = [[], 0];
    return taken;
  };
  for (let file = from.file; file < inputs.length; file++) {
    const skip = file === from.file ? from.documents : 0;
    const { path, source } = inputs[file];
    let documents = 0;
    for await (const document of readDocumentFile(path, (n) => readBytes += n, text)) {
      signal.throwIfAborted();
      if (documents++ < skip) continue;
      const copies = [...copiesOf(document, sources[source])];
      chunk.push(...copies);
      length += copies.length * document.text.length;
      if (length < CHUNK_LENGTH && chunk.length < CHUNK_DOCUMENTS) continue;
      yield take({ file, documents }, source);
    }
    const last = inputs[file + 1]?.source !== source;
    if (last && chunk.length > 0) yield take({ file: file + 1, documents: 0 }, source);
  }
}
