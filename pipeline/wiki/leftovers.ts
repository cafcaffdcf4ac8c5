/**
 * What should not be left in text that was cleaned, counted by kind.
 *
 * @module
 */

/** Kinds of leftovers and what they look like. Each pattern is tried at each place once. */
const PATTERNS: Readonly<Record<LeftoverKind, string>> = {
  "template brackets": "\\{\\{|\\}\\}",
  "link brackets": "\\[\\[|\\]\\]|\\[https?:",
  "table marks": "\\{\\||\\|\\}|\\|\\||^[|!](?=[ |}-])",
  "tags": "</?(?:ref|br|div|span|small|sup|sub|gallery|nowiki|table|t[rdh]|center|font)\\b",
  "comments": "<!--|-->",
  "quotes": "''",
  "entities": "&(?:[a-zA-Z]{2,8}|#\\d{1,7}|#[xX][\\da-fA-F]{1,6});",
  // （）内 and the like speak of brackets.
  "empty brackets": "[（(][、，,;；:：\\s]{0,4}[）)](?![内は])|「」|『』",
  "broken brackets": "[（(][、，;；]",
  // A line may well begin with #MeToo or *NSYNC.
  "list marks": "^(?:\\*+|#+|:+|;+) ",
  "switches": "__[A-Z]{3,}__",
  "file options": "\\b(?:thumb|right|left|\\d{2,4}px)\\|",
};

/** A kind of leftover. */
export type LeftoverKind =
  | "template brackets"
  | "link brackets"
  | "table marks"
  | "tags"
  | "comments"
  | "quotes"
  | "entities"
  | "empty brackets"
  | "broken brackets"
  | "list marks"
  | "switches"
  | "file options";

/** All kinds. */
export const LEFTOVER_KINDS = Object.keys(PATTERNS) as readonly LeftoverKind[];

const ANY = new RegExp(LEFTOVER_KINDS.map((kind) => `(${PATTERNS[kind]})`).join("|"), "gm");

/** Leftovers by kind. */
export type Leftovers = Record<LeftoverKind, number>;

/** Leftovers of no text. */
export function noLeftovers(): Leftovers {
  return Object.fromEntries(LEFTOVER_KINDS.map((kind) => [kind, 0])) as Leftovers;
}

/** Counts what markup is left in a text; undefined where there is none. */
export function countLeftovers(text: string): Leftovers | undefined {
  let counts: Leftovers | undefined;
  for (const match of text.matchAll(ANY)) {
    counts ??= noLeftovers();
    counts[LEFTOVER_KINDS[match.findIndex((group, i) => i > 0 && group !== undefined) - 1]]++;
  }
  return counts;
}
