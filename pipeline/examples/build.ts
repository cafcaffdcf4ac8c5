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

import { writeFileAtomic } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { mapInOrder } from "../ordered_workers.ts";
import { type Document, readDocuments } from "../text/documents.ts";
import { type BuildState, openBuild, removeState, saveState, shardPaths } from "./build_state.ts";
import type { BuildSetup } from "./build_worker.ts";
import { addTotals, type EncodedDocuments } from "./encode.ts";
import { type Manifest, MANIFEST_NAME, type ManifestFile, type Split } from "./manifest.ts";
import {
  type BuildOptions,
  findFinished,
  type InputFile,
  listInputs,
  makeRecipe,
  readModel,
} from "./recipe.ts";
import type { SealedFile, SealItem } from "./seal_worker.ts";
import { ShardSet } from "./shards.ts";

export type { BuildOptions } from "./recipe.ts";

/** Text that is handed to a worker at once, in UTF-16 units, and documents at most. */
const CHUNK_LENGTH = 1 << 17;
const CHUNK_DOCUMENTS = 256;
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
  /** Bytes of text in all, guessed from the files read so far; unknown within the first. */
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
 * that is missing or unfit, and for an output folder that holds something else.
 */
export async function buildExamples(
  options: BuildOptions,
  signal: AbortSignal,
  onProgress: (progress: BuildProgress) => void,
): Promise<BuildResult> {
  const inputs = await listInputs(options.input);
  const model = await readModel(options.model);
  const recipe = makeRecipe(options, inputs, model);
  const output = await Deno.realPath(options.output).catch(() => options.output);
  const finished = await findFinished(output, recipe, options.overwrite);
  if (finished !== undefined) {
    return { manifest: finished, resumedAt: finished.train.documents + finished.eval.documents };
  }
  const folder = `${output}.part`;
  const state = await openBuild(folder, recipe);
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
  await removeState(output);
  return { manifest, resumedAt };
}

/** Documents from number `skip` on, in pieces of a size that suits a worker. */
async function* chunkDocuments(
  inputs: readonly InputFile[],
  skip: number,
  onFile: (file: InputFile, documents: number) => void,
): AsyncGenerator<Document[]> {
  let chunk: Document[] = [];
  let length = 0;
  let documents = 0;
  for (const input of inputs) {
    for await (const document of readDocuments(input.path)) {
      if (documents++ < skip) continue;
      chunk.push(document);
      length += document.text.length;
      if (length < CHUNK_LENGTH && chunk.length < CHUNK_DOCUMENTS) continue;
      yield chunk;
      chunk = [];
      length = 0;
    }
    onFile(input, documents);
  }
  if (chunk.length > 0) yield chunk;
}

/** Encodes all documents that are not in yet; `state` is kept up to date, in memory and on disk. */
async function encodeAll(
  setup: BuildSetup,
  { numProcesses, gatherBytes = GATHER_BYTES }: BuildOptions,
  inputs: readonly InputFile[],
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
  let readBytes = 0;
  let totalDocuments: number | undefined;
  const onFile = ({ bytes }: InputFile, documents: number): void => {
    readBytes += bytes;
    totalDocuments = documents * inputBytes / readBytes;
  };
  const results = mapInOrder<Document[], EncodedDocuments>(
    chunkDocuments(inputs, state.documents, onFile),
    {
      worker: new URL("./build_worker.ts", import.meta.url),
      workers: numProcesses,
      setup,
      signal,
    },
  );
  try {
    for await (const { documents, textBytes, splits } of results) {
      for (const split of SPLITS) {
        shards[split].deal(splits[split].bytes, splits[split].ends);
        addTotals(state.totals[split], splits[split].totals);
      }
      state.documents += documents;
      state.textBytes += textBytes;
      onProgress({
        phase: "encode",
        documents: state.documents,
        resumedDocuments,
        textBytes: state.textBytes,
        resumedTextBytes,
        totalTextBytes: totalDocuments === undefined
          ? undefined
          : state.textBytes * Math.max(1, totalDocuments / state.documents),
      });
      if (shards.train.pendingBytes >= gatherBytes) await save();
    }
  } catch (error) {
    if (signal.aborted) await save();
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
  const items: SealItem[] = SPLITS.flatMap((split) =>
    shardPaths(folder, split, recipe)
      .map((path, i) => ({ path, examples: positions[split][i].records }))
  );
  const sealed: ManifestFile[] = [];
  const results = mapInOrder<SealItem, SealedFile>(items, {
    worker: new URL("./seal_worker.ts", import.meta.url),
    workers: Math.min(workers, items.length),
    setup: { compress: recipe.compress },
    signal,
  });
  for await (const { path, bytes, sha256 } of results) {
    const { examples } = items[sealed.length];
    sealed.push({ name: path.slice(folder.length + 1), bytes, examples, sha256 });
    onProgress({ phase: "finish", files: sealed.length, totalFiles: items.length });
  }
  const trainFiles = positions.train.length;
  return {
    format: "kohaku-examples-1",
    recipe,
    textBytes: state.textBytes,
    train: { ...totals.train, files: sealed.slice(0, trainFiles) },
    eval: { ...totals.eval, files: sealed.slice(trainFiles) },
  };
}

/** Gives the finished folder its final name; what bore that name before goes away. */
async function takeName(folder: string, output: string): Promise<void> {
  const old = `${output}.old`;
  await Deno.remove(old, { recursive: true }).catch(() => {});
  await Deno.rename(output, old).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.rename(folder, output);
  await Deno.remove(old, { recursive: true }).catch(() => {});
}
