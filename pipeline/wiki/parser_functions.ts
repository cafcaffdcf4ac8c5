/**
 * Parser functions and variables of MediaWiki, by their English and Japanese names.
 *
 * @module
 */
import { formatDate, readDate } from "./dates.ts";
import { decodeEntities } from "./entities.ts";
import { evaluate } from "./expressions.ts";
import { languageName } from "./languages.ts";
import { DROPPED, GAP, hideMarkup, LOST_NUMBER, revealMarkup } from "./marks.ts";
import type { Steps } from "./steps.ts";
import { groupDigits } from "./units.ts";

/** What a function or a variable shows where only the wiki could work it out. */
export const UNKNOWN = LOST_NUMBER;

/** What `#expr` and `#time` answer to what they cannot read; `#iferror` looks for it. */
const ERROR = "\ue0f5";

/** Arguments of a function: what stands between bars, the first behind the colon. */
type Arguments = readonly string[];

type ParserFunction = (args: Arguments, steps: Steps) => string;

const FUNCTIONS = new Map<string, ParserFunction>();

function add(names: string, call: ParserFunction): void {
  for (const name of names.split(" ")) FUNCTIONS.set(name, call);
}

/** An argument as MediaWiki compares it; empty where there is none. */
function plain(text: string | undefined): string {
  return (text ?? "").replaceAll(GAP, "").trim();
}

/** Entities and hidden markup as the signs that arithmetic needs. */
function signs(text: string | undefined): string {
  return revealMarkup(decodeEntities(plain(text)));
}

/** What was lost in an argument, which a result that needs it has lost as well. */
function lostIn(...args: readonly (string | undefined)[]): string | undefined {
  for (const text of args) {
    const start = text?.indexOf(DROPPED.start) ?? -1;
    if (start !== -1) return text!.slice(start, text!.indexOf(DROPPED.end, start) + 1);
    if (text?.includes(UNKNOWN)) return UNKNOWN;
  }
  return undefined;
}

function compute(expression: string | undefined): string {
  return lostIn(expression) ?? evaluate(signs(expression)) ?? ERROR;
}

add("#if", ([test, yes, no]) => plain(plain(test) !== "" ? yes : no));
add("#ifeq", ([a, b, yes, no]) => plain(same(a, b) ? yes : no));
add("#iferror", ([test, yes, no]) => {
  return test?.includes(ERROR) ? plain(yes) : no === undefined ? plain(test) : plain(no);
});
add("#ifexpr", ([test, yes, no]) => {
  const value = compute(test);
  if (lostIn(value) !== undefined || value === ERROR) return value;
  return plain(value !== "" && Number(value) !== 0 ? yes : no);
});
// Which pages there are is not known; the text mostly differs by a link alone.
add("#ifexist", ([, yes, no]) => plain(yes ?? no));
add("#expr", ([expression]) => compute(expression));
add("#switch", ([value, ...cases]) => choose(plain(value), cases));
add("#time #timel", ([format, date, language]) => {
  if (language !== undefined && plain(language) !== "ja" && plain(language) !== "") return UNKNOWN;
  const lost = lostIn(date);
  if (lost !== undefined || plain(date) === "") return lost ?? UNKNOWN;
  const read = readDate(signs(date));
  return read ? formatDate(plain(format), read) : ERROR;
});
add("lc 小文字", ([text]) => plain(text).toLowerCase());
add("uc 大文字", ([text]) => plain(text).toUpperCase());
add("lcfirst 先頭小文字", ([text]) => first(plain(text), (c) => c.toLowerCase()));
add("ucfirst 先頭大文字", ([text]) => first(plain(text), (c) => c.toUpperCase()));
add("formatnum 数整形", ([number, flag]) => {
  if (/^R$/i.test(plain(flag))) return plain(number).replaceAll(",", "");
  return /^NOSEP$/i.test(plain(flag)) ? plain(number) : groupDigits(plain(number));
});
add("padleft 補充左", ([text, length, by], steps) => pad(text, length, by, steps) + plain(text));
add("padright 補充右", ([text, length, by], steps) => plain(text) + pad(text, length, by, steps));
// Japanese has one form.
add("plural 複数 gender 性別", ([, form]) => plain(form));
add("grammar 文法 #formatdate formatdate dateformat 日付整形", ([a, b]) => plain(b ?? a));
add("urlencode anchorencode URLエンコード", ([text]) => plain(text).replaceAll(" ", "_"));
add("ns nse 名前空間", ([name]) => /^(?:0|)$/.test(plain(name)) ? "" : plain(name));
add("#language 言語", ([code]) => languageName(plain(code)) ?? plain(code));
add("#titleparts", ([title, count, from]) => {
  const segments = plain(title).split("/");
  const start = Math.max(0, (Number(plain(from)) || 1) - 1);
  const length = Number(plain(count)) || 0;
  return segments.slice(start, length > 0 ? start + length : length || undefined).join("/");
});
add("#tag", ([name, held]) => {
  if (/^nowiki$/i.test(plain(name))) return hideMarkup(decodeEntities(held ?? ""));
  return /^(?:poem|section|indicator)$/i.test(plain(name)) ? held ?? "" : "";
});
add("#property #statements #invoke int インターフェース", () => UNKNOWN);
add(
  "defaultsort defaultsortkey defaultcategorysort デフォルトソート デフォルトソートキー " +
    "デフォルトカテゴリソート displaytitle 表示タイトル #lst #lsth #section #section-h #seo " +
    "fullurl localurl canonicalurl filepath #coordinates #related #babel noexternallanglinks",
  () => "",
);

function same(a: string | undefined, b: string | undefined): boolean {
  const left = plain(a), right = plain(b);
  if (left === right) return true;
  return left !== "" && right !== "" && Number(left) === Number(right);
}

function first(text: string, change: (character: string) => string): string {
  return text === "" ? "" : change(text[0]) + text.slice(1);
}

/** The longest that padding may make a text, as in MediaWiki. */
const LONGEST_PADDED = 500;

function pad(
  text: string | undefined,
  length: string | undefined,
  by: string | undefined,
  steps: Steps,
): string {
  const missing = Math.min(Number(plain(length)) || 0, LONGEST_PADDED) - [...plain(text)].length;
  if (missing <= 0) return "";
  const filler = [...plain(by ?? "0")];
  if (filler.length === 0) return "";
  steps.take(missing);
  return Array.from({ length: missing }, (_, i) => filler[i % filler.length]).join("");
}

/** The result of the first case that equals a value; cases without one share the next's. */
function choose(value: string, cases: Arguments): string {
  let found = false, fallback: string | undefined;
  for (const [i, part] of cases.entries()) {
    const equals = part.indexOf("=");
    if (equals === -1) {
      // The last one without a sign is the default.
      if (i === cases.length - 1) return found ? plain(part) : plain(part);
      found ||= same(value, part);
      if (plain(part) === "#default") fallback = "";
      continue;
    }
    const name = part.slice(0, equals), result = plain(part.slice(equals + 1));
    if (found || same(value, name)) return result;
    if (plain(name) === "#default" || fallback === "") fallback = result;
  }
  return fallback ?? "";
}

/** Variables that only the wiki knows: today's date, counts of its pages. */
const CHANGING = new RegExp(
  "^(?:(?:CURRENT|LOCAL)(?:MONTH[12]?|MONTHNAME|MONTHNAMEGEN|MONTHABBREV|DAY2?|DAYNAME|YEAR|TIME|HOUR|" +
    "WEEK|DOW|TIMESTAMP|VERSION)|(?:NUMBEROF|PAGESIN|REVISION|NUMBERIN)[A-Z]+[12]?|PAGESIZE|" +
    "PAGEID|(?:現在|協定|現地|地方時)の?(?:年|月|日|曜日|時刻|時間|週|月名)[12１２]?|" +
    "記事数|ページ数|ファイル数|利用者数|活動利用者数|編集回数|管理者数)$",
);

const OWN_NAME =
  /^(?:(?:FULL|SUB|BASE|ROOT|ARTICLE|SUBJECT)?PAGENAMEE?|(?:完全な|フル|親|サブ|主)?ページ名)$/;

const EMPTY = /^(?:NAMESPACE|(?:TALK|SUBJECT|ARTICLE)SPACE)E?$|^NAMESPACENUMBER$|^名前空間$/;

/** What a variable shows; undefined where the name is none. */
export function variable(name: string, title: string): string | undefined {
  if (OWN_NAME.test(name)) return title;
  if (CHANGING.test(name)) return UNKNOWN;
  if (EMPTY.test(name)) return "";
  return name === "SITENAME" || name === "サイト名" ? "ウィキペディア" : undefined;
}

const CALL = /^\s*([#＃]?[^\s:：#＃<>|[\]{}]{1,30})\s*[:：](.*)$/s;

/** What a function shows; undefined where the name is none. */
export function callFunction(parts: readonly string[], steps: Steps): string | undefined {
  const match = CALL.exec(parts[0]);
  if (!match) return undefined;
  const name = match[1].replace("＃", "#");
  const call = FUNCTIONS.get(name.toLowerCase()) ?? FUNCTIONS.get(name);
  return call?.([match[2], ...parts.slice(1)], steps);
}

/** Shows what no `#iferror` has taken care of as a number that was lost. */
export function settleErrors(text: string): string {
  return text.includes(ERROR) ? text.replaceAll(ERROR, UNKNOWN) : text;
}
