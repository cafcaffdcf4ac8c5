/**
 * Where text comes from: several paths, each with a name and a weight.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { hash32 } from "../examples/random.ts";
import {
  type Document,
  type DocumentFile,
  listDocumentFiles,
  readDocumentFile,
  type TextOptions,
} from "./documents.ts";

/** Text of one origin. */
export interface TextSource {
  /** What the manifest calls it; none for the only one. */
  readonly name?: string;
  /** A file or a folder. */
  readonly path: string;
  /** How often each document counts; a fraction is the chance of one more time. */
  readonly weight: number;
}

/** A file and the source that it is of. */
export interface SourceFile extends DocumentFile {
  /** Place of its source in the list. */
  readonly source: number;
}

/** The largest weight: more is a slip of the keyboard. */
const MOST_WEIGHT = 100;

/** Keeps the choice of copies apart from every other use of a document's hash. */
const COPY_STREAM = 0x2c1b3c6d;

/**
 * Reads `NAME=PATH:WEIGHT`; name and weight may be left out.
 *
 * @throws {PipelineError} for a weight that is none.
 */
export function parseSource(text: string): TextSource {
  const [, name, rest] = /^(?:([\p{L}\p{N}_.-]+)=)?([^]*)$/u.exec(text)!;
  const weighted = /^([^]*):([0-9.]+)$/.exec(rest);
  const path = weighted ? weighted[1] : rest;
  const weight = weighted ? Number(weighted[2]) : 1;
  if (path === "") throw new PipelineError(`input "${text}" names no path; write NAME=PATH:WEIGHT`);
  if (!(weight > 0 && weight <= MOST_WEIGHT)) {
    throw new PipelineError(
      `input "${text}" has the weight ${
        weighted?.[2]
      }; it must be above 0 and at most ${MOST_WEIGHT}`,
    );
  }
  return { ...(name === undefined ? {} : { name }), path, weight };
}

/**
 * The sources of a list as people write it: each has a name, its own or its path's last part, once there
 * are several.
 *
 * @throws {PipelineError} when two have the same name.
 */
export function parseSources(texts: readonly string[]): TextSource[] {
  const sources = texts.map(parseSource);
  if (sources.length < 2) return sources;
  const named = sources.map((source) => ({
    ...source,
    name: source.name ?? source.path.replace(/\/+$/, "").split("/").at(-1)!,
  }));
  for (const { name } of named) {
    if (named.filter((other) => other.name === name).length > 1) {
      throw new PipelineError(`two inputs are called ${name}; name them: NAME=PATH:WEIGHT`);
    }
  }
  return named;
}

/** The files of all sources, one source after the other. */
export async function listSourceFiles(sources: readonly TextSource[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const [source, { path }] of sources.entries()) {
    for (const file of await listDocumentFiles(path)) files.push({ ...file, source });
  }
  return files;
}

/** A document as often as its source's weight says, under an id that other sources do not have. */
export function* copiesOf(document: Document, { name, weight }: TextSource): Generator<Document> {
  const id = name === undefined ? document.id : `${name}/${document.id}`;
  const whole = Math.floor(weight);
  const chance = hash32(id, COPY_STREAM) / 2 ** 32;
  const copies = whole + Number(chance < weight - whole);
  for (let copy = 0; copy < copies; copy++) {
    yield copy === 0 ? { ...document, id } : { ...document, id, copy };
  }
}

/** All documents of all sources, each as often as its source's weight says. */
export async function* readSources(
  sources: readonly TextSource[],
  options: TextOptions,
): AsyncGenerator<Document> {
  for (const file of await listSourceFiles(sources)) {
    for await (const document of readDocumentFile(file.path, undefined, options)) {
      yield* copiesOf(document, sources[file.source]);
    }
  }
}
