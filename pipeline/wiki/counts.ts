/**
 * What an extraction counts, in one piece of a dump and in all of them.
 *
 * @module
 */
import * as v from "valibot";
import { count, type Schema } from "../wire/json.ts";
import type { DropReason } from "./filter.ts";
import { LEFTOVER_KINDS, type LeftoverKind, type Leftovers, noLeftovers } from "./leftovers.ts";
import { addLosses, type Losses, lossesSchema, noLosses } from "./losses.ts";

/** A page in which markup was left. */
export interface BadPage {
  /** Its id. */
  readonly id: string;
  /** Its title. */
  readonly title: string;
  /** How much was left. */
  readonly leftovers: number;
  /** Of which kinds. */
  readonly kinds: readonly LeftoverKind[];
}

/** A page that has lost what its readers see. */
export interface LossyPage {
  /** Its id. */
  readonly id: string;
  /** Its title. */
  readonly title: string;
  /** Templates, list items, sentences, holes and headings lost or left. */
  readonly lost: number;
  /** Characters shown per character of wikitext. */
  readonly shown: number;
}

/** Counts over some pages. */
export interface PageCounts {
  /** Pages seen. */
  pages: number;
  /** Documents kept. */
  documents: number;
  /** Characters of their text, in UTF-16 units. */
  characters: number;
  /** Characters of their wikitext. */
  wikitext: number;
  /** Pages left out, by reason. */
  dropped: Record<DropReason, number>;
  /** Documents with markup left in them. */
  pagesWithLeftovers: number;
  /** What was left, by kind. */
  leftovers: Leftovers;
  /** The pages with most of it, the worst first. */
  worst: BadPage[];
  /** What readers see and the text lacks. */
  losses: Losses;
  /** Places that look like holes. */
  holes: number;
  /** Headings left as text. */
  headings: number;
  /** The pages that have lost most, the worst first. */
  lossiest: LossyPage[];
}

const WORST_PAGES = 10;

/** Counts over no page. */
export function noCounts(): PageCounts {
  return {
    pages: 0,
    documents: 0,
    characters: 0,
    wikitext: 0,
    dropped: {
      namespace: 0,
      "other content": 0,
      redirect: 0,
      disambiguation: 0,
      list: 0,
      short: 0,
      "too complex": 0,
    },
    pagesWithLeftovers: 0,
    leftovers: noLeftovers(),
    worst: [],
    losses: noLosses(),
    holes: 0,
    headings: 0,
    lossiest: [],
  };
}

/** What counts must look like that were read from a file. */
export const pageCountsSchema: Schema<PageCounts> = v.object({
  pages: count,
  documents: count,
  characters: count,
  wikitext: count,
  dropped: v.object(v.entriesFromList(Object.keys(noCounts().dropped) as DropReason[], count)),
  pagesWithLeftovers: count,
  leftovers: v.object(v.entriesFromList(LEFTOVER_KINDS, count)),
  worst: v.array(v.object({
    id: v.string(),
    title: v.string(),
    leftovers: count,
    kinds: v.array(v.picklist(LEFTOVER_KINDS)),
  })),
  losses: lossesSchema,
  holes: count,
  headings: count,
  lossiest: v.array(
    v.object({ id: v.string(), title: v.string(), lost: count, shown: v.number() }),
  ),
});

/** Adds counts to a total. The order in which they are added makes no difference but to equals. */
export function addCounts(total: PageCounts, more: PageCounts): void {
  total.pages += more.pages;
  total.documents += more.documents;
  total.characters += more.characters;
  total.wikitext += more.wikitext;
  total.holes += more.holes;
  total.headings += more.headings;
  addLosses(total.losses, more.losses);
  total.pagesWithLeftovers += more.pagesWithLeftovers;
  addEach(total.dropped, more.dropped);
  addEach(total.leftovers, more.leftovers);
  total.worst = [...total.worst, ...more.worst]
    .sort((a, b) => b.leftovers - a.leftovers)
    .slice(0, WORST_PAGES);
  total.lossiest = [...total.lossiest, ...more.lossiest]
    .sort((a, b) => b.lost - a.lost || a.shown - b.shown)
    .slice(0, WORST_PAGES);
}

function addEach<Key extends string>(total: Record<Key, number>, more: Record<Key, number>): void {
  for (const key of Object.keys(more) as Key[]) total[key] += more[key];
}
