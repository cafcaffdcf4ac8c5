/**
 * The files of an extraction under way. A dump is divided into parts, and each part becomes a file of
 * documents with its counts beside it. A part with counts is done: any run, on any machine, goes on with
 * those that have none.
 *
 * @module
 */
import * as v from "valibot";
import { writeFileAtomic } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { refuseStrangers, removeOwn } from "../own_files.ts";
import { type GzipSegment, SegmentedGzip } from "../text/gzip_segments.ts";
import { count, parseJson, type Schema } from "../wire/json.ts";
import { addCounts, noCounts, type PageCounts, pageCountsSchema } from "./counts.ts";

/** What decides the output of an extraction. */
export interface ExtractRecipe {
  /** The dump's name. */
  readonly dump: string;
  /** Its size; undefined for standard input. */
  readonly dumpBytes: number | undefined;
  /** SHA-256 of its bytes; undefined for standard input. */
  readonly dumpHash: string | undefined;
  /** Characters below which a document is left out. */
  readonly minLength: number;
  /** Whether pages named …の一覧 are left out. */
  readonly dropLists: boolean;
  /** Whether sections that hold no prose are left out. */
  readonly dropSections: boolean;
  /** The encoding of the dump's text. */
  readonly encoding: string;
  /** A hash of the dump's templates that were put in; undefined where none were. */
  readonly templates: string | undefined;
  /** The edition of the rules by which pages are cleaned. */
  readonly rules: number;
  /** Whether parts are cut by bytes of the dump or by bytes of XML. */
  readonly partsOf: "dump" | "XML";
  /** Bytes of a part. */
  readonly partBytes: number;
}

/** Documents that were left out for being there already. */
export interface Duplicates {
  /** The same text as another. */
  readonly exact: number;
  /** Nearly the same text. */
  readonly near: number;
  /** Characters of both. */
  readonly characters: number;
}

/** A part that is done. */
export interface DonePart {
  readonly part: number;
  /** Bytes of the dump that it took. */
  readonly bytes: number;
  /** What was counted when it was extracted. */
  readonly counts: PageCounts;
  /** What was removed since. */
  readonly duplicates?: Duplicates;
}

/** What a recipe must look like that was read from a file. */
export const recipeSchema: Schema<ExtractRecipe> = v.pipe(
  v.object({
    dump: v.string(),
    dumpBytes: v.optional(count),
    dumpHash: v.optional(v.string()),
    minLength: count,
    dropLists: v.boolean(),
    dropSections: v.boolean(),
    encoding: v.optional(v.string(), "utf-8"),
    templates: v.optional(v.string()),
    rules: count,
    partsOf: v.picklist(["dump", "XML"]),
    partBytes: v.pipe(count, v.minValue(1)),
  }),
  v.transform(({ dumpBytes, dumpHash, templates, ...rest }) => {
    return { ...rest, dumpBytes, dumpHash, templates };
  }),
);

/** What counts of duplicates must look like that were read from a file. */
export const duplicatesSchema: Schema<Duplicates> = v.object({
  exact: count,
  near: count,
  characters: count,
});

const donePartSchema = v.object({
  recipe: recipeSchema,
  part: count,
  bytes: count,
  counts: pageCountsSchema,
  duplicates: v.optional(duplicatesSchema),
});

/** The name of a part's file of documents. */
export function partName(part: number): string {
  return `wiki-${String(part).padStart(5, "0")}.jsonl.gz`;
}

const COUNTS = /^wiki-\d{5,}\.counts\.json$/;

/** Whether a file in a folder of documents was put there by an extraction. */
export function isOurs(name: string): boolean {
  return /^wiki-\d{5,}\.(?:jsonl\.gz|counts\.json)(?:\.part)?$/.test(name) ||
    /^manifest\.json(?:\.part)?$/.test(name);
}

/** How two recipes differ, in words; names of dumps do not count. */
export function differences(a: ExtractRecipe, b: ExtractRecipe): string[] {
  const keys = Object.keys(a) as (keyof ExtractRecipe)[];
  const differing = keys.filter((key) => key !== "dump" && a[key] !== b[key]);
  // What came by standard input cannot be told from anything else.
  return a.dumpHash === undefined ? ["dump"] : differing;
}

/** The folder in which an extraction is made. */
export class PartsFolder {
  /** Its path. */
  readonly folder: string;
  /** What is extracted. */
  readonly recipe: ExtractRecipe;
  /** Parts that are done. */
  readonly done = new Map<number, DonePart>();
  #part = -1;
  #file: SegmentedGzip | undefined;
  #counts = noCounts();

  private constructor(folder: string, recipe: ExtractRecipe) {
    this.folder = folder;
    this.recipe = recipe;
  }

  /**
   * Opens the folder, with the parts that are done already.
   *
   * @param overwrite removes parts of another extraction.
   * @throws {PipelineError} when there are such parts and they are not to be removed, or anything else.
   */
  static async open(
    folder: string,
    recipe: ExtractRecipe,
    overwrite: boolean,
  ): Promise<PartsFolder> {
    await refuseStrangers(folder, isOurs, "an extraction");
    await Deno.mkdir(folder, { recursive: true });
    const parts = new PartsFolder(folder, recipe);
    const other = await parts.load();
    if (other === undefined) return parts;
    if (!overwrite) throw new PipelineError(other);
    await removeOwn(folder, isOurs);
    return await PartsFolder.open(folder, recipe, false);
  }

  /**
   * Looks which parts are done; returns a complaint where one is of another extraction.
   *
   * @throws {PipelineError} when the counts of a part are damaged.
   */
  async load(): Promise<string | undefined> {
    const names = [...Deno.readDirSync(this.folder)].map(({ name }) => name);
    for (const name of names.filter((name) => COUNTS.test(name)).sort()) {
      const path = `${this.folder}/${name}`;
      const text = await Deno.readTextFile(path);
      const { recipe, ...done } = parseJson(
        donePartSchema,
        text,
        (what) => new PipelineError(`${path}: ${what}; remove it to extract its part again`),
      );
      const differing = differences(this.recipe, recipe);
      if (differing.length > 0) {
        return `${this.folder} holds an unfinished extraction of ${recipe.dump} (different: ` +
          `${
            differing.join(", ")
          }): finish it with the flags it was begun with, add --overwrite to ` +
          "drop it, or choose another --out";
      }
      if (done.counts.documents > 0 && !names.includes(partName(done.part))) continue;
      this.done.set(done.part, done);
    }
    return undefined;
  }

  /** Begins a part. */
  begin(part: number): void {
    this.#part = part;
    this.#counts = noCounts();
  }

  /** Adds what came of a piece of the part under way. */
  async add(segment: GzipSegment | undefined, counts: PageCounts): Promise<void> {
    addCounts(this.#counts, counts);
    if (segment === undefined) return;
    this.#file ??= await SegmentedGzip.create(`${this.folder}/${partName(this.#part)}`);
    await this.#file.append(segment);
  }

  /** Ends the part under way: its file takes its name, and its counts are put beside it. */
  async end(bytes: number): Promise<void> {
    await this.#file?.commit();
    this.#file = undefined;
    await this.save({ part: this.#part, bytes, counts: this.#counts });
  }

  /** Puts down that a part is done, and what was counted. */
  async save(done: DonePart): Promise<void> {
    const name = partName(done.part).replace(/jsonl\.gz$/, "counts.json");
    const text = JSON.stringify({ recipe: this.recipe, ...done });
    await writeFileAtomic(`${this.folder}/${name}`, text + "\n");
    this.done.set(done.part, done);
  }

  /** Gives up the part under way; removes the folder if nothing in it is done. */
  async discard(): Promise<void> {
    await this.#file?.discard();
    if (this.done.size === 0) {
      // Another shard may be at work there.
      await Deno.remove(this.folder).catch(() => {});
    }
  }
}
