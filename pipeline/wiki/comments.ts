/**
 * Comments, nowiki, and the tags of extensions whose contents are no text of the page.
 *
 * @module
 */
import { decodeEntities } from "./entities.ts";
import { GAP, hideMarkup } from "./marks.ts";

/** Tags dropped with all they hold. */
const DROPPED = [
  "ref",
  "references",
  "pre",
  "source",
  "syntaxhighlight",
  "math",
  "chem",
  "ce",
  "gallery",
  "timeline",
  "score",
  "imagemap",
  "hiero",
  "graph",
  "templatedata",
  "includeonly",
  "inputbox",
  "mapframe",
  "maplink",
  "categorytree",
  "indicator",
  "style",
  "script",
];

/** Tags of code, which stand in a sentence with the attribute `inline`. */
const INLINE_CODE = /^(?:source|syntaxhighlight)$/;

/** How a name of these ends: at white space, a slash, a bracket. */
const OPENER = new RegExp(`<(!--|(?:${DROPPED.join("|")}|nowiki)(?=[\\s/>]))`, "gi");

/** Removes comments and dropped tags, opened or not closed; hides the markup inside nowiki. */
export function dropTags(wikitext: string): string {
  let out = "", at = 0;
  /** Whether what was dropped last began its line. */
  let beganLine = true;
  // Where a closing tag was looked for in vain, it need not be looked for again.
  const missing = new Set<string>();
  OPENER.lastIndex = 0;
  for (let match = OPENER.exec(wikitext); match; match = OPENER.exec(wikitext)) {
    const tag = match[1].toLowerCase();
    if (tag === "!--") {
      const comment = endOfComment(wikitext, match.index, at, beganLine);
      out += wikitext.slice(at, comment.start);
      at = comment.end;
      beganLine = comment.beginsLine;
      OPENER.lastIndex = at;
      continue;
    }
    out += wikitext.slice(at, match.index);
    beganLine = false;
    const tagEnd = wikitext.indexOf(">", match.index);
    if (tagEnd === -1) {
      at = wikitext.length;
      break;
    }
    at = tagEnd + 1;
    let shown = tag === "nowiki" ? "" : GAP;
    if (wikitext[tagEnd - 1] !== "/") {
      const close = missing.has(tag) ? undefined : findClose(wikitext, tag, at);
      if (close === undefined) {
        missing.add(tag);
      } else {
        const held = wikitext.slice(at, close.start);
        if (tag === "nowiki") shown = hideMarkup(decodeEntities(held));
        else if (INLINE_CODE.test(tag) && /\sinline\b/i.test(wikitext.slice(match.index, tagEnd))) {
          shown = hideMarkup(held);
        }
        at = close.end;
      }
    }
    out += shown;
    OPENER.lastIndex = at;
  }
  return (out + wikitext.slice(at)).replace(/<\/?(?:noinclude|onlyinclude)>/gi, "");
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where a comment goes from and to; one on a line of its own takes the line with it. */
function endOfComment(
  wikitext: string,
  opener: number,
  least: number,
  beganLine: boolean,
): Span & { beginsLine: boolean } {
  const close = wikitext.indexOf("-->", opener + 4);
  const end = close === -1 ? wikitext.length : close + 3;
  let start = opener, after = end;
  while (start > least && isBlank(wikitext[start - 1])) start--;
  while (isBlank(wikitext[after])) after++;
  const beginsLine = start === least ? beganLine : wikitext[start - 1] === "\n";
  if (beginsLine && wikitext[after] === "\n") return { start, end: after + 1, beginsLine };
  return { start: opener, end, beginsLine };
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

/**
 * Patterns of closing tags, in any case of letters. They are not looked for in a copy in lower case: in
 * that, İ is two characters, and all that follows it has moved.
 */
const CLOSERS: ReadonlyMap<string, RegExp> = new Map(
  [...DROPPED, "nowiki"].map((tag) => [tag, new RegExp(`</${tag}(?:\\s{0,20}>|$)`, "gi")]),
);

/** Where the closing tag of a name is; undefined where there is none. */
function findClose(wikitext: string, tag: string, from: number): Span | undefined {
  const pattern = CLOSERS.get(tag)!;
  pattern.lastIndex = from;
  const match = pattern.exec(wikitext);
  return match ? { start: match.index, end: match.index + match[0].length } : undefined;
}

const COMMENT_OR_NOWIKI = /<!--[^]*?(?:-->|$)|<nowiki>[^]*?<\/nowiki>/gi;

/** A page without its comments and nowiki, for those who judge it by its markup. */
export function withoutComments(wikitext: string): string {
  return wikitext.includes("<") ? wikitext.replace(COMMENT_OR_NOWIKI, "") : wikitext;
}
