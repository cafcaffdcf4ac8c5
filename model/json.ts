/**
 * JSON from files: never taken as it is, but held to a schema first.
 *
 * @module
 */
import * as v from "valibot";
import { ModelError } from "./errors.ts";

const WHOLE = "it must be a whole number from 0 on";

/** A whole number from 0 on. */
export const count: v.GenericSchema<unknown, number> = v.pipe(
  v.number(WHOLE),
  v.safeInteger(WHOLE),
  v.minValue(0, WHOLE),
);

/** An object of any keys; valibot's own `object` and `record` take a list for one. */
export const anyObject: v.GenericSchema<unknown, Record<string, unknown>> = v.custom<
  Record<string, unknown>
>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "it must be an object",
);

/** The longest part of a wrong value that a message shows. */
const SHOWN = 60;

/**
 * Parses `text` and checks it against `schema`; keys that the schema does not name are left out.
 *
 * @param where names the text in messages.
 * @param advice says what a person can do.
 * @throws {ModelError} naming the first value that does not fit, by its path in the JSON.
 */
export function parseJson<T>(
  schema: v.GenericSchema<unknown, T>,
  text: string,
  where: string,
  advice: string,
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ModelError(`${where}: not JSON; ${advice}`);
  }
  return checkJson(schema, value, where, advice);
}

/** Checks a part of JSON that was parsed before, as {@linkcode parseJson} does. */
export function checkJson<T>(
  schema: v.GenericSchema<unknown, T>,
  value: unknown,
  where: string,
  advice: string,
): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new ModelError(`${where}: ${describeIssue(result.issues[0])}; ${advice}`);
}

/** What does not fit, in words: `files.3.bytes is -1: it must be a whole number …`. */
function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "the whole";
  if (issue.received === "undefined") return `${path} is missing`;
  const received = issue.received.length > SHOWN
    ? `${issue.received.slice(0, SHOWN)}…`
    : issue.received;
  // A schema may bring words of its own.
  const own = !issue.message.startsWith("Invalid ");
  return `${path} is ${received}${own ? `: ${issue.message}` : `, not ${issue.expected}`}`;
}
