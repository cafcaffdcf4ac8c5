/**
 * The splits of a data set: `data/finetuning_data/TASK/{train,dev,test}.*`, or the names of the published files.
 *
 * @module
 */
import { join } from "@std/path/mod.js";
import { PipelineError } from "../errors.ts";
import { parseDescription, type TaskDescription } from "./description.ts";
import type { FinetuningExample } from "./example.ts";
import { readArticles } from "./formats/articles.ts";
import { readColumns } from "./formats/columns.ts";
import { readEntities } from "./formats/entities.ts";
import { readText } from "./formats/read_text.ts";
import { type OnBadRow, refuseBadRow } from "./formats/report.ts";
import { readSquad } from "./formats/squad.ts";
import { readTable } from "./formats/table.ts";
import { KNOWN_TASKS } from "./known_tasks.ts";

/** Parts of a data set. */
export type FinetuningSplit = "train" | "dev" | "test";

/** Examples of one split. */
export interface SplitExamples {
  /** In the order of the file. */
  readonly examples: readonly FinetuningExample[];
  /** The file or folder that they come from. */
  readonly source: string;
  /**
   * Whether the split was cut from another's file, since the data has no file of its own for it. A score on such
   * a split must say so.
   */
  readonly cut: boolean;
}

/** What files of a split are called; published sets call dev "valid" or "validation". */
const SPLIT_NAMES: Readonly<Record<FinetuningSplit, string>> = {
  train: "train",
  dev: "dev|valid|validation",
  test: "test",
};

const ENDINGS: Readonly<Record<TaskDescription["format"], string>> = {
  table: "tsv|csv|jsonl|json",
  columns: "txt|conll|iob2?|bio|tsv",
  entities: "json",
  squad: "json",
  articles: "",
};

/**
 * What the data in a folder is: its `task.json`, or the published set of the folder's name.
 *
 * @throws {PipelineError} for a folder that is not there, or of an unknown name without `task.json`.
 */
export async function describeTask(folder: string, name: string): Promise<TaskDescription> {
  const file = join(folder, "task.json");
  const json = await Deno.readTextFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (json !== undefined) return parseDescription(json, file);
  const known = Object.hasOwn(KNOWN_TASKS, name) ? KNOWN_TASKS[name] : undefined;
  if (known) return known;
  throw new PipelineError(
    `${file} does not exist, and "${name}" is none of the sets known by name ` +
      `(${Object.keys(KNOWN_TASKS).join(", ")}): write it, for instance ` +
      `{"kind": "classification", "columns": {"text": "sentence", "label": "label"}}`,
  );
}

/**
 * Reads one split.
 *
 * Where only one of train and dev has a file, dev is every example whose id's SHA-256, taken as a number, is 1
 * modulo 10, and train the rest.
 *
 * @param onBad told of rows that make no example; by default the first ends the reading.
 * @throws {PipelineError} naming what is missing, empty, given twice or damaged.
 */
export async function readSplit(
  folder: string,
  description: TaskDescription,
  split: FinetuningSplit,
  onBad: OnBadRow = refuseBadRow,
): Promise<SplitExamples> {
  const { source, cut } = await findSource(folder, description, split);
  const examples: FinetuningExample[] = [];
  const seen = new Set<string>();
  for await (const example of examplesOf(source, description, onBad)) {
    if (cut && (await isDev(example.id)) !== (split === "dev")) continue;
    if (seen.has(example.id)) {
      onBad(example.place, `the id "${example.id}" stands in another row too`);
      continue;
    }
    seen.add(example.id);
    examples.push(example);
  }
  if (examples.length === 0) {
    throw new PipelineError(`${source}: holds no example${cut ? ` for the split ${split}` : ""}`);
  }
  return { examples, source, cut };
}

function examplesOf(
  source: string,
  description: TaskDescription,
  onBad: OnBadRow,
): AsyncGenerator<FinetuningExample> | AsyncIterable<FinetuningExample> {
  if (description.format === "articles") return readArticles(source, onBad);
  return fileExamples(source, description, onBad);
}

async function* fileExamples(
  source: string,
  description: TaskDescription,
  onBad: OnBadRow,
): AsyncGenerator<FinetuningExample> {
  const text = await readText(source);
  if (description.format === "table") yield* readTable(text, source, description, onBad);
  else if (description.format === "columns") yield* readColumns(text, source, description, onBad);
  else if (description.format === "entities") yield* readEntities(text, source, onBad);
  else yield* readSquad(text, source, onBad);
}

async function findSource(
  folder: string,
  description: TaskDescription,
  split: FinetuningSplit,
): Promise<{ source: string; cut: boolean }> {
  const names = await namesIn(folder);
  if (description.format === "articles") {
    if (split === "test") {
      throw new PipelineError(`${folder}: folders of articles have no test split`);
    }
    return { source: folder, cut: true };
  }
  const find = (wanted: FinetuningSplit): string | undefined => {
    const ending = ENDINGS[description.format];
    const pattern = new RegExp(
      `^(in_domain_)?(${SPLIT_NAMES[wanted]})([-_]?v?[0-9.]*)\\.(${ending})(\\.gz)?$`,
    );
    const found = names.filter((name) => pattern.test(name) && name !== "task.json");
    if (found.length > 1) {
      throw new PipelineError(
        `${folder}: several files may be the split ${wanted} (${found.join(", ")}); leave one`,
      );
    }
    return found[0] && join(folder, found[0]);
  };
  const own = find(split);
  if (own) return { source: own, cut: otherIsMissing() };
  const other = split === "dev" ? find("train") : split === "train" ? find("dev") : undefined;
  if (other) return { source: other, cut: true };
  throw new PipelineError(
    `${folder}: has no file for the split ${split}; ${split}.* with one of the endings ` +
      `${ENDINGS[description.format].replaceAll("|", ", ")} is expected`,
  );

  function otherIsMissing(): boolean {
    if (split === "test") return false;
    return find(split === "dev" ? "train" : "dev") === undefined;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${folder} does not exist; put train and dev files of the task there`);
  }
  return names.sort();
}

/** Whether an id falls into the tenth that is cut off as dev. */
async function isDev(id: string): Promise<boolean> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id));
  let remainder = 0;
  for (const byte of new Uint8Array(digest)) remainder = (remainder * 256 + byte) % 10;
  return remainder === 1;
}
