/**
 * What readers see and the text lacks, counted while a page is cleaned.
 *
 * @module
 */
import * as v from "valibot";
import { count, type Schema } from "../wire/json.ts";

/** A template that was dropped from within lines. */
export interface DroppedTemplate {
  /** How often. */
  count: number;
  /** A line it was dropped from, as it stood. */
  example: string;
}

/** Losses of a page, or of several. */
export interface Losses {
  /** Templates dropped from within lines, by name. */
  templates: Record<string, DroppedTemplate>;
  /** Items of lists that were in templates nothing is known of. */
  listItems: number;
  /** Sentences and brackets that went with a number they had lost. */
  sentences: number;
}

/** What losses must look like that were read from a file. */
export const lossesSchema: Schema<Losses> = v.object({
  templates: v.record(v.string(), v.object({ count, example: v.string() })),
  listItems: count,
  sentences: count,
});

/** No losses. */
export function noLosses(): Losses {
  return { templates: {}, listItems: 0, sentences: 0 };
}

/** Adds losses to a total. */
export function addLosses(total: Losses, more: Losses): void {
  for (const [name, one] of Object.entries(more.templates)) {
    addDropped(total, name, one.example, one.count);
  }
  total.listItems += more.listItems;
  total.sentences += more.sentences;
}

/** Counts a template that was dropped from within a line. */
export function addDropped(losses: Losses, name: string, example: string, times = 1): void {
  const known = Object.hasOwn(losses.templates, name) ? losses.templates[name] : undefined;
  if (known) known.count += times;
  else losses.templates[name] = { count: times, example };
}

/** How many templates were dropped from within lines. */
export function droppedTemplates({ templates }: Losses): number {
  return Object.values(templates).reduce((sum, one) => sum + one.count, 0);
}

/** The templates that were dropped most often, the first of them first. */
export function commonest({ templates }: Losses, most: number): [string, DroppedTemplate][] {
  return Object.entries(templates)
    .sort(([a, one], [b, other]) => other.count - one.count || (a < b ? -1 : 1))
    .slice(0, most);
}

/** What a sentence looks like that has lost a word. Each pattern is tried at each place once. */
const HOLES = new RegExp(
  [
    // A particle after nothing.
    "(?:^|[。（「])(?:[はをへ]|が(?=、))(?=[、「（\\d\\p{Script=Han}\\p{Script=Katakana}])",
    "、、|[（「]、|、[）」]",
    // A unit without a number.
    "(?:[はがの]|約|面積)(?:平方|立方)(?:キロ)?メートル(?=[、。でとがの])",
    "(?:[はが、。]|約|人口)(?:人|世帯|パーセント|%|％)(?=[、。]|であ|とな|で、)",
  ].join("|"),
  "gmu",
);

/** Counts what look like holes in a text. */
export function countHoles(text: string): number {
  return text.match(HOLES)?.length ?? 0;
}

/** Counts headings that are text: equals signs at the start or at the end of a line. */
export function countHeadings(text: string): number {
  return text.includes("==") ? text.match(/^==+[^=\n]|[^=\n]==+$/gm)?.length ?? 0 : 0;
}
