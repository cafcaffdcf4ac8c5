/**
 * Documents as JSON, one a line.
 *
 * @module
 */
import * as v from "valibot";
import { PipelineError } from "../errors.ts";
import { anyObject, checkJson, parseJson } from "../wire/json.ts";
import type { Document } from "./documents.ts";

/** What names a document; files of others may number their documents, or name no title. */
const nameSchema = v.object({
  id: v.nullish(v.union([v.string(), v.number()])),
  title: v.nullish(v.string()),
});

/**
 * A line as a document; one without an id is known by its file and line.
 *
 * @param textField the key that holds the text.
 * @throws {PipelineError} naming file, line and key.
 */
export function parseDocument(
  line: string,
  path: string,
  number: number,
  textField: string,
): Document {
  const fault = (what: string): PipelineError =>
    new PipelineError(
      `${path}, line ${number}: not a document (${what}); expected {"id":…,"title":…,"${textField}":…}`,
    );
  const value = parseJson(anyObject, line, fault);
  const { id, title } = checkJson(nameSchema, value, fault);
  const { text } = checkJson(v.object({ text: v.string() }), { text: value[textField] }, (what) => {
    const other = Object.keys(value).find((key) => key !== "id" && typeof value[key] === "string");
    const advice = textField in value || other === undefined
      ? ""
      : `; --text-field names another, such as ${other}`;
    return fault(what.replace(/^text/, textField) + advice);
  });
  return { id: String(id ?? `${path.split("/").at(-1)}:${number}`), title: title ?? "", text };
}
