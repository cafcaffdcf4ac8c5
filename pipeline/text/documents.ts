/**
 * Documents in files: JSON lines, plain text and Parquet, the first two also wrapped in gzip or Zstandard.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { isUnzipError, unwrap, WRAPPINGS } from "../unzip.ts";
import { TextReader } from "./encoding.ts";
import { parseDocument } from "./json_lines.ts";
import { splitLines } from "./lines_of_bytes.ts";
import { readParquet } from "./parquet.ts";

/** One article. */
export interface Document {
  /** Unique in its source. */
  readonly id: string;
  /** Title. */
  readonly title: string;
  /** Paragraphs, headings and list items, one a line. */
  readonly text: string;
  /** Which repetition it is, where its source counts more than once; 0 or nothing for the first. */
  readonly copy?: number;
}

/** What ends a document in plain text. */
export type TextSeparator = "blank-line" | "file";

/** How files are read. */
export interface TextOptions {
  /** The encoding of text and JSON; UTF-8 by default. */
  readonly encoding?: string;
  /** The key, or the column, that holds the text; "text" by default. */
  readonly textField?: string;
  /** What ends a document in plain text; a blank line by default, and the end of the file in any case. */
  readonly separator?: TextSeparator;
}

/** What a file of documents is. */
export type DocumentKind = "json" | "text" | "parquet";

/** Kinds of files by the endings of their names, before a wrapping. */
const KINDS: Readonly<Record<string, DocumentKind>> = {
  ".jsonl": "json",
  ".ndjson": "json",
  ".txt": "text",
  ".parquet": "parquet",
};

/** UTF-16 units after which plain text without an end is cut at a line, into a document of its own. */
const LONGEST_DOCUMENT = 1 << 24;

/** The kind of a file, by its name; undefined for one that holds no documents. */
export function kindOf(path: string): DocumentKind | undefined {
  const wrapping = WRAPPINGS.find((ending) => path.endsWith(ending)) ?? "";
  const plain = path.slice(0, path.length - wrapping.length);
  const ending = Object.keys(KINDS).find((one) => plain.endsWith(one));
  if (ending === undefined || (ending === ".parquet" && wrapping !== "")) return undefined;
  return KINDS[ending];
}

/**
 * The documents of a file, or of all files of a folder whose names tell that they hold documents, in the
 * order of their names. A single file of another name is taken for plain text.
 *
 * @param onBytes is told how many bytes were read from the disk, for progress.
 * @throws {PipelineError} naming file and line of what is no document, or a folder without any.
 */
export async function* readDocuments(
  path: string,
  onBytes?: (count: number) => void,
  options: TextOptions = {},
): AsyncGenerator<Document> {
  const files = await listDocumentFiles(path);
  for (const file of files) yield* readDocumentFile(file.path, onBytes, options);
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
    throw new PipelineError(
      `${path} does not exist; make it with \`deno task extract\`, or name text of your own`,
    );
  });
  if (!info.isDirectory) return [{ path, bytes: info.size }];
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) {
    if (!name.startsWith(".") && kindOf(name) !== undefined) names.push(name);
  }
  const files: DocumentFile[] = [];
  for (const name of names.sort()) {
    const { isFile, size } = await Deno.stat(`${path}/${name}`);
    if (isFile) files.push({ path: `${path}/${name}`, bytes: size });
  }
  if (files.length > 0) return files;
  throw new PipelineError(
    `${path} holds no ${Object.keys(KINDS).join(", ")} file (the text ones perhaps with ` +
      `${WRAPPINGS.join(" or ")}); make such files with \`deno task extract\``,
  );
}

/** The documents of one file. */
export async function* readDocumentFile(
  path: string,
  onBytes: ((count: number) => void) | undefined,
  options: TextOptions,
): AsyncGenerator<Document> {
  const kind = kindOf(path);
  if (kind === "parquet") {
    yield* readParquet(path, options.textField ?? "text", onBytes);
    return;
  }
  let number = 0;
  try {
    const reader = TextReader.ofFile(path, options.encoding);
    const lines = splitLines(unwrap(path, readBytes(path, onBytes)), reader, path);
    if (kind === "json") {
      for await (const line of lines) {
        number++;
        if (line.trim() !== "") {
          yield parseDocument(line, path, number, options.textField ?? "text");
        }
      }
      return;
    }
    let text: string[] = [], length = 0, first = 1;
    const take = (): Document => {
      const document = {
        id: `${nameOf(path)}:${first}`,
        title: "",
        text: text.join("\n").replace(/\n+$/, ""),
      };
      [text, length] = [[], 0];
      return document;
    };
    for await (const line of lines) {
      number++;
      const blank = line.trim() === "";
      if (length === 0) first = number;
      if (!blank || (options.separator === "file" && length > 0)) {
        text.push(line);
        length += line.length + 1;
      }
      const ended = blank && options.separator !== "file";
      if (length > 0 && (ended || length > LONGEST_DOCUMENT)) yield take();
    }
    if (length > 0) yield take();
  } catch (error) {
    if (!isUnzipError(error)) throw error;
    throw new PipelineError(
      `${path}: damaged after line ${number} (${error.message}); use a whole copy, or remove it and ` +
        "make it again with --overwrite",
    );
  }
}

function nameOf(path: string): string {
  return path.split("/").at(-1)!;
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
