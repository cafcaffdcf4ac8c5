/** What an interrupted build left behind, and how the next one goes on from there. */

import * as v from "valibot";
import { writeFileAtomic } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { namesIn, refuseStrangers, removeOwn } from "../own_files.ts";
import {
  type BuildRecipe,
  isOurs,
  recipeSchema,
  REPLACED_NAME,
  shardName,
  type SourceTotals,
  sourceTotalsSchema,
  type Split,
  type SplitTotals,
  splitTotalsSchema,
  STATE_NAME,
} from "./manifest.ts";
import { differences } from "./recipe.ts";
import { type ShardPosition, ShardSet } from "./shards.ts";
import { count, parseJson, type Schema } from "../wire/json.ts";
import { emptyTotals } from "./totals.ts";

const STATE_FORMAT = "kohaku-build-1";

/** A place between two documents of the text. */
export interface TextPlace {
  /** Index of the file. */
  file: number;
  /** Documents of that file that lie before it. */
  documents: number;
}

/** What is safely in the files of a build. */
export interface BuildState {
  /** Says what this file is, with a version. */
  format: typeof STATE_FORMAT;
  /** What is built. */
  recipe: BuildRecipe;
  /** Whether all documents are in, so that only the finishing of the files remains. */
  encoded: boolean;
  /** Where in the text to go on. */
  place: TextPlace;
  /** Documents that are in. */
  documents: number;
  /** Bytes of their text. */
  textBytes: number;
  /** What each source has become, where there are several. */
  sources?: SourceTotals[];
  /** Counts over their examples. */
  totals: Record<Split, SplitTotals>;
  /** How far each file is. */
  positions: Record<Split, ShardPosition[]>;
}

const positionsSchema = v.array(v.object({ bytes: count, records: count }));

const stateSchema: Schema<BuildState> = v.object({
  format: v.literal(STATE_FORMAT),
  recipe: recipeSchema,
  encoded: v.boolean(),
  place: v.object({ file: count, documents: count }),
  documents: count,
  textBytes: count,
  sources: v.exactOptional(v.array(sourceTotalsSchema)),
  totals: v.object({ train: splitTotalsSchema, eval: splitTotalsSchema }),
  positions: v.object({ train: positionsSchema, eval: positionsSchema }),
});

/** How many files a split has. */
function fileCount(split: Split, recipe: BuildRecipe): number {
  if (split === "train") return recipe.numOutFiles;
  if (recipe.evalFraction === 0) return 0;
  return Math.max(1, Math.round(recipe.numOutFiles * recipe.evalFraction));
}

/** Paths of the plain files of a split, in the order in which examples are dealt to them. */
export function shardPaths(folder: string, split: Split, recipe: BuildRecipe): string[] {
  const count = fileCount(split, recipe);
  return Array.from({ length: count }, (_, i) => `${folder}/${shardName(split, i, count)}`);
}

/** Makes the state of a build outlast the process. */
export async function saveState(folder: string, state: BuildState): Promise<void> {
  await writeFileAtomic(`${folder}/${STATE_NAME}`, JSON.stringify(state));
}

/** Removes from a finished folder what only its building needed. */
export async function tidyFinished(folder: string): Promise<void> {
  await removeIfThere(`${folder}/${STATE_NAME}`);
  await removeReplaced(folder);
}

/**
 * The state that a build left in `folder`; undefined if it left none. Throws a PipelineError for one
 * that is damaged or does not fit its own recipe.
 */
async function readState(folder: string): Promise<BuildState | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${folder}/${STATE_NAME}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const path = `${folder}/${STATE_NAME}`;
  const fault = (what: string): PipelineError =>
    new PipelineError(`${path}: ${what}; remove ${folder} to build from the start`);
  const state = parseJson(stateSchema, text, fault);
  for (const split of ["train", "eval"] as const) {
    const files = state.positions[split].length, expected = fileCount(split, state.recipe);
    if (files === expected) continue;
    throw fault(`positions.${split} has ${files} files, not ${expected}`);
  }
  return state;
}

/** Empties the folder of a build. Throws a PipelineError if it holds what no build makes. */
async function emptyFolder(folder: string): Promise<void> {
  await refuseStrangers(folder, isOurs, "a build");
  // The state goes first: without it, nothing will take the rest for whole.
  await removeIfThere(`${folder}/${STATE_NAME}`);
  await removeReplaced(folder);
  for (const name of await namesIn(folder)) await Deno.remove(`${folder}/${name}`);
}

/** Removes the examples that a build has replaced; anything else among them stays. */
async function removeReplaced(folder: string): Promise<void> {
  await removeOwn(`${folder}/${REPLACED_NAME}`, isOurs);
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/**
 * The state of the build in `folder`, which must exist: the last one saved if it was left by a
 * build of the same recipe, else that of an empty folder. Throws a PipelineError if a build of
 * another recipe was interrupted there, unless it is to be dropped.
 */
export async function openBuild(
  folder: string,
  recipe: BuildRecipe,
  dropOther: boolean,
): Promise<BuildState> {
  const saved = await readState(folder);
  const different = saved === undefined ? [] : differences(recipe, saved.recipe);
  if (saved !== undefined && different.length === 0) return saved;
  // With no document in it, there is nothing to lose.
  if (saved !== undefined && saved.documents > 0 && !dropOther) {
    throw new PipelineError(
      `${folder}: holds an interrupted build made otherwise (different: ${
        different.join(", ")
      }); finish it with the flags it was begun with, or pass --overwrite to drop it`,
    );
  }
  await emptyFolder(folder);
  const begin = async (split: Split): Promise<ShardPosition[]> => {
    const set = await ShardSet.create(shardPaths(folder, split, recipe));
    return await set.flush();
  };
  const state: BuildState = {
    format: STATE_FORMAT,
    recipe,
    encoded: false,
    place: { file: 0, documents: 0 },
    documents: 0,
    textBytes: 0,
    totals: { train: emptyTotals(), eval: emptyTotals() },
    positions: { train: await begin("train"), eval: await begin("eval") },
  };
  await saveState(folder, state);
  return state;
}
