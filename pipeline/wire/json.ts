/**
 * JSON that people and disks may have changed: held to a schema (valibot) before it is used.
 *
 * @module
 */
import * as v from "valibot";

/** A schema whose output is `T`, whatever comes in. */
export type Schema<T> = v.GenericSchema<unknown, T>;

/** Makes the error of a format from what is wrong. */
export type JsonFault = (what: string) => Error;

const WHOLE = "it must be a whole number from 0 on";

/** A whole number from 0 on. */
export const count: Schema<number> = v.pipe(
  v.number(WHOLE),
  v.safeInteger(WHOLE),
  v.minValue(0, WHOLE),
);

/** An object of any keys; valibot's own `object` and `record` take a list for one. */
export const anyObject: Schema<Record<string, unknown>> = v.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "it must be an object",
);

/** The longest part of a wrong value that a message shows. */
const SHOWN = 60;

/**
 * Parses `text` and checks it; keys that the schema does not name are left out.
 *
 * @param makeFault makes what is thrown, from words that name the first value that does not fit by its
 *   path: `files.3.bytes is -1: it must be a whole number from 0 on`.
 */
export function parseJson<T>(schema: Schema<T>, text: string, makeFault: JsonFault): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw makeFault("not JSON");
  }
  return checkJson(schema, value, makeFault);
}

/** Checks a value that was parsed before, as {@linkcode parseJson} does. */
export function checkJson<T>(schema: Schema<T>, value: unknown, makeFault: JsonFault): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw makeFault(describeIssue(result.issues[0]));
}

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
