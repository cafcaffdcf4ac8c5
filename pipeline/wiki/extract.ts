/**
 * The stage: a dump in, documents out.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { DocumentWriter } from "../text/documents.ts";
import { cleanWikitext } from "./clean.ts";
import { type DropReason, dropReason } from "./filter.ts";
import { readPages } from "./pages.ts";
import { readDump, type SyncSource } from "./source.ts";

/** What to extract. */
export interface ExtractOptions {
  /** The dump's path, or "-" for standard input. */
  readonly dump: string;
  /** The folder for documents; made where it is missing. */
  readonly out: string;
  /** Characters below which a document is left out. */
  readonly minLength: number;
  /** Leaves out pages named …の一覧. */
  readonly dropLists: boolean;
  /** Leaves out sections that hold no prose. */
  readonly dropSections: boolean;
  /** Replaces documents that are there already. */
  readonly overwrite: boolean;
}

/** What came of it. */
export interface ExtractResult {
  /** Documents written. */
  readonly kept: number;
  /** Pages left out, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Characters written. */
  readonly characters: number;
  /** Files written. */
  readonly files: readonly string[];
}

/** How far the stage is. */
export interface ExtractProgress {
  /** Bytes of the dump read. */
  readonly bytes: number;
  /** Bytes of the dump; undefined for standard input. */
  readonly totalBytes: number | undefined;
  /** Pages seen. */
  readonly pages: number;
  /** Documents kept. */
  readonly kept: number;
}

/**
 * Extracts the articles of a dump, in the order of the dump.
 *
 * @throws {PipelineError} when the dump is missing, empty, damaged or cut short, when nothing in it is an
 * article, or when the folder holds documents already.
 */
export async function extractDump(
  options: ExtractOptions,
  signal?: AbortSignal,
  onProgress?: (progress: ExtractProgress) => void,
): Promise<ExtractResult> {
  const { dump, out, minLength } = options;
  const name = dump === "-" ? "standard input" : dump;
  if (dump !== "-") {
    const info = await Deno.stat(dump).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new PipelineError(`${dump} does not exist; give a MediaWiki dump (.xml, .bz2, .gz)`);
    });
    if (info.isDirectory) throw new PipelineError(`${dump} is a folder; give a MediaWiki dump`);
  }
  await Deno.mkdir(out, { recursive: true });
  await clear(out, options.overwrite);
  const file = dump === "-" ? undefined : await Deno.open(dump);
  const totalBytes = file ? (await file.stat()).size : undefined;
  const writer = new DocumentWriter(out);
  const dropped = { namespace: 0, redirect: 0, disambiguation: 0, short: 0, list: 0 };
  let kept = 0, pages = 0, characters = 0, bytes = 0;
  try {
    const chunks = readDump(file ?? stdin(), name);
    for await (const page of readPages(chunks, name, (read) => bytes = read)) {
      signal?.throwIfAborted();
      pages++;
      const reason = dropReason(page, options.dropLists);
      const text = reason ? "" : cleanWikitext(page.wikitext, options);
      if (reason || text.length < minLength) {
        dropped[reason ?? "short"]++;
      } else {
        kept++;
        characters += text.length;
        await writer.write({ id: page.id, title: page.title, text });
      }
      onProgress?.({ bytes, totalBytes, pages, kept });
    }
    if (kept === 0) {
      throw new PipelineError(`none of the ${pages} pages of ${name} is an article to keep`);
    }
    await writer.close();
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    file?.close();
  }
  return { kept, dropped, characters, files: writer.paths };
}

/** Standard input with the one method that reading needs. */
function stdin(): SyncSource {
  return Deno.stdin;
}

async function clear(folder: string, overwrite: boolean): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (!/^wiki-\d+\.jsonl\.gz$/.test(name)) continue;
    if (!overwrite) {
      throw new PipelineError(
        `${folder} holds documents already (${name}): add --overwrite, or choose another --out`,
      );
    }
    await Deno.remove(`${folder}/${name}`);
  }
}
