/** What an interrupted build left behind, and how the next one goes on from there. */

import { writeFileAtomic } from "../atomic_file.ts";
import { emptyTotals } from "./encode.ts";
import { type BuildRecipe, shardName, type Split, type SplitTotals } from "./manifest.ts";
import { differences } from "./recipe.ts";
import { type ShardPosition, ShardSet } from "./shards.ts";

const STATE_NAME = "state.json";

/** What is safely in the files of a build. */
export interface BuildState {
  /** What is built. */
  recipe: BuildRecipe;
  /** Whether all documents are in, so that only the finishing of the files remains. */
  encoded: boolean;
  /** Documents that are in. */
  documents: number;
  /** Bytes of their text. */
  textBytes: number;
  /** Counts over their examples. */
  totals: Record<Split, SplitTotals>;
  /** How far each file is. */
  positions: Record<Split, ShardPosition[]>;
}

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

/** Removes the state of a build that needs none any more. */
export async function removeState(folder: string): Promise<void> {
  await Deno.remove(`${folder}/${STATE_NAME}`);
}

/**
 * The state that a build of this recipe left in `folder`; undefined if it left none, or one that
 * cannot be read.
 */
async function readState(folder: string, recipe: BuildRecipe): Promise<BuildState | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${folder}/${STATE_NAME}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    const state = JSON.parse(text) as BuildState;
    return differences(recipe, state.recipe).length === 0 ? state : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Opens the folder of a build under way: goes back to the last saved state if it was left by a
 * build of the same recipe, else empties the folder and begins.
 */
export async function openBuild(folder: string, recipe: BuildRecipe): Promise<BuildState> {
  const saved = await readState(folder, recipe);
  if (saved !== undefined) return saved;
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(folder, { recursive: true });
  const begin = async (split: Split): Promise<ShardPosition[]> => {
    const set = await ShardSet.create(shardPaths(folder, split, recipe));
    return await set.flush();
  };
  const state: BuildState = {
    recipe,
    encoded: false,
    documents: 0,
    textBytes: 0,
    totals: { train: emptyTotals(), eval: emptyTotals() },
    positions: { train: await begin("train"), eval: await begin("eval") },
  };
  await saveState(folder, state);
  return state;
}
