/** What a build of examples says about itself: `manifest.json` beside the files. */

import * as v from "valibot";
import { PipelineError } from "../errors.ts";
import { count, parseJson, type Schema } from "../wire/json.ts";

/** Name of the manifest inside the folder of examples. */
export const MANIFEST_NAME = "manifest.json";

/** Name of the file that says how far a build is. */
export const STATE_NAME = "state.json";

/** Name, inside the finished folder, of the folder that it replaced, until that is removed. */
export const REPLACED_NAME = "replaced";

/** The two groups of files: what is trained on, and what is held out to evaluate on. */
export type Split = "train" | "eval";

/** How the files of each split begin; the names of the training files are the original's. */
export const SPLIT_PREFIX: Readonly<Record<Split, string>> = {
  train: "pretrain_data",
  eval: "eval_data",
};

/** How many bins the histogram of lengths has. */
export const LENGTH_BINS = 16;

/** One file of examples. */
export interface ManifestFile {
  /** Name within the folder. */
  name: string;
  /** Size on disk. */
  bytes: number;
  /** How many records it holds. */
  examples: number;
  /** SHA-256 of the file as it lies on disk, in hexadecimal. */
  sha256: string;
}

/** Counts over the examples of one split. */
export interface SplitTotals {
  /** Documents that went into this split. */
  documents: number;
  /** Examples made of them. */
  examples: number;
  /** Real tokens in all examples, [CLS] and [SEP] included. */
  tokens: number;
  /** Tokens that did not fit into their example and were cut off. */
  cutTokens: number;
  /**
   * Examples by number of real tokens: entry i counts lengths in
   * (i, i + 1] × max_seq_length / {@linkcode LENGTH_BINS}.
   */
  lengthHistogram: number[];
}

/** Everything that decides the content of the files. */
export interface BuildRecipe {
  /** Tokens of each example, padding included. */
  maxSeqLength: number;
  /** Pieces of the tokenizer's model. */
  vocabSize: number;
  /** SHA-256 of the tokenizer's model file. */
  tokenizerSha256: string;
  /** The encoding of the text files. */
  encoding: string;
  /** Whether text was lower-cased before it was encoded. */
  doLowerCase: boolean;
  /** Seed of every chance. */
  seed: number;
  /** Share of documents that is held out. */
  evalFraction: number;
  /** Whether each file is wrapped in gzip. */
  compress: "gzip" | "none";
  /** Number of training files. */
  numOutFiles: number;
  /** The text files that were read: name, size and SHA-256, in hexadecimal. */
  inputs: { name: string; bytes: number; sha256: string }[];
  /** Where they come from, in their order, where there are several sources or one has a weight. */
  sources?: { name: string; weight: number; files: number }[];
  /** The key or the column that holds the text, where it is not "text". */
  textField?: string;
  /** What ends a document in plain text, where it is not a blank line. */
  separator?: "file";
}

/** Counts over what one source became, held-out examples included. */
export interface SourceTotals {
  /** Its name. */
  name: string;
  /** Documents, each as often as it was counted. */
  documents: number;
  /** Bytes of their text, as UTF-8. */
  textBytes: number;
  /** Examples made of them. */
  examples: number;
  /** Real tokens in them. */
  tokens: number;
}

/** The content of `manifest.json`. */
export interface Manifest {
  /** Says what this file is, with a version. */
  format: "kohaku-examples-1";
  /** What the files were made from and how. */
  recipe: BuildRecipe;
  /** Bytes of text read, as UTF-8. */
  textBytes: number;
  /** What each source became, where the recipe names several. */
  sources?: SourceTotals[];
  /** Training examples: totals and files in the order of their numbers. */
  train: SplitTotals & { files: ManifestFile[] };
  /** Held-out examples, likewise. */
  eval: SplitTotals & { files: ManifestFile[] };
}

/** The name of file `index` of `count`, as TensorFlow pads it: five digits each. */
export function shardName(split: Split, index: number, count: number): string {
  const number = (value: number): string => String(value).padStart(5, "0");
  return `${SPLIT_PREFIX[split]}.tfrecord-${number(index)}-of-${number(count)}`;
}

/** Whether a name in a folder of examples is of something that a build has made. */
export function isOurs(name: string): boolean {
  return SHARD.test(name) || RECORD.test(name) || name === REPLACED_NAME;
}

const SHARD = new RegExp(
  `^(?:${Object.values(SPLIT_PREFIX).join("|")})` +
    "\\.tfrecord-\\d{5,}-of-\\d{5,}(?:\\.gz)?(?:\\.part)?$",
);

const RECORD = /^(?:state|manifest)\.json(?:\.part)?$/;

/** What the counts of one split must look like. */
export const splitTotalsSchema: Schema<SplitTotals> = v.object({
  documents: count,
  examples: count,
  tokens: count,
  cutTokens: count,
  lengthHistogram: v.pipe(v.array(count), v.length(LENGTH_BINS)),
});

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** What a recipe must look like. */
export const recipeSchema: Schema<BuildRecipe> = v.object({
  maxSeqLength: v.pipe(count, v.minValue(5)),
  vocabSize: v.pipe(count, v.minValue(1)),
  tokenizerSha256: sha256,
  encoding: v.optional(v.string(), "utf-8"),
  doLowerCase: v.boolean(),
  seed: count,
  evalFraction: v.pipe(v.number(), v.minValue(0), v.ltValue(1)),
  compress: v.picklist(["gzip", "none"]),
  numOutFiles: v.pipe(count, v.minValue(1)),
  inputs: v.array(v.object({ name: v.string(), bytes: count, sha256 })),
  sources: v.exactOptional(
    v.array(v.object({ name: v.string(), weight: v.number(), files: count })),
  ),
  textField: v.exactOptional(v.string()),
  separator: v.exactOptional(v.literal("file")),
});

/** What counts of sources must look like. */
export const sourceTotalsSchema: Schema<SourceTotals> = v.object({
  name: v.string(),
  documents: count,
  textBytes: count,
  examples: count,
  tokens: count,
});

/** A name of a file beside the manifest: it cannot lead out of the folder. */
const fileName = v.pipe(
  v.string(),
  v.regex(/^(?:pretrain|eval)_data\.tfrecord-\d{5,}-of-\d{5,}(?:\.gz)?$/),
);

const splitSchema = v.intersect([
  splitTotalsSchema,
  v.object({
    files: v.array(v.object({ name: fileName, bytes: count, examples: count, sha256 })),
  }),
]);

const manifestSchema: Schema<Manifest> = v.object({
  format: v.literal("kohaku-examples-1"),
  recipe: recipeSchema,
  textBytes: count,
  sources: v.exactOptional(v.array(sourceTotalsSchema)),
  train: splitSchema,
  eval: splitSchema,
});

/**
 * Reads the manifest of a folder of examples; undefined where there is none. Throws a
 * PipelineError for one that this version cannot read, naming what does not fit.
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = `${folder}/${MANIFEST_NAME}`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return parseJson(
    manifestSchema,
    text,
    (what) => new PipelineError(`${path}: ${what}; build the examples again`),
  );
}
