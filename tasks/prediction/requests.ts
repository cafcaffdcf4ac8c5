/** What is asked: lines of text or JSON. */

import { PipelineError } from "../../pipeline/errors.ts";

/** The texts of a request by their names. */
export type Fields = Readonly<Record<string, unknown>>;

/** How requests are written. */
export type RequestFormat = "text" | "jsonl";

/** One line: what it asks, or what is wrong with it. */
export interface Request {
  /** Its number, from 1. */
  readonly line: number;
  /** What it asks; undefined for an empty line. */
  readonly fields?: Fields;
  /** Why it cannot be answered. */
  readonly fault?: string;
  /** Characters of the line. */
  readonly size: number;
}

/** A request that cannot be answered; the message says why, without the line. */
export class BadRequest extends Error {
  override name = "BadRequest";
}

/**
 * Reads one line. A plain line is one text, or several parted by tabs where the mode asks for several.
 *
 * @param columns names of the texts of a plain line.
 */
export function readRequest(
  text: string,
  line: number,
  format: RequestFormat,
  columns: readonly string[],
): Request {
  const size = text.length;
  const written = text.endsWith("\r") ? text.slice(0, -1) : text;
  if (written === "") return { line, size };
  if (format === "jsonl") {
    try {
      const fields: unknown = JSON.parse(written);
      if (typeof fields === "object" && fields !== null && !Array.isArray(fields)) {
        return { line, fields: fields as Fields, size };
      }
      return { line, fault: "not a JSON object", size };
    } catch (error) {
      const why = (error as Error).message.replaceAll(/\s+/g, " ").slice(0, 200);
      return { line, fault: `not JSON (${why})`, size };
    }
  }
  if (columns.length === 1) return { line, fields: { [columns[0]]: written }, size };
  const parts = written.split("\t");
  return { line, fields: Object.fromEntries(parts.map((part, i) => [columns[i], part])), size };
}

/** How requests are written, by their first line that is not empty. */
export function formatOf(firstLine: string): RequestFormat {
  return /^\s*\{/.test(firstLine) ? "jsonl" : "text";
}

/**
 * A text of a request.
 *
 * @param names what it may be called; the first is for messages.
 * @throws {BadRequest} when there is none, or it is no text.
 */
export function textOf(fields: Fields, ...names: readonly (string | undefined)[]): string {
  const value = names.map((name) => name === undefined ? undefined : fields[name])
    .find((one) => one !== undefined);
  if (typeof value === "string") return value;
  if (value === undefined) {
    const given = Object.keys(fields).map((key) => `"${key}"`).join(", ");
    throw new BadRequest(`has no "${names[0]}"${given === "" ? "" : `, only ${given}`}`);
  }
  throw new BadRequest(`"${names[0]}" is ${JSON.stringify(value).slice(0, 60)}, not a text`);
}

/** The error for a line that cannot be answered. */
export function lineError(source: string, { line, fault }: Request): PipelineError {
  return new PipelineError(
    `${source}, line ${line}: ${fault}; mend it, or go on past such lines with --skip-bad`,
  );
}
