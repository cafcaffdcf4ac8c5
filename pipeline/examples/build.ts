/**
 * Building the training examples: text files and a tokenizer's model in, TFRecord files and a
 * manifest out.
 *
 * Documents are worked on by any number of workers, but every document's examples depend on the
 * seed and its id alone and are dealt to the files in the order of the documents, so the files
 * are the same bytes for any number of workers. All is written to a folder `NAME.part` which
 * takes its final name in one step at the end. On the way a state file beside the data says how
 * many documents are safely in: a build that was stopped or killed goes on from there.
 */

import { dirname } from "@std/path/mod.js";
import { syncFolder, writeFileAtomic } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { lock } from "../lock.ts";
import { refuseStrangers } from "../own_files.ts";
import { mapInOrder } from "../ordered_workers.ts";
import type { Document } from "../text/documents.ts";
import { listSourceFiles, type SourceFile } from "../text/sources.ts";
import { type BuildState, openBuild, saveState, shardPaths, tidyFinished } from "./build_state.ts";
import type { BuildSetup } from "./build_worker.ts";
import { chunkDocuments, type ChunkMark } from "./chunks.ts";
import type { EncodedDocuments } from "./encode.ts";
import {
  isOurs,
  type Manifest,
  MANIFEST_NAME,
  type ManifestFile,
  REPLACED_NAME,
  type Split,
} from "./manifest.ts";
import { type BuildOptions, findFinished, makeRecipe, readModel, sourcesOf } from "./recipe.ts";
import type { SealedFile, SealItem } from "./seal_worker.ts";
import { ShardSet } from "./shards.ts";
import { addTotals } from "./totals.ts";

export type { BuildOptions } from "./recipe.ts";

/** Default of gatherBytes: few appends to a thousand files, without much memory. */
const GATHER_BYTES = 64 << 20;

const SPLITS: readonly Split[] = ["train", "eval"];

/** How far the encoding of documents is. */
export interface EncodeProgress {
  /** Tells this phase from the other. */
  phase: "encode";
  /** Documents encoded so far. */
  documents: number;
  /** Those of them that an earlier run had done. */
  resumedDocuments: number;
  /** Bytes of text of all documents so far. */
  textBytes: number;
  /** Those of them that an earlier run had done. */
  resumedTextBytes: number;
  /** Bytes of text in all, guessed from the share of the files read so far. */
  totalTextBytes?: number;
}

/** How far the finishing of files is: rereading, wrapping, syncing. */
export interface FinishProgress {
  /** Tells this phase from the other. */
  phase: "finish";
  /** Files that are finished. */
  files: number;
  /** Files in all. */
  totalFiles: number;
  /** Bytes of examples in the finished files, unwrapped. */
  bytes: number;
  /** Bytes of examples in all files. */
  totalBytes: number;
}

/** How far a build is. */
export type BuildProgress = EncodeProgress | FinishProgress;

/** What came of a build. */
export interface BuildResult {
  /** The manifest, as it lies beside the files. */
  manifest: Manifest;
  /** Documents that an earlier run had done already: all of them where nothing was left to do. */
  resumedAt: number;
}

/**
 * Builds the examples; see the top of this file. Reports progress and stops at the signal, after
 * saving what is done, by throwing the signal's reason. Throws a PipelineError for text or a model
 * that is missing or unfit, for an output folder that holds something else, and while another
 * build works on the same output.
 */
export async function buildExamples(
  options: BuildOptions,
  signal: AbortSignal,
  onProgress: (progress: BuildProgress) => void,
): Promise<BuildResult> {
  const output = await Deno.realPath(options.output).catch(() => options.output);
  const sources = sourcesOf(options.input);
  using reading = new DisposableStack();
  const locks: AbortSignal[] = [];
  for (const { path } of sources) {
    locks.push(reading.use(await lock(path, { task: "build", mode: "read" })).lost);
  }
  using encoding = await lock(options.model, { task: "build", mode: "read" });
  const inputs = await listSourceFiles(sources);
  const model = await readModel(options.model);
  const recipe = await makeRecipe(options, inputs, model, signal);
  using writing = await lock(output, { task: "build", mode: "write" });
  signal = AbortSignal.any([signal, ...locks, encoding.lost, writing.lost]);
  const finished = await findFinished(output, recipe, options.overwrite);
  if (finished !== undefined) {
    await tidyFinished(output);
    return { manifest: finished, resumedAt: finished.train.documents + finished.eval.documents };
  }
  const folder = `${output}.part`;
  await Deno.mkdir(folder, { recursive: true });
  const state = await openBuild(folder, recipe, options.overwrite);
  const resumedAt = state.documents;
  if (!state.encoded) {
    const { maxSeqLength, doLowerCase, seed, evalFraction } = recipe;
    const setup: BuildSetup = {
      model,
      modelName: options.model,
      options: { maxSeqLength, doLowerCase, seed, evalFraction },
    };
    await encodeAll(setup, options, inputs, folder, state, signal, onProgress);
  }
  const manifest = await sealAll(options.numProcesses, folder, state, signal, onProgress);
  await writeFileAtomic(`${folder}/${MANIFEST_NAME}`, JSON.stringify(manifest, null, 2) + "\n");
  await takeName(folder, output);
  await tidyFinished(output);
  return { manifest, resumedAt };
}

/** Encodes all documents that are not in yet; `state` is kept up to date, in memory and on disk. */
async function encodeAll(
  setup: BuildSetup,
  { numProcesses, gatherBytes = GATHER_BYTES, input, textField, separator }: BuildOptions,
  inputs: readonly SourceFile[],
  folder: string,
  state: BuildState,
  signal: AbortSignal,
  onProgress: (progress: BuildProgress) => void,
): Promise<void> {
  const resume = (split: Split): Promise<ShardSet> =>
    ShardSet.resume(shardPaths(folder, split, state.recipe), state.positions[split]);
  const shards = { train: await resume("train"), eval: await resume("eval") };
  const save = async (): Promise<void> => {
    for (const split of SPLITS) state.positions[split] = await shards[split].flush();
    await saveState(folder, state);
  };
  const { documents: resumedDocuments, textBytes: resumedTextBytes } = state;
  const inputBytes = inputs.reduce((sum, { bytes }) => sum + bytes, 0);
  const report = (totalTextBytes: number | undefined): void =>
    onProgress({
      phase: "encode",
      documents: state.documents,
      resumedDocuments,
      textBytes: state.textBytes,
      resumedTextBytes,
      totalTextBytes,
    });
  // Results come in the order of the chunks, so the oldest mark belongs to the next result.
  const marks: ChunkMark[] = [];
  const chunks = chunkDocuments(
    sourcesOf(input),
    inputs,
    { encoding: state.recipe.encoding, textField, separator },
    state.place,
    signal,
    (mark) => marks.push(mark),
  );
  const results = mapInOrder<Document[], EncodedDocuments>(chunks, {
    worker: new URL("./build_worker.ts", import.meta.url),
    workers: numProcesses,
    setup,
    signal,
  });
  try {
    for await (const { documents, textBytes, splits } of results) {
      const { place, readBytes, source } = marks.shift()!;
      for (const split of SPLITS) {
        shards[split].deal(splits[split].bytes, splits[split].ends);
        addTotals(state.totals[split], splits[split].totals);
      }
      state.place = place;
      state.documents += documents;
      state.textBytes += textBytes;
      if (state.recipe.sources) countSource(state, source, { documents, textBytes, splits });
      // Once all files are read, what is left to do cannot be told from them any more.
      report(readBytes < inputBytes ? state.textBytes * inputBytes / readBytes : undefined);
      if (shards.train.pendingBytes + shards.eval.pendingBytes >= gatherBytes) await save();
    }
  } catch (error) {
    // Whatever it was, what is done need not be done again; the first error is the one to tell.
    await save().catch(() => {});
    throw error;
  }
  if (state.totals.train.examples === 0) {
    throw new PipelineError(
      `${inputs.map(({ path }) => path).join(", ")}: no training examples came of ` +
        `${state.documents} documents (${state.textBytes} bytes of text); check the text`,
    );
  }
  state.encoded = true;
  await save();
  report(state.textBytes);
}

/** Adds what came of some documents to the counts of their source. */
function countSource(
  state: BuildState,
  source: number,
  { documents, textBytes, splits }: EncodedDocuments,
): void {
  state.sources ??= state.recipe.sources!.map(({ name }) => (
    { name, documents: 0, textBytes: 0, examples: 0, tokens: 0 }
  ));
  const totals = state.sources[source];
  totals.documents += documents;
  totals.textBytes += textBytes;
  for (const split of SPLITS) {
    totals.examples += splits[split].totals.examples;
    totals.tokens += splits[split].totals.tokens;
  }
}

/** Finishes all files and describes them. */
async function sealAll(
  workers: number,
  folder: string,
  state: BuildState,
  signal: AbortSignal,
  onProgress: (progress: BuildProgress) => void,
): Promise<Manifest> {
  const { recipe, positions, totals } = state;
  const items = SPLITS.flatMap((split) =>
    shardPaths(folder, split, recipe).map((path, i) => ({ path, position: positions[split][i] }))
  );
  const totalBytes = items.reduce((sum, { position }) => sum + position.bytes, 0);
  const sealed: ManifestFile[] = [];
  const results = mapInOrder<SealItem, SealedFile>(
    items.map(({ path, position }) => ({ path, examples: position.records })),
    {
      worker: new URL("./seal_worker.ts", import.meta.url),
      workers: Math.min(workers, items.length),
      setup: { compress: recipe.compress },
      signal,
    },
  );
  let bytesDone = 0;
  for await (const { path, bytes, records, sha256 } of results) {
    bytesDone += items[sealed.length].position.bytes;
    sealed.push({ name: path.slice(folder.length + 1), bytes, examples: records, sha256 });
    onProgress({
      phase: "finish",
      files: sealed.length,
      totalFiles: items.length,
      bytes: bytesDone,
      totalBytes,
    });
  }
  const trainFiles = positions.train.length;
  return {
    format: "kohaku-examples-1",
    recipe,
    textBytes: state.textBytes,
    ...(state.sources ? { sources: state.sources } : {}),
    train: { ...totals.train, files: sealed.slice(0, trainFiles) },
    eval: { ...totals.eval, files: sealed.slice(trainFiles) },
  };
}

/** Gives the finished folder its final name; what bore that name before goes away with it. */
async function takeName(folder: string, output: string): Promise<void> {
  // Somebody may have put something there since the build began.
  await refuseStrangers(output, isOurs, "a build");
  await Deno.rename(output, `${folder}/${REPLACED_NAME}`).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.rename(folder, output);
  await syncFolder(dirname(output));
}
