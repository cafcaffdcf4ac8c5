/**
 * Characters of the private use area by which one step of cleaning tells something to a later one.
 *
 * @module
 */

/** Stands where markup was dropped, so that what it leaves behind can be repaired. */
export const GAP = "\ue0ff";

/** Markup inside nowiki is hidden from later steps by a shift into the private range. */
const MARKUP = /[{}\[\]|'<>&=*#:;_~-]/g;
const PRIVATE = 0xe000;
const HIDDEN = /[\ue000-\ue07f]/g;
const OURS = /[\ue000-\ue0ff]/;

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
