/**
 * Marks that begin a line of wikitext, found before anything else can put text in front of them or take
 * it away: `'''#MeToo'''` is no list, and a heading stays one whatever its templates show.
 *
 * @module
 */
import { GAP, HEADING_END, headingStart, lineStart, RULER, SPACE } from "./marks.ts";

/** Lists, rulers, spaces, and what may be a heading. References behind a heading are dropped by then. */
const START = /^(?:[*#:;]+(?:[ \t]+[*#:;]+(?=[ \t]))*|-{4,}|[ \t]+(?=[^\s{|!])|=[^\n]*)/gm;

const LIST_MARK = /[*#:;]/g;

/** Breaks within a heading do not end it. */
const BREAK = /<\/?br\s*\/?>/gi;

/** Replaces what begins lines, and what surrounds headings, by marks. */
export function markLines(wikitext: string): string {
  return wikitext.replace(START, (found) => {
    switch (found[0]) {
      case "=":
        return markHeading(found);
      case "-":
        return RULER;
      case " ":
      case "\t":
        return SPACE;
      default:
        return found.replace(LIST_MARK, lineStart);
    }
  });
}

/** The text between equal numbers of equals signs, between marks; other lines as they are. */
function markHeading(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === GAP || /\s/.test(line[end - 1]))) end--;
  let depth = 0;
  while (depth < 6 && line[depth] === "=" && line[end - 1 - depth] === "=") depth++;
  if (2 * depth >= end || depth === 0) return line;
  const title = line.slice(depth, end - depth).replace(BREAK, " ");
  return headingStart(depth) + title + HEADING_END;
}
