/** What a build is made from: its options, checked, and everything that decides its content. */

import { createHash } from "node:crypto";
import { basename } from "@std/path/mod.js";
import { hashFile } from "../content_hash.ts";
import { PipelineError } from "../errors.ts";
import { namesIn, refuseStrangers } from "../own_files.ts";
import { SentencePieceProcessor } from "../sentencepiece/mod.ts";
import type { TextSeparator } from "../text/documents.ts";
import type { SourceFile, TextSource } from "../text/sources.ts";
import { findSpecialIds } from "./encode.ts";
import {
  type BuildRecipe,
  isOurs,
  type Manifest,
  MANIFEST_NAME,
  readManifest,
} from "./manifest.ts";

/**
 * By default there is one training file for so many bytes of (compressed) text, up to the
 * original's thousand: enough to shuffle and share out, none so small that it is a bother.
 */
const TEXT_BYTES_PER_FILE = 1_000_000;
const MOST_FILES = 1000;

/** What to build, from what, and where to. */
export interface BuildOptions {
  /** A file or a folder of documents, or several sources. */
  input: string | readonly TextSource[];
  /** The tokenizer's .model file. */
  model: string;
  /** The folder to make. */
  output: string;
  /** Tokens of each example, padding included; at least 5. */
  maxSeqLength: number;
  /** How many workers encode; the result does not depend on it. */
  numProcesses: number;
  /** How many training files; by default one per MB of compressed text, 1000 at most. */
  numOutFiles?: number;
  /** Whether to wrap each file in gzip. */
  compress: "gzip" | "none";
  /** Share of documents to hold out for evaluation, 0 … 1. */
  evalFraction: number;
  /** The encoding of the text; UTF-8 by default. */
  encoding?: string;
  /** The key or the column that holds the text; "text" by default. */
  textField?: string;
  /** What ends a document in plain text; a blank line by default. */
  separator?: TextSeparator;
  /** Seed of every chance. */
  seed: number;
  /** Whether to lower-case text before it is encoded. */
  doLowerCase: boolean;
  /** Replace examples that are there already and were built otherwise. */
  overwrite: boolean;
  /**
   * Bytes of examples gathered in memory before they are written and the state is saved; 64 MiB
   * by default. The result does not depend on it.
   */
  gatherBytes?: number;
}

/** The bytes of the tokenizer's model. Throws a PipelineError where there is none. */
export async function readModel(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(
      `${path}: no tokenizer model there; train one with \`deno task sentencepiece\``,
    );
  });
}

/**
 * Checks the options and gathers all that decides the content of the files. Throws a PipelineError
 * for an option that cannot be, or a model that is damaged or lacks [CLS], [SEP], [PAD] or [MASK].
 */
export async function makeRecipe(
  options: BuildOptions,
  inputs: readonly SourceFile[],
  model: Uint8Array,
  signal: AbortSignal,
): Promise<BuildRecipe> {
  const { maxSeqLength, evalFraction, numOutFiles, numProcesses, textField, separator } = options;
  if (!Number.isInteger(maxSeqLength) || maxSeqLength < 5) {
    throw new PipelineError(`max_seq_length is ${maxSeqLength}; it must be an integer from 5 on`);
  }
  if (!(evalFraction >= 0 && evalFraction < 1)) {
    throw new PipelineError(`the share to hold out is ${evalFraction}; it must be in 0 … 1`);
  }
  if (!Number.isInteger(numProcesses) || numProcesses < 1) {
    throw new PipelineError(
      `the number of workers is ${numProcesses}; it must be an integer from 1`,
    );
  }
  if (numOutFiles !== undefined && !(Number.isInteger(numOutFiles) && numOutFiles > 0)) {
    throw new PipelineError(`the number of files is ${numOutFiles}; it must be an integer from 1`);
  }
  const processor = SentencePieceProcessor.fromBytes(model, options.model);
  findSpecialIds(processor, options.model);
  const hashed: BuildRecipe["inputs"] = [];
  for (const { path, bytes } of inputs) {
    hashed.push({ name: basename(path), bytes, sha256: await hashFile(path, signal) });
  }
  const textBytes = inputs.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    maxSeqLength,
    vocabSize: processor.vocabSize,
    tokenizerSha256: createHash("sha256").update(model).digest("hex"),
    encoding: options.encoding ?? "utf-8",
    doLowerCase: options.doLowerCase,
    seed: options.seed,
    evalFraction,
    compress: options.compress,
    numOutFiles: numOutFiles ??
      Math.min(MOST_FILES, Math.max(1, Math.ceil(textBytes / TEXT_BYTES_PER_FILE))),
    inputs: hashed,
    ...describeSources(sourcesOf(options.input), inputs),
    ...(textField === undefined || textField === "text" ? {} : { textField }),
    ...(separator === "file" ? { separator } : {}),
  };
}

/** The sources of a build. */
export function sourcesOf(input: BuildOptions["input"]): readonly TextSource[] {
  return typeof input === "string" ? [{ path: input, weight: 1 }] : input;
}

/** What a recipe says of sources: nothing where there is but one, read once. */
function describeSources(
  sources: readonly TextSource[],
  inputs: readonly SourceFile[],
): Pick<BuildRecipe, "sources"> {
  const [{ name, weight }] = sources;
  if (sources.length === 1 && name === undefined && weight === 1) return {};
  return {
    sources: sources.map(({ name, weight }, i) => ({
      name: name ?? "text",
      weight,
      files: inputs.filter(({ source }) => source === i).length,
    })),
  };
}

/** Names of the fields in which two recipes differ. */
export function differences(a: BuildRecipe, b: BuildRecipe): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)] as (keyof BuildRecipe)[])]
    .filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
}

/** Files that a manifest names and that are not there, or of another size. */
async function missing(folder: string, { train, eval: held }: Manifest): Promise<string[]> {
  const faults: string[] = [];
  for (const { name, bytes } of [...train.files, ...held.files]) {
    const size = await Deno.stat(`${folder}/${name}`).then(({ size }) => size, () => undefined);
    if (size === undefined) faults.push(`${name} is missing`);
    else if (size !== bytes) faults.push(`${name} has another size`);
  }
  return faults;
}

/**
 * The manifest of a finished build of the same recipe, if `output` holds one. Throws a
 * PipelineError if it holds anything else that would be lost.
 */
export async function findFinished(
  output: string,
  recipe: BuildRecipe,
  overwrite: boolean,
): Promise<Manifest | undefined> {
  const manifest = await readManifest(output);
  if (manifest === undefined) {
    const names = await namesIn(output);
    if (names.length === 0) return undefined;
    await refuseStrangers(output, isOurs, "a build");
    if (overwrite) return undefined;
    throw new PipelineError(
      `${output}: holds examples but no ${MANIFEST_NAME}, so they are not known to be whole; pass ` +
        "--overwrite to replace them",
    );
  }
  const different = [...differences(recipe, manifest.recipe), ...await missing(output, manifest)];
  if (different.length === 0) return manifest;
  if (overwrite) {
    await refuseStrangers(output, isOurs, "a build");
    return undefined;
  }
  throw new PipelineError(
    `${output}: holds examples built otherwise (different: ${different.join(", ")}); ` +
      `pass --overwrite to replace them`,
  );
}
