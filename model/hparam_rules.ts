/**
 * What values a hyperparameter may have, with messages that name the value's kind as it is.
 *
 * @module
 */
import { ModelError } from "./errors.ts";

/** The values that one hyperparameter may have. */
export type HparamRule =
  | { readonly kind: "boolean" }
  | { readonly kind: "text" }
  | { readonly kind: "object" }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | NumberRule;

/** A range of numbers; both ends belong to it unless they are left out. */
export interface NumberRule {
  /** A number. */
  readonly kind: "number";
  /** The least. */
  readonly least: number;
  /** The largest. */
  readonly most: number;
  /** Whether it must be a whole number. */
  readonly whole?: boolean;
  /** Which end does not belong to the range. */
  readonly without?: "least" | "most";
}

/** Letters of a value that a message shows at most. */
const SHOWN = 60;

/** A rule for whole numbers. */
export function whole(least: number, most: number): NumberRule {
  return { kind: "number", least, most, whole: true };
}

/** A rule for numbers. */
export function range(least: number, most: number, without?: "least" | "most"): NumberRule {
  return { kind: "number", least, most, without };
}

/**
 * Holds a value to its rule.
 *
 * @param name the hyperparameter, for the message.
 * @throws {ModelError} saying what the value is and what it must be.
 */
export function requireRule(name: string, value: unknown, rule: HparamRule): void {
  if (obeys(value, rule)) return;
  const quoted = typeof value === "string" && value.trim() !== "" &&
    (obeys(Number(value), rule) || (rule.kind === "boolean" && /^(true|false)$/.test(value)));
  throw new ModelError(
    `hparam ${name} is ${describeValue(value)}; it must be ${describeRule(rule)}` +
      (quoted ? ", without quotes" : ""),
  );
}

function obeys(value: unknown, rule: HparamRule): boolean {
  switch (rule.kind) {
    case "boolean":
      return typeof value === "boolean";
    case "text":
      return typeof value === "string";
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "choice":
      return typeof value === "string" && rule.choices.includes(value);
    case "number": {
      const { least, most, without } = rule;
      return typeof value === "number" && value >= least && value <= most &&
        !(without === "least" && value === least) && !(without === "most" && value === most) &&
        !(rule.whole && !Number.isInteger(value));
    }
  }
}

function describeRule(rule: HparamRule): string {
  switch (rule.kind) {
    case "boolean":
      return "true or false";
    case "text":
      return "a text";
    case "object":
      return "an object, such as {}";
    case "choice":
      return `one of ${rule.choices.map((choice) => `"${choice}"`).join(", ")}`;
    case "number": {
      const [least, most] = [rule.least, rule.most].map(readable);
      const kind = rule.whole ? "a whole number" : "a number";
      if (rule.without === "least") return `${kind} above ${least} and at most ${most}`;
      if (rule.without === "most") return `${kind} from ${least} to below ${most}`;
      return `${kind} from ${least} to ${most}`;
    }
  }
}

/** A number as people write it: 65,536, but 1e+38 and 0.000001. */
function readable(value: number): string {
  return Math.abs(value) >= 1 && Math.abs(value) < 1e12
    ? value.toLocaleString("en-US")
    : String(value);
}

/** A value with its kind, for messages: `the text "256"`, `the list []`, `true`. */
export function describeValue(value: unknown): string {
  if (value === undefined || typeof value === "number") return String(value);
  const json = JSON.stringify(value);
  const shown = json.length > SHOWN ? `${json.slice(0, SHOWN)}…` : json;
  if (typeof value === "string") return `the text ${shown}`;
  if (Array.isArray(value)) return `the list ${shown}`;
  return typeof value === "object" && value !== null ? `the object ${shown}` : shown;
}
