/**
 * Templates whose text is known: those that many pages use, whatever wiki they are of.
 *
 * @module
 */
import { COUNTRIES } from "./countries.ts";
import { languageName } from "./languages.ts";
import { BULLET, hideMarkup, isBlank, lineStart, WORD } from "./marks.ts";
import { argument, type TemplateArguments } from "./template_arguments.ts";
import { ageAtDeath, convert, coordinates, date, eraYear, groupDigits, value } from "./units.ts";

/** Makes the text of a template. */
export type Renderer = (args: TemplateArguments) => string;

const first: Renderer = (args) => argument(args, 1);
const second: Renderer = (args) => argument(args, 2);
const last: Renderer = ({ positional }) => positional[positional.length - 1] ?? "";

/** 漢字（かな、…） */
const reading: Renderer = (args) => {
  const notes = [argument(args, 2), argument(args, 3)].filter((note) => note !== "");
  return notes.length > 0 ? `${first(args)}（${notes.join("、")}）` : first(args);
};

/** A text that stands by itself. */
const block: Renderer = (args) => `\n\n${args.named.text ?? first(args)}\n\n`;

/** Widths and numbers of columns, which stand before what is in them. */
const SIZE = /^[\d.]*\s*(?:em|px|%|rem)?$/;

/** What stands in columns, one below the other. */
const columns: Renderer = ({ positional, named }) => {
  const held = [...positional];
  for (const [key, text] of Object.entries(named)) {
    if (/^(?:col(?:umn)?|列|内容|content)\d*$/.test(key)) held.push(text);
  }
  return held.filter((text) => !SIZE.test(text)).map((text) => `\n\n${asLines(text)}\n\n`).join("");
};

/** A text with its kind in front; nothing where the text was dropped. */
function labelled(kind: string, text: string): string {
  return isBlank(text) ? text : `${kind}: ${text}`;
}

/** An argument whose first item stands behind the bar begins with a mark like the others. */
export function asLines(text: string): string {
  return text.replace(/^[*#:;]+(?=.*\n[\ue0a3\ue0aa\ue0ba\ue0bb])/, (marks) => {
    return marks.replace(/./g, lineStart);
  });
}

/** What a list shows, an item a line. */
const list: Renderer = ({ positional }) =>
  `\n${positional.map((item) => `${BULLET} ${item}`).join("\n")}\n`;

/** Templates by what they show, as names in lower case with spaces for underscores. */
const RENDERERS = new Map<string, Renderer>();

function add(renderer: Renderer, names: string): void {
  for (const name of names.trim().split(/\s*,\s*/)) RENDERERS.set(name, renderer);
}

add(
  first,
  `誰範囲2, small, small2, smaller, large, larger, big, nowrap, nobr, nobold, bold, 太字, 斜体, 強調,
  下線, 打ち消し, underline, strong, em, smallcaps, sc, mono, code, kbd, samp, math, mvar, pre2, box,
  拡張漢字, 機種依存文字, unicode, unicode fonts, jisx0213,
  ipa, ipa2, ipalink, hebrew, script/hebrew, 琉球, by, red, blue, gray, anchor text, vanchor,
  visible anchor, tooltip, abbr, abbrlink, 略語, pdflink, pdf, link-en, link-interwiki, 日本語版にない記事リンク,
  citation needed span, 高線, 下げ核, ilq, inline-block, inline block, 縦書き, 振り仮名なし,
  kbd2, notatypo, sic2, 修正済み, ws, proper name, lk`,
);
add(
  second,
  "lang, rtl-lang, ltr-lang, llang2, interlang, wikt-lang, wiktlang",
);
add(
  last,
  `color, colour, font color, fontcolor, font-color, 文字色, 背景色, background color, bgcolor, weight, fontsize, font size,
  色, resize, fs, transl, font, 変換, 字体, 異体字`,
);
add(reading, "読み, 読み仮名, 読み仮名 ruby不使用, ruby, ルビ, ruby-ja, ふりがな, 振り仮名, r-ja");
add(
  block,
  `quotation, quote, cquote, squote, bquote, blockquote, 引用, 枠付引用, poemquote, quote box, rquote, bq, epigraph,
  indent, indent2, in5, block indent, 字下げ, 字下げ2, 字上げ, center, centre, 中央, 中央揃え, 中央寄せ, left, right, 左寄せ,
  右寄せ, 左揃え, 右揃え, math block, 数式`,
);
add(
  columns,
  `columns-list, columns list, columnslist, columns, col, col-list, 表2列, 表3列, 表4列, 表5列, 段組, 段組み, 多段組, multicol,
  div col, plainlist, flatlist, plain list`,
);
add(list, "ubl, unbulleted list, bulleted list, flatlist2, ordered list, 箇条書き");
add(({ positional }) => positional.join("、"), "hlist, 横並び一覧");
add(({ positional }) => positional.join(""), "chem2, ce, linktext");
for (const kind of ["旧字体", "新字体", "簡体字", "繁体字", "拼音"]) {
  add((args) => labelled(kind, first(args)), kind);
}
add((args) => labelled("拼音", first(args)), "ピン音, ピンイン, pinyin");
// Left to what turns HTML into text: 10{{sup|6}} is no 106.
add((args) => `<sup>${first(args)}</sup>`, "sup, super");
add((args) => `<sub>${first(args)}</sub>`, "sub");
add(
  ({ positional }) => positional.map((part) => part.replace(/^\d+$/, "<sub>$&</sub>")).join(""),
  "chem, 化学式",
);
add((args) => `×10<sup>${first(args)}</sup>`, "e, x10^");
add((args) => `√${first(args)}`, "sqrt, √");
add(({ positional, named }) => value(positional, named), "val");
add(
  (args) => COUNTRIES.get(first(args)) ?? first(args),
  "flag, flagcountry, flaglink, 国旗, fb, fbw, fb-rt",
);
add(
  ({ positional, named }) => named.label ?? positional[0] ?? "",
  "仮リンク, 仮リンク2, ill, ill2, interwiki link, link-wiki",
);
add(
  (args) => args.named.範囲 ?? "",
  "要出典, 要検証, 疑問点, いつ, 誰, どこ, なぜ, 要説明, 独自研究, 誰2",
);
add((args) => `${groupDigits(first(args))}円`, "jpy, 円, 日本円");
add((args) => `${groupDigits(first(args))}ドル`, "usd, 米ドル, us$");
add((args) => `${groupDigits(first(args))}ユーロ`, "ユーロ");
add((args) => `€${groupDigits(first(args))}`, "€");
add((args) => `£${groupDigits(first(args))}`, "£");
add(({ positional, named }) => convert(positional, named.abbr === "on"), "convert, cvt, 単位変換");
add((args) => eraYear(first(args)), "和暦");
add(
  ({ positional }) => date(positional.slice(0, 3)),
  "生年月日と年齢, 生年月日, birth date, birth date and age, 日付, start date, end date, 開始日, 西暦, date",
);
add(({ positional }) => date(positional.slice(3, 6)), "死亡年月日と没年齢, death date and age");
add(({ positional }) => ageAtDeath(positional), "没年齢");
add(
  ({ positional, named }) => named.display === "title" ? "" : coordinates(positional),
  "coord, ウィキ座標度分秒, ウィキ座標度分, ウィキ座標2段度分秒, ウィキ座標2段度分",
);
add((args) => `ISBN ${first(args)}`, "isbn, isbn2");
add(
  ({ positional }) =>
    positional.length > 2
      ? `${positional[0]} ${positional[1]}/${positional[2]}`
      : positional.join("/"),
  "frac, sfrac, 分数, fraction",
);

add(() => " ", "flagicon, flagicon2, flagicon image, 旗, spaces, nbsp, sp, 0");

const PUNCTUATION: Readonly<Record<string, string>> = {
  // Hidden from what looks for markup until the end, as in nowiki.
  "=": hideMarkup("="),
  "(": hideMarkup("{"),
  ")": hideMarkup("}"),
  "((": hideMarkup("{{"),
  "))": hideMarkup("}}"),
  "[": hideMarkup("["),
  "]": hideMarkup("]"),
  "((!": hideMarkup("{{|"),
  "pipe": hideMarkup("|"),
  "!!": "",
  ",": "，",
  "'": "'",
  '"': '"',
  "~": "~",
  "〜": "〜",
  "…": "…",
  "...": "…",
  "・": "・",
  "、": "、",
  "―": "―",
  "dash": "―",
  "ndash": "–",
  "snd": " – ",
  "mdash": "—",
  "colon": hideMarkup(":"),
  ":": hideMarkup(":"),
  "*": "•",
  "π": "π",
  "pi": "π",
  "°c": "°C",
  "℃": "°C",
  "ダブルダッシュ": "――",
  "br": "\n",
};
for (const [name, text] of Object.entries(PUNCTUATION)) RENDERERS.set(name, () => text);

/** Texts of sound links that are no part of the sentence. */
const SOUND_LABEL = /^(?:発音|聞く|音声|listen|help)?$/i;
const sound: Renderer = (args) => {
  // {{audio|file||code|text|reading}} names what is heard behind an empty label.
  const label = second(args) || argument(args, 4);
  return SOUND_LABEL.test(label) ? "" : label;
};
RENDERERS.set("audio", sound);
RENDERERS.set("音声", sound);
RENDERERS.set("audio-ipa", second);

/** Templates for doubts about a range of text, and for fonts; there are many of each. */
const SHOWS_FIRST = /(?:範囲|フォント)$/;

/** {{en|text}} */
const word: Renderer = (args) => {
  const text = first(args);
  return isBlank(text) ? text : WORD.start + text + WORD.end;
};

/** {{Lang-en|text}}, {{Lang-en-short|text}}, {{IPA-en|sound}}, {{en|text}}, for every language's code. */
function inLanguage(name: string): Renderer | undefined {
  if (name.length <= 3) return languageName(name) === undefined ? undefined : word;
  const match = /^(lang|ipa)-([a-z]{2,3}(?:-[a-z]+)*?)(-short)?$/.exec(name);
  if (!match) return undefined;
  const [, kind, code, short] = match;
  return (args) => {
    const text = first(args);
    if (kind === "ipa") return text === "" ? "" : `[${text}]`;
    const language = languageName(code, short !== undefined);
    return language ? labelled(language, text) : text;
  };
}

RENDERERS.set("llang", (args) => {
  const language = languageName(first(args));
  return language ? labelled(language, second(args)) : second(args);
});

/** What makes the text of a template, by its name in lower case with spaces; undefined if it is not known. */
export function textOf(name: string): Renderer | undefined {
  return RENDERERS.get(name) ?? inLanguage(name) ?? (SHOWS_FIRST.test(name) ? first : undefined);
}
