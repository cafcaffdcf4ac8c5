/**
 * Which pages are articles.
 *
 * @module
 */
import type { WikiPage } from "./pages.ts";

/** Why a page is left out. */
export type DropReason =
  | "namespace"
  | "redirect"
  | "disambiguation"
  | "list"
  | "short"
  | "too complex";

const REDIRECT = /^\s*[#＃](?:redirect|転送)/i;
// {{要曖昧さ回避}} asks editors to mend a link in an article; it marks no such page.
const DISAMBIGUATION = /\{\{ ?(?:aimai|disambig|(?!要)[^{}|]{0,60}曖昧さ回避)\s{0,8}(?:\||\}\})/i;
const DISAMBIGUATION_CATEGORY = /\[\[ ?(?:category|カテゴリ) ?:[^\]|]{0,60}曖昧さ回避 ?[\]|]/i;
const LIST = /一覧(?:\s{0,4}[(（].{0,100}[)）])?$/;

/**
 * Why a page is no article; undefined where it is one.
 *
 * @param dropLists leaves out pages named …の一覧.
 */
export function dropReason(page: WikiPage, dropLists: boolean): DropReason | undefined {
  if (page.namespace !== 0) return "namespace";
  if (page.redirect !== undefined || REDIRECT.test(page.wikitext)) return "redirect";
  // Wikitext that merely links to such a page has no template of that name.
  if (DISAMBIGUATION.test(page.wikitext) || DISAMBIGUATION_CATEGORY.test(page.wikitext)) {
    return "disambiguation";
  }
  if (dropLists && LIST.test(page.title)) return "list";
  return undefined;
}
