/**
 * Text between stages: one JSON document a line, in gzipped files.
 *
 * @module
 */
import { AtomicFile } from "../atomic_file.ts";
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

/** Uncompressed characters after which a new file is begun. */
const FILE_CHARACTERS = 32_000_000;

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

/** Writes documents to `wiki-00000.jsonl.gz` and on; no file is seen before it is whole. */
export class DocumentWriter {
  readonly #folder: string;
  readonly #paths: string[] = [];
  #file: AtomicFile | undefined;
  #gzip: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  #drained: Promise<void> | undefined;
  #pending: string[] = [];
  #pendingLength = 0;
  #characters = 0;

  /** Makes a writer into an existing folder. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Files that are whole. */
  get paths(): readonly string[] {
    return this.#paths;
  }

  /** Appends a document. */
  async write({ id, title, text }: Document): Promise<void> {
    const line = JSON.stringify({ id, title, text }) + "\n";
    this.#pending.push(line);
    this.#pendingLength += line.length;
    if (this.#pendingLength > 1 << 18) await this.#flush();
    if (this.#characters > FILE_CHARACTERS) await this.#endFile();
  }

  /** Completes the last file. */
  async close(): Promise<void> {
    await this.#flush();
    await this.#endFile();
  }

  /** Drops the file under construction; whole files stay. */
  async discard(): Promise<void> {
    await this.#gzip?.abort().catch(() => {});
    await this.#drained?.catch(() => {});
    await this.#file?.discard();
    this.#gzip = this.#file = undefined;
  }

  async #flush(): Promise<void> {
    if (this.#pendingLength === 0) return;
    if (!this.#gzip) await this.#beginFile();
    await this.#gzip!.write(new TextEncoder().encode(this.#pending.join("")));
    this.#characters += this.#pendingLength;
    this.#pending = [];
    this.#pendingLength = 0;
  }

  async #beginFile(): Promise<void> {
    const number = String(this.#paths.length).padStart(5, "0");
    const file = await AtomicFile.create(`${this.#folder}/wiki-${number}.jsonl.gz`);
    const stream = new CompressionStream("gzip");
    this.#file = file;
    this.#gzip = stream.writable.getWriter();
    this.#drained = (async () => {
      for await (const chunk of stream.readable) await file.write(chunk);
    })();
  }

  async #endFile(): Promise<void> {
    if (!this.#gzip || !this.#file) return;
    await this.#gzip.close();
    await this.#drained;
    await this.#file.commit();
    this.#paths.push(this.#file.path);
    this.#gzip = this.#file = undefined;
    this.#characters = 0;
  }
}
