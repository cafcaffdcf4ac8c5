/**
 * The stage: a dump in, documents out.
 *
 * A dump is divided into parts, of which each becomes a file. Where a file is cut depends on the dump
 * alone, so the same bytes come out for any number of workers, from runs that were stopped and went on,
 * and from shards that did some of the parts each. All is written to a folder `NAME.part`; once every
 * part is there, it takes its final name.
 *
 * @module
 */
import { hashFile } from "../content_hash.ts";
import { PipelineError } from "../errors.ts";
import { type Lock, lock } from "../lock.ts";
import { mapInOrder } from "../ordered_workers.ts";
import { CLEANING_RULES } from "./clean.ts";
import { decompressorCommand } from "./decompressor.ts";
import {
  divideStreams,
  divideXml,
  type Division,
  type Dump,
  type DumpPiece,
  isMultistream,
  openDump,
} from "./dump.ts";
import type { ExtractedPiece, ExtractSetup } from "./extract_worker.ts";
import { finishExtraction, tidy } from "./finish.ts";
import { type Deduplicate, type ExtractManifest, findFinished } from "./manifest.ts";
import { type ExtractRecipe, PartsFolder } from "./parts.ts";
import type { DumpSetup } from "./piece_pages.ts";
import { readStreamIndex } from "./stream_index.ts";
import { makeLibrary, type TemplateLibrary, type TemplatePage } from "./template_library.ts";
import type { CollectedPiece } from "./template_worker.ts";
import { hashTemplates, readTemplates, writeTemplates } from "./templates_file.ts";

/** What to extract. */
export interface ExtractOptions {
  /** The dump's path, or "-" for standard input. */
  readonly dump: string;
  /** The folder for documents; it must not hold anything else. */
  readonly out: string;
  /** Characters below which a document is left out. */
  readonly minLength: number;
  /** Leaves out pages named …の一覧. */
  readonly dropLists: boolean;
  /** Leaves out sections that hold no prose. */
  readonly dropSections: boolean;
  /** Replaces documents that were extracted otherwise. */
  readonly overwrite: boolean;
  /** Workers; the output does not depend on it. Default: one. */
  readonly numProcesses?: number;
  /** Which documents are left out for being there already. Default: none. */
  readonly deduplicate?: Deduplicate;
  /** Does the `index`-th (from 1) of `count` shares of the parts. Default: all. */
  readonly shard?: { readonly index: number; readonly count: number };
  /** A command that decodes bzip2, zstd, xz or 7z to standard output. */
  readonly decompressor?: string;
  /** The encoding of the dump's text. Default: UTF-8, as MediaWiki writes it. */
  readonly encoding?: string;
  /** The published index of a multistream dump; without it, the dump is searched for streams. */
  readonly index?: string;
  /**
   * The file of the dump's own templates, whose text is put in where it can be worked out; where it does
   * not exist, they are collected in a pass of its own. Default: none.
   */
  readonly templates?: string;
  /** Bytes of a part. Default: a 64th of the dump, at least 1 MiB and at most 8 MiB. */
  readonly partBytes?: number;
}

/** What came of it. */
export interface ExtractResult {
  /** What was extracted; undefined where other shards have not done their parts. */
  readonly manifest: ExtractManifest | undefined;
  /** Parts that earlier runs had done already. */
  readonly resumedParts: number;
  /** Parts of this run. */
  readonly parts: number;
}

/** How far the stage is. */
export interface ExtractProgress {
  /** What is being done. */
  readonly phase: "identify" | "templates" | "extract" | "deduplicate";
  /** Bytes of the dump read, be it to tell it from others, or documents compared. */
  readonly done: number;
  /** Those of them that an earlier run had done. */
  readonly resumed: number;
  /** All there are; undefined for standard input. */
  readonly total: number | undefined;
  /** Pages seen by this run. */
  readonly pages: number;
  /** Documents that this run has kept. */
  readonly documents: number;
}

const MIB = 1 << 20;

/** XML grows to about four times its packed size. */
const XML_GROWTH = 4;

/**
 * Extracts the articles of a dump, in the order of the dump. Stops at the signal by throwing its reason;
 * the parts that are done stay, and the next run goes on from there.
 *
 * @throws {PipelineError} when the dump is missing, empty, damaged or cut short, when nothing in it is an
 * article, or when the folder holds something else.
 */
export async function extractDump(
  options: ExtractOptions,
  signal: AbortSignal = new AbortController().signal,
  onProgress: (progress: ExtractProgress) => void = () => {},
): Promise<ExtractResult> {
  const dump = await openDump(options.dump, options.decompressor !== undefined);
  try {
    return await extract(dump, options, signal, onProgress);
  } finally {
    dump.close();
  }
}

async function extract(
  dump: Dump,
  options: ExtractOptions,
  signal: AbortSignal,
  onProgress: (progress: ExtractProgress) => void,
): Promise<ExtractResult> {
  const { shard = { index: 1, count: 1 }, deduplicate = "none", overwrite } = options;
  if (shard.count > 1 && dump.path === undefined) {
    throw new PipelineError("shards share a dump: give a file, not standard input");
  }
  const streams = options.decompressor === undefined && !isConverted(options) &&
    isMultistream(dump);
  const templates = await findTemplates(dump, options, streams, signal, onProgress);
  const recipe = await makeRecipe(dump, streams, options, templates, signal, onProgress);
  const out = await Deno.realPath(options.out).catch(() => options.out);
  const of = JSON.stringify([recipe, deduplicate]);
  using writing = await lock(out, {
    task: "extract",
    mode: "write",
    share: shard.count > 1 ? { ...shard, of } : undefined,
  });
  signal = AbortSignal.any([signal, writing.lost]);
  const finished = await findFinished(out, recipe, deduplicate, overwrite);
  if (finished) {
    await tidy(out, finished);
    return { manifest: finished, resumedParts: finished.files.length, parts: 0 };
  }
  const folder = `${out}.part`;
  const parts = await PartsFolder.open(folder, recipe, overwrite);
  const resumedParts = parts.done.size;
  const mine = (part: number): boolean => part % shard.count === shard.index - 1;
  const division: Division = {
    partBytes: recipe.partBytes,
    wants: (part) => mine(part) && !parts.done.has(part),
  };
  try {
    const library = templates && makeLibrary(templates);
    await extractParts(dump, options, streams, division, library, parts, mine, signal, onProgress);
  } catch (error) {
    await parts.discard();
    throw error;
  }
  const made = parts.done.size - resumedParts;
  using turn = shard.count > 1 ? await takeLastTurn(parts, division.parts!) : undefined;
  if (shard.count > 1 && turn === undefined) {
    return { manifest: undefined, resumedParts, parts: made };
  }
  const manifest = await finishExtraction(
    parts,
    out,
    deduplicate,
    signal,
    (done, total) =>
      onProgress({ phase: "deduplicate", done, resumed: 0, total, pages: 0, documents: done }),
  );
  return { manifest, resumedParts, parts: made };
}

/**
 * The right to finish, where the other shards have done their parts: of shards that end at the same time,
 * one gets it.
 */
async function takeLastTurn(parts: PartsFolder, count: number): Promise<Lock | undefined> {
  let turn: Lock | undefined;
  try {
    await parts.load();
    if (parts.done.size < count) return undefined;
    turn = await lock(`${parts.folder}.finish`, { task: "extract", mode: "write" });
    // Another may have finished since.
    await parts.load();
    return turn;
  } catch (error) {
    turn?.release();
    if (error instanceof Deno.errors.NotFound || error instanceof PipelineError) return undefined;
    throw error;
  }
}

/** Whether the text of a dump is converted on its way. */
function isConverted({ encoding = "utf-8" }: ExtractOptions): boolean {
  return encoding !== "utf-8";
}

/** What workers must know of a dump. */
function setupOf({ path, size, name }: Dump, options: ExtractOptions): DumpSetup {
  return { dump: path, size, name, converted: isConverted(options) };
}

/** Divides a dump into pieces. */
async function divide(
  dump: Dump,
  { index, decompressor, encoding }: ExtractOptions,
  streams: boolean,
  division: Division,
  signal: AbortSignal,
): Promise<Iterable<DumpPiece> | AsyncIterable<DumpPiece>> {
  if (streams) {
    return divideStreams(dump, division, index ? await readStreamIndex(index) : undefined);
  }
  const command = decompressor ? decompressorCommand(decompressor) : undefined;
  return divideXml(dump, division, { decompressor: command, encoding }, signal);
}

/** The templates to put in: of the file that is named, else collected from the dump and put there. */
async function findTemplates(
  { path, size }: Dump,
  options: ExtractOptions,
  streams: boolean,
  signal: AbortSignal,
  onProgress: (progress: ExtractProgress) => void,
): Promise<readonly TemplatePage[] | undefined> {
  if (options.templates === undefined) return undefined;
  const known = await readTemplates(options.templates);
  if (known) return known;
  if (path === undefined) {
    throw new PipelineError(
      `${options.templates} does not exist, and standard input can be read but once; collect the ` +
        "templates from the dump's file",
    );
  }
  const dump = await openDump(path, options.decompressor !== undefined);
  try {
    const division: Division = { partBytes: 8 * MIB, wants: () => true };
    const pieces = await divide(dump, options, streams, division, signal);
    const results = mapInOrder<DumpPiece, CollectedPiece>(pieces, {
      worker: new URL("./template_worker.ts", import.meta.url),
      workers: options.numProcesses ?? 1,
      setup: setupOf(dump, options),
      transfer: (piece) => piece.kind === "xml" ? [piece.bytes.buffer] : [],
      signal,
    });
    const found: TemplatePage[] = [];
    let done = 0, pages = 0;
    for await (const piece of results) {
      found.push(...piece.templates);
      done += piece.read;
      pages += piece.pages;
      const documents = found.length;
      onProgress({ phase: "templates", done, resumed: 0, total: size, pages, documents });
    }
    await writeTemplates(options.templates, found);
    return found;
  } finally {
    dump.close();
  }
}

/** Works on the parts that are wanted, one after the other. */
async function extractParts(
  dump: Dump,
  options: ExtractOptions,
  streams: boolean,
  division: Division,
  library: TemplateLibrary | undefined,
  parts: PartsFolder,
  mine: (part: number) => boolean,
  signal: AbortSignal,
  onProgress: (progress: ExtractProgress) => void,
): Promise<void> {
  const { dropSections, minLength, dropLists } = options;
  const setup: ExtractSetup = {
    ...setupOf(dump, options),
    clean: { dropSections, library },
    minLength,
    dropLists,
  };
  const pieces = await divide(dump, options, streams, division, signal);
  const results = mapInOrder<DumpPiece, ExtractedPiece>(pieces, {
    worker: new URL("./extract_worker.ts", import.meta.url),
    workers: options.numProcesses ?? 1,
    setup,
    transfer: (piece) => piece.kind === "xml" ? [piece.bytes.buffer] : [],
    signal,
  });
  // Streams that are done are not read again; XML must be decoded from its beginning.
  const resumed = streams
    ? [...parts.done.values()].reduce((sum, { part, bytes }) => sum + (mine(part) ? bytes : 0), 0)
    : 0;
  const total = streams ? shareOf(dump.size!, division.partBytes, mine) : dump.size;
  let part: number | undefined, partBytes = 0, read = 0, pages = 0, documents = 0;
  for await (const { part: next, read: bytes, segment, counts } of results) {
    if (next !== part) {
      if (part !== undefined) await parts.end(partBytes);
      parts.begin(next);
      part = next;
      partBytes = 0;
    }
    await parts.add(segment, counts);
    partBytes += bytes;
    read += bytes;
    pages += counts.pages;
    documents += counts.documents;
    const done = resumed + read;
    onProgress({ phase: "extract", done, resumed, total, pages, documents });
  }
  if (part !== undefined) await parts.end(partBytes);
}

/** Bytes of the parts that are ours. */
function shareOf(size: number, partBytes: number, mine: (part: number) => boolean): number {
  let share = 0;
  for (let part = 0; part * partBytes < size; part++) {
    if (mine(part)) share += Math.min(partBytes, size - part * partBytes);
  }
  return share;
}

async function makeRecipe(
  { path, name, size }: Dump,
  streams: boolean,
  { partBytes, minLength, dropLists, dropSections, encoding = "utf-8" }: ExtractOptions,
  templates: readonly TemplatePage[] | undefined,
  signal: AbortSignal,
  onProgress: (progress: ExtractProgress) => void,
): Promise<ExtractRecipe> {
  // What comes through a pipe can be read but once.
  const whole = path !== undefined && size !== undefined;
  let done = 0;
  const dumpHash = !whole ? undefined : await hashFile(path, signal, (count) => {
    done += count;
    onProgress({ phase: "identify", done, resumed: 0, total: size, pages: 0, documents: 0 });
  });
  const packed = partBytes ?? Math.min(8 * MIB, Math.max(MIB, Math.ceil((size ?? 0) / 64)));
  return {
    dump: name,
    dumpBytes: size,
    dumpHash,
    minLength,
    dropLists,
    dropSections,
    encoding,
    templates: templates && await hashTemplates(templates),
    rules: CLEANING_RULES,
    partsOf: streams ? "dump" : "XML",
    partBytes: streams ? packed : XML_GROWTH * packed,
  };
}
