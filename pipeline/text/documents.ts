/**
 * Text between stages: one JSON document a line, in gzipped files.
 *
 * @module
 */
import * as v from "valibot";
import { PipelineError } from "../errors.ts";
import { isUnzipError, unzip } from "../unzip.ts";
import { parseJson } from "../wire/json.ts";
import { TextReader } from "./encoding.ts";

/** One article. */
export interface Document {
  /** Unique in its source. */
  readonly id: string;
  /** Title. */
  readonly title: string;
  /** Paragraphs, headings and list items, one a line. */
  readonly text: string;
}

/** What a line must hold; files of others may number their documents, or name no title. */
const documentSchema = v.object({
  id: v.nullish(v.union([v.string(), v.number()])),
  title: v.nullish(v.string()),
  text: v.string(),
});

/** A longer line is no document but a file of another kind. */
const LONGEST_LINE = 1 << 28;

/**
 * The documents of a `.jsonl` or `.jsonl.gz` file, or of all such files of a folder in the order of
 * their names.
 *
 * @param onBytes is told how many bytes were read from the disk, for progress.
 * @param encoding of the files; UTF-8 by default.
 * @throws {PipelineError} naming file and line of what is no document, or a folder without any.
 */
export async function* readDocuments(
  path: string,
  onBytes?: (count: number) => void,
  encoding?: string,
): AsyncGenerator<Document> {
  for (const file of await listDocumentFiles(path)) yield* readFile(file.path, onBytes, encoding);
}

/** A file of documents. */
export interface DocumentFile {
  /** Where it is. */
  readonly path: string;
  /** Its size on disk. */
  readonly bytes: number;
}

/**
 * The files that {@linkcode readDocuments} reads, in its order; links count as what they lead to.
 *
 * @throws {PipelineError} where there is none.
 */
export async function listDocumentFiles(path: string): Promise<DocumentFile[]> {
  const info = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${path}: no text there; make it with \`deno task extract\``);
  });
  if (!info.isDirectory) return [{ path, bytes: info.size }];
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) {
    if (/\.jsonl(\.gz)?$/.test(name)) names.push(name);
  }
  const files: DocumentFile[] = [];
  for (const name of names.sort()) {
    const { isFile, size } = await Deno.stat(`${path}/${name}`);
    if (isFile) files.push({ path: `${path}/${name}`, bytes: size });
  }
  if (files.length > 0) return files;
  throw new PipelineError(
    `${path} holds no .jsonl or .jsonl.gz file; make them with \`deno task extract\``,
  );
}

async function* readBytes(
  path: string,
  onBytes: ((count: number) => void) | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const file = await Deno.open(path);
  for await (const bytes of file.readable) {
    onBytes?.(bytes.length);
    yield bytes;
  }
}

async function* readFile(
  path: string,
  onBytes: ((count: number) => void) | undefined,
  encoding: string | undefined,
): AsyncGenerator<Document> {
  const raw = readBytes(path, onBytes);
  const reader = TextReader.ofFile(path, encoding);
  let number = 0;
  // Pieces of a line that has not ended; joined once, so that a long line takes linear time.
  let pieces: string[] = [], length = 0;
  try {
    for await (const bytes of path.endsWith(".gz") ? unzip(raw) : raw) {
      const text = reader.decode(bytes);
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        const line = pieces.join("") + text.slice(start, end);
        start = end + 1;
        pieces = [];
        length = 0;
        number++;
        if (line.trim() !== "") yield parse(line, path, number);
      }
      if (start < text.length) pieces.push(text.slice(start));
      length += text.length - start;
      if (length > LONGEST_LINE) {
        throw new PipelineError(
          `${path}, line ${number + 1}: longer than ${LONGEST_LINE} characters; not a document`,
        );
      }
    }
    pieces.push(reader.end());
  } catch (error) {
    if (!isUnzipError(error)) throw error;
    const reason = error.message;
    throw new PipelineError(
      `${path}: damaged after line ${number} (${reason}); use a whole copy, or remove it and make it again with --overwrite`,
    );
  }
  const line = pieces.join("");
  if (line.trim() !== "") yield parse(line, path, number + 1);
}

function parse(line: string, path: string, number: number): Document {
  const { id, title, text } = parseJson(documentSchema, line, (what) =>
    new PipelineError(
      `${path}, line ${number}: not a document (${what}); expected {"id":…,"title":…,"text":…}`,
    ));
  return { id: String(id ?? number), title: title ?? "", text };
}
