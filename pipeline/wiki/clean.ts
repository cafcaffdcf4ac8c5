/**
 * Wikitext to the text that readers see, one paragraph, heading or list item a line.
 *
 * @module
 */
import { resolveBrackets } from "./brackets.ts";
import { decodeEntities, dropTags, revealNowiki, stripHtml } from "./tags.ts";

/** What is kept. */
export interface CleanOptions {
  /** Leaves out sections that hold no prose: notes, sources, links. */
  readonly dropSections: boolean;
}

const NO_PROSE =
  /^(?:脚注|注釈|注|出典|参考文献|関連項目|外部リンク|関連書籍|関連文献|参照|参考資料|ギャラリー)$/;

/**
 * Cleans the wikitext of one page. Time and memory grow linearly with its length: no pattern here can
 * run on from many starts over the same text.
 */
export function cleanWikitext(wikitext: string, options: CleanOptions): string {
  let text = dropTags(wikitext.replaceAll("\r\n", "\n"));
  text = resolveBrackets(text);
  text = text
    .replace(
      /\[(?:https?:|ftp:|mailto:)?\/\/[^\s\[\]]*(?:[ \t]([^\[\]\n]*))?\]/g,
      (_, shown) => shown ?? "",
    )
    .replace(/'{2,}/g, "")
    .replace(/__[^_\s]{2,30}__/g, "")
    .replace(/-\{([^{}|]*)\}-/g, "$1");
  text = decodeEntities(stripHtml(text));
  return lines(text, options);
}

function lines(text: string, { dropSections }: CleanOptions): string {
  const out: string[] = [];
  let dropDepth = 0;
  let heading: string | undefined;
  for (const raw of text.split("\n")) {
    const found = headingOf(raw.trim());
    if (found) {
      const { depth } = found, title = tidy(found.text);
      if (dropDepth > 0 && depth > dropDepth) continue;
      dropDepth = dropSections && NO_PROSE.test(title) ? depth : 0;
      // A heading is written once something follows it.
      heading = dropDepth > 0 ? undefined : title;
      continue;
    }
    if (dropDepth > 0) continue;
    const line = tidy(prose(raw));
    if (line === "") continue;
    if (heading) out.push(heading);
    heading = undefined;
    out.push(line);
  }
  return revealNowiki(out.join("\n"));
}

/** The text between equal numbers of equals signs. */
function headingOf(line: string): { text: string; depth: number } | undefined {
  if (!line.startsWith("=") || !line.endsWith("=")) return undefined;
  let depth = 0;
  while (depth < 6 && line[depth] === "=" && line[line.length - 1 - depth] === "=") depth++;
  return 2 * depth < line.length ? { text: line.slice(depth, -depth), depth } : undefined;
}

/** A line without its list, indent and table marks; empty where it is no prose. */
function prose(line: string): string {
  const trimmed = line.trim();
  if (/^-{4,}/.test(trimmed)) return trimmed.replace(/^-+/, "");
  // What is left of a table or of a template's arguments.
  if (/^(?:\|[-+}|]?|!|\{\|)/.test(trimmed)) return "";
  const colon = trimmed.startsWith(";") ? trimmed.indexOf(":") : -1;
  if (colon > 0) {
    return `${trimmed.slice(1, colon).trim()}: ${trimmed.slice(colon + 1).trim()}`;
  }
  return trimmed.replace(/^[*#:;]+\s*/, "");
}

/** Removes what dropped markup leaves behind: empty brackets, doubled marks, stray spaces. */
function tidy(line: string): string {
  let text = line.replace(/\s+/g, " ").replace(/[\u200b\u200e\u200f\ufeff]/g, "");
  for (let round = 0; round < 3; round++) {
    const before = text;
    text = text
      .replace(/([（(])\s*(?:[、，,;；:：/／]|英: ?|独: ?|仏: ?)+\s*/g, "$1")
      .replace(/ ?[、，,;；:：/／]{1,8} ?([）)])/g, "$1")
      .replace(/（\s*）|\(\s*\)|「\s*」|『\s*』|【\s*】|\[\s*\]/g, "")
      .replace(/([、，])\s*(?:[、，]\s*)+/g, "$1")
      .replace(/。\s*(?:。\s*)+/g, "。");
    if (text === before) break;
  }
  return text
    .replace(
      /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー、。）」』]) +(?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。（「『）」』])/gu,
      "$1",
    )
    .replace(/ +([、。，．）」』])/g, "$1")
    .replace(/^[、。，:：]+\s*/, "")
    .trim();
}
