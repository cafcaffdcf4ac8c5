/**
 * The file of a dump's templates: a template a line, as JSON, behind a line that says what it is.
 *
 * @module
 */
import * as v from "valibot";
import { writeFileAtomic } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { parseJson, type Schema } from "../wire/json.ts";
import type { TemplatePage } from "./template_library.ts";

const HEAD = JSON.stringify({ format: "kohaku-templates-1" });

const templateSchema: Schema<TemplatePage> = v.object({ title: v.string(), wikitext: v.string() });

/** Writes templates to a file. */
export async function writeTemplates(path: string, pages: readonly TemplatePage[]): Promise<void> {
  const lines = pages.map(({ title, wikitext }) => JSON.stringify({ title, wikitext }));
  await writeFileAtomic(path, [HEAD, ...lines].join("\n") + "\n");
}

/**
 * Reads such a file; undefined where there is none.
 *
 * @throws {PipelineError} naming the line that is no template.
 */
export async function readTemplates(path: string): Promise<TemplatePage[] | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const [head, ...lines] = text.trimEnd().split("\n");
  if (head !== HEAD) {
    throw new PipelineError(
      `${path} holds no templates of an extraction; name another file for --templates, which is made ` +
        "where it does not exist",
    );
  }
  return lines.map((line, i) =>
    parseJson(templateSchema, line, (what) =>
      new PipelineError(
        `${path}, line ${i + 2}: no template (${what}); remove the file, and it is made again`,
      ))
  );
}

/** SHA-256 of templates, by which one set is told from another. */
export async function hashTemplates(pages: readonly TemplatePage[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(pages));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
