/**
 * What dropped markup leaves behind in a line: empty brackets, doubled marks, stray spaces.
 *
 * Nothing is mended but around gaps: a space or a mark that no dropped markup touches is the author's.
 *
 * @module
 */
import { GAP } from "./marks.ts";

/** White space of one line, but for the ideographic space, which is text. */
const SPACES = /[\t \u00a0\u2000-\u200a\u202f\u205f]+/g;

/**
 * Characters without a shape: directions, byte order marks, soft hyphens, and marks of cleaning that have
 * served. Joiners (U+200C, U+200D) and variation selectors are none: words and emoji change without them.
 */
const INVISIBLE =
  /[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ue080-\ue0fe]/g;
const ODD = /[\t\u00a0\u00ad\u061c\u2000-\u200f\u202a-\u202f\u205f-\u206f\ufeff\ue080-\ue0fe]| {2}/;

const JAPANESE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆]/u;

const EMPTY_BRACKETS = /[（(「『【〔［][ \ue0ff]{0,40}\ue0ff[ \ue0ff]{0,40}[）)」』】〕］]/g;
const AFTER_OPENING = /([（(「『【〔［])([ \ue0ff、，,;；:：・／。]{1,40})/g;
const BEFORE_CLOSING = /([ \ue0ff、，,;；:：・／]{1,40})([）)」』】〕］])/g;
const DOUBLED = /([、，。])([ \ue0ff]{0,40}\ue0ff[ \ue0ff]{0,40})(?=[、，。])/g;
const AT_START = /^[ \ue0ff]*\ue0ff[ \ue0ff]*(?:[、，,;；:：・。][ \ue0ff]*|- )?/;
const RUN = /[ \ue0ff]*\ue0ff[ \ue0ff]*/g;

/** Mends a line. */
export function repair(line: string): string {
  let text = line;
  if (ODD.test(text)) text = text.replace(SPACES, " ").replace(INVISIBLE, "");
  if (!text.includes(GAP)) return text.trim();
  // Brackets in brackets.
  for (let round = 0; round < 3; round++) {
    const before = text;
    text = text
      .replace(AFTER_OPENING, (whole, bracket, run) => run.includes(GAP) ? bracket + GAP : whole)
      .replace(
        BEFORE_CLOSING,
        (whole, run, bracket) => run.includes(GAP) ? GAP + bracket : whole,
      )
      .replace(EMPTY_BRACKETS, GAP);
    if (text === before) break;
  }
  return text
    .replace(AT_START, "")
    .replace(DOUBLED, "")
    .replace(RUN, (run, at: number, whole: string) => {
      if (!run.includes(" ")) return "";
      const before = whole[at - 1], after = whole[at + run.length];
      return spaced(before) && spaced(after) && !(JAPANESE.test(before) && JAPANESE.test(after))
        ? " "
        : "";
    })
    .trim();
}

/** Whether a space beside this character is seen as one. */
function spaced(character: string | undefined): boolean {
  return character !== undefined &&
    !"、。，．（）「」『』【】〔〕［］：；！？・".includes(character);
}
