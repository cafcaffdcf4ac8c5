/**
 * Which pages are articles.
 *
 * @module
 */
import { withoutComments } from "./comments.ts";
import type { WikiPage } from "./pages.ts";

/** Why a page is left out. */
export type DropReason =
  | "namespace"
  | "other content"
  | "redirect"
  | "disambiguation"
  | "list"
  | "short"
  | "too complex";

const REDIRECT = /^\s*[#＃](?:redirect|転送|リダイレクト)/i;
// {{要曖昧さ回避}} asks editors to mend a link in an article; it marks no such page.
const DISAMBIGUATION =
  /\{\{ ?(?:aimai|disambig|(?!要)[^{}|]{0,60}曖昧さ回避)\s{0,8}(?:\||\}\})|__DISAMBIG__/i;
const DISAMBIGUATION_CATEGORY = /\[\[ ?(?:category|カテゴリ) ?:[^\]|]{0,60}曖昧さ回避 ?[\]|]/i;
const LIST = /一覧(?:\s{0,4}[(（].{0,100}[)）])?$/;

/**
 * Why a page is no article; undefined where it is one.
 *
 * @param dropLists leaves out pages named …の一覧.
 */
export function dropReason(page: WikiPage, dropLists: boolean): DropReason | undefined {
  if (page.namespace !== 0) return "namespace";
  if ((page.model ?? "wikitext") !== "wikitext") return "other content";
  if (page.redirect !== undefined) return "redirect";
  // What comments and nowiki hold says nothing; few pages need a look without them.
  const reason = judge(page.wikitext);
  if (reason !== undefined || page.wikitext.trimStart().startsWith("<!--")) {
    const visible = judge(withoutComments(page.wikitext));
    if (visible !== undefined) return visible;
  }
  if (dropLists && LIST.test(page.title)) return "list";
  return undefined;
}

/** What the markup of a page says it is. */
function judge(wikitext: string): "redirect" | "disambiguation" | undefined {
  if (REDIRECT.test(wikitext)) return "redirect";
  // Wikitext that merely links to such a page has no template of that name.
  return DISAMBIGUATION.test(wikitext) || DISAMBIGUATION_CATEGORY.test(wikitext)
    ? "disambiguation"
    : undefined;
}
