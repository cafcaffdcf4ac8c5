/**
 * The livedoor news corpus as published: a folder for each class, a file for each article, of which the
 * first line is an address, the second a date and the third the title.
 *
 * Address and date give the class away (each class is a site of its own) and are dropped.
 *
 * @module
 */
import { join } from "@std/path/mod.js";
import type { ClassificationExample } from "../example.ts";
import { readText } from "./read_text.ts";
import type { OnBadRow } from "./report.ts";

/** Files that are no articles. */
const NO_ARTICLES = /^(LICENSE|README|CHANGES)/;

/** The articles of a folder of folders, classes and files in order of their names. */
export async function* readArticles(
  folder: string,
  onBad: OnBadRow,
): AsyncGenerator<ClassificationExample> {
  const labels = await namesIn(folder, "isDirectory");
  // The published archive holds all classes in one folder, `text`.
  if (labels.length === 1 && labels[0] === "text") {
    return yield* readArticles(join(folder, "text"), onBad);
  }
  for (const label of labels) {
    for (const name of await namesIn(join(folder, label), "isFile")) {
      if (!name.endsWith(".txt") || NO_ARTICLES.test(name)) continue;
      const file = join(folder, label, name);
      const lines = (await readText(file)).split(/\r?\n/);
      const text = lines.slice(2).map((line) => line.trim()).filter((line) => line !== "").join(
        "\n",
      );
      if (text === "") onBad({ file }, "has no text behind address and date");
      else yield { kind: "classification", id: name, place: { file }, text, label };
    }
  }
}

async function namesIn(folder: string, kind: "isDirectory" | "isFile"): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) if (entry[kind]) names.push(entry.name);
  return names.sort();
}
