/**
 * Text between stages: one JSON document a line, in gzipped files.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";

/** One article. */
export interface Document {
  /** Unique in its source. */
  readonly id: string;
  /** Title. */
  readonly title: string;
  /** Paragraphs, headings and list items, one a line. */
  readonly text: string;
}

/**
 * The documents of a `.jsonl` or `.jsonl.gz` file, or of all such files of a folder in the order of
 * their names.
 *
 * @throws {PipelineError} naming file and line of what is no document, or a folder without any.
 */
export async function* readDocuments(path: string): AsyncGenerator<Document> {
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) {
      throw new PipelineError(`${path} does not exist; make it with \`deno task extract\``);
    }
    throw error;
  });
  if (!info.isDirectory) return yield* readFile(path);
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(path)) {
    if (isFile && /\.jsonl(\.gz)?$/.test(name)) names.push(name);
  }
  if (names.length === 0) {
    throw new PipelineError(`${path} holds no .jsonl or .jsonl.gz file; run \`deno task extract\``);
  }
  for (const name of names.sort()) yield* readFile(`${path}/${name}`);
}

async function* readFile(path: string): AsyncGenerator<Document> {
  const file = await Deno.open(path);
  const bytes = path.endsWith(".gz")
    ? file.readable.pipeThrough(new DecompressionStream("gzip"))
    : file.readable;
  let number = 0, rest = "";
  try {
    for await (const chunk of bytes.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        number++;
        if (line !== "") yield parse(line, path, number);
      }
    }
  } catch (error) {
    if (error instanceof PipelineError || !(error instanceof TypeError)) throw error;
    throw new PipelineError(
      `${path}: damaged after line ${number} (${error.message}); make it again`,
    );
  }
  if (rest !== "") yield parse(rest, path, number + 1);
}

function parse(line: string, path: string, number: number): Document {
  try {
    const { id, title, text } = JSON.parse(line);
    if (typeof text === "string") return { id: String(id ?? number), title: title ?? "", text };
  } catch {
    // Told below.
  }
  throw new PipelineError(
    `${path}, line ${number}: not a document; expected {"id":…,"title":…,"text":…}`,
  );
}
