/**
 * What lies beside the documents of an extraction: what was extracted how, and what came of it.
 *
 * @module
 */
import * as v from "valibot";
import { PipelineError } from "../errors.ts";
import { namesIn, refuseStrangers } from "../own_files.ts";
import { count, parseJson, type Schema } from "../wire/json.ts";
import { type PageCounts, pageCountsSchema } from "./counts.ts";
import {
  differences,
  type Duplicates,
  duplicatesSchema,
  type ExtractRecipe,
  isOurs,
  recipeSchema,
} from "./parts.ts";

/** Which documents are left out for being there already: none, equal ones, or similar ones as well. */
export type Deduplicate = "none" | "exact" | "near";

/** A file of documents. */
export interface ExtractedFile {
  /** Its name in the folder. */
  readonly name: string;
  /** Documents in it. */
  readonly documents: number;
  /** Characters of their text, in UTF-16 units. */
  readonly characters: number;
}

/** What was extracted. */
export interface ExtractManifest {
  /** Tells this from other manifests. */
  readonly format: "kohaku-text-1";
  /** What decided the output. */
  readonly recipe: ExtractRecipe;
  /** Which documents were left out for being there already. */
  readonly deduplicate: Deduplicate;
  /** Pages and what became of them, before duplicates were left out. */
  readonly counts: PageCounts;
  /** Duplicates that were left out. */
  readonly duplicates: Duplicates;
  /** Files of documents, in order. */
  readonly files: readonly ExtractedFile[];
}

const manifestSchema: Schema<ExtractManifest> = v.object({
  format: v.literal("kohaku-text-1"),
  recipe: recipeSchema,
  deduplicate: v.picklist(["none", "exact", "near"]),
  counts: pageCountsSchema,
  duplicates: duplicatesSchema,
  files: v.array(v.object({
    name: v.pipe(v.string(), v.regex(/^wiki-\d{5,}\.jsonl\.gz$/)),
    documents: count,
    characters: count,
  })),
});

/** The manifest's name in its folder. */
export const MANIFEST_NAME = "manifest.json";

/**
 * The manifest of a folder.
 *
 * @throws {PipelineError} when there is none that can be read.
 */
export async function readExtractManifest(folder: string): Promise<ExtractManifest> {
  const path = `${folder}/${MANIFEST_NAME}`;
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${path} does not exist; make it with \`deno task extract\``);
  });
  return parseJson(
    manifestSchema,
    text,
    (what) => new PipelineError(`${path}: ${what}; extract again`),
  );
}

/**
 * The manifest of an extraction that is finished already; undefined where `out` is to be made, or to be
 * replaced.
 *
 * @throws {PipelineError} when `out` holds documents that are not to be replaced, or anything else.
 */
export async function findFinished(
  out: string,
  recipe: ExtractRecipe,
  deduplicate: Deduplicate,
  overwrite: boolean,
): Promise<ExtractManifest | undefined> {
  await refuseStrangers(out, isOurs, "an extraction");
  const names = await namesIn(out);
  if (names.length === 0) return undefined;
  const manifest = await readExtractManifest(out).catch(() => undefined);
  const differing = manifest ? differences(recipe, manifest.recipe) : ["no manifest"];
  if (manifest && manifest.deduplicate !== deduplicate) differing.push("deduplicate");
  const missing = manifest?.files.filter(({ name }) => !names.includes(name)) ?? [];
  differing.push(...missing.map(({ name }) => `${name} is missing`));
  if (differing.length === 0) return manifest;
  if (overwrite) return undefined;
  throw new PipelineError(
    `${out} holds documents already (different: ${differing.join(", ")}): add --overwrite, or ` +
      "choose another --out",
  );
}
