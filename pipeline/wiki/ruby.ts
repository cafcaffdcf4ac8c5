/**
 * Ruby: readings behind their words, in brackets.
 *
 * @module
 */

/** Brackets for browsers without ruby; they may be left open, as may readings. */
const BRACKET = /<rp(?:\s[^<>]{0,200})?>[^<]{0,20}(?:<\/rp\s{0,9}>)?/gi;

/** An element with several bases before several readings, which belong to them one by one. */
const PAIRED = /(?:<rb(?:\s[^<>]{0,200})?>[^<]{0,200}(?:<\/rb\s{0,9}>)?\s{0,9}){2,}/gi;

/** Readings, one behind the other. */
const READINGS = /(?:<rtc?(?:\s[^<>]{0,200})?>[^<]{0,200}(?:<\/rtc?\s{0,9}>)?\s{0,9})+/gi;
const READING = /<rtc?(?:\s[^<>]{0,200})?>([^<]*)/gi;

const REST = /<\/?(?:ruby|r[bpt]|rtc)(?:\s[^<>]{0,200})?>/gi;

/** The mark that paired bases leave before their readings. */
const PAIR = "\ue0f4";

/** `<ruby>琥珀<rt>こはく</rt></ruby>` → 琥珀（こはく） */
export function replaceRuby(text: string): string {
  if (!/<r[ubpt]/i.test(text)) return text;
  return text
    .replace(BRACKET, "")
    .replace(PAIRED, (bases) => bases + PAIR)
    .replace(READINGS, (found, at: number, whole: string) => {
      const readings = [...found.matchAll(READING)]
        .map(([, reading]) => reading.trim().replace(/^[（(](.*)[)）]$/, "$1"))
        .filter((reading) => reading !== "");
      if (readings.length === 0) return "";
      return `（${readings.join(whole[at - 1] === PAIR ? "" : "、")}）`;
    })
    .replace(REST, "")
    .replaceAll(PAIR, "");
}
