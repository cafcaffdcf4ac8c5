/**
 * Characters of the private use area by which one step of cleaning tells something to a later one.
 *
 * @module
 */

/** Stands where markup was dropped, so that what it leaves behind can be repaired. */
export const GAP = "\ue0ff";

/** Stands where words may be missing: a template whose text is not known. */
export const HOLE = "\ue0fe";

/** Stands where a number is missing that nobody but the wiki can work out. */
export const LOST_NUMBER = "\ue0fd";

/** Around the text of a template that shows it only if it is used within a line. */
export const INLINE_ONLY = { start: "\ue0f0", end: "\ue0f1" } as const;

/** The same, of one that has other arguments, and so may be anything where it stands for itself. */
export const NEVER_ALONE = { start: "\ue0f7", end: INLINE_ONLY.end } as const;

/** Around the text of a template that shows it anywhere, but not the spaces that part it from Japanese. */
export const WORD = { start: "\ue0f6", end: INLINE_ONLY.end } as const;

/** Around the number of a drop, before it is known whether the template stood within a line. */
export const DROPPED = { start: "\ue0f2", end: "\ue0f3" } as const;

/** A heading of the first level begins; those of the others follow. */
const HEADING = 0xe0c0;

/** The end of a heading. */
export const HEADING_END = "\ue0cf";

/** Any beginning of a heading. */
export const HEADING_START = /[\ue0c1-\ue0c6]/;

/** The mark that begins a heading of a depth from 1 to 6. */
export function headingStart(depth: number): string {
  return String.fromCharCode(HEADING + depth);
}

/** The depth of the heading that a line begins; 0 for other lines. */
export function headingDepth(line: string): number {
  const depth = line.charCodeAt(0) - HEADING;
  return depth >= 1 && depth <= 6 ? depth : 0;
}

/** What begins a line of wikitext, `*#:;`, a ruler, a space, the bar of a table, shifted by this. */
const LINE_START = 0xe080;

/** The mark for a character that begins a line of wikitext. */
export function lineStart(character: string): string {
  return String.fromCharCode(LINE_START + character.charCodeAt(0));
}

/** Marks of lists. */
export const BULLET = lineStart("*");
/** The mark of a numbered item. */
export const NUMBER = lineStart("#");
/** The mark of an indented line, or of a meaning. */
export const INDENT = lineStart(":");
/** The mark of a term. */
export const TERM = lineStart(";");
/** The mark of a ruler. */
export const RULER = lineStart("-");
/** The mark of a line that begins with a space. */
export const SPACE = lineStart(" ");
/** The mark of a row of a table that has lost its table. */
export const ROW = lineStart("|");

/** Markup inside nowiki is hidden from later steps by a shift into the private range. */
const MARKUP = /[{}\[\]|'<>&=*#:;_~-]/g;
const PRIVATE = 0xe000;
const HIDDEN = /[\ue000-\ue07f]/g;
const OURS = /[\ue000-\ue0ff]/;

/** A template that was dropped, with its number. */
const DROP = /\ue0f2#?\d+\ue0f3/g;

/** Whether nothing is left of a text: it was dropped, or never was. */
export function isBlank(text: string): boolean {
  return text.replaceAll(GAP, "").replace(DROP, "").trim() === "";
}

/** Removes what a page itself has of these characters: they mean nothing to its readers. */
export function clearMarks(text: string): string {
  return OURS.test(text) ? text.replace(/[\ue000-\ue0ff]/g, "") : text;
}

/** Makes markup plain text up to the end of cleaning. */
export function hideMarkup(text: string): string {
  return text.replace(MARKUP, (c) => String.fromCharCode(PRIVATE + c.charCodeAt(0)));
}

/** Shows hidden markup as the text that it is. */
export function revealMarkup(text: string): string {
  return text.replace(HIDDEN, (c) => String.fromCharCode(c.charCodeAt(0) - PRIVATE));
}
