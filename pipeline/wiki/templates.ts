/**
 * Templates whose text readers see. All others are dropped.
 *
 * @module
 */
import { COUNTRIES } from "./countries.ts";
import { languageName } from "./languages.ts";
import { GAP } from "./marks.ts";
import { ageAtDeath, convert, coordinates, date, eraYear, groupDigits, value } from "./units.ts";

/** Arguments of a template: by position, and by name. */
export interface TemplateArguments {
  /** Unnamed arguments. */
  readonly positional: readonly string[];
  /** Named arguments. */
  readonly named: Readonly<Record<string, string>>;
}

type Renderer = (args: TemplateArguments) => string;

/** The argument at a position (from 1 on), which may be given by its number as well. */
function argument({ positional, named }: TemplateArguments, position: number): string {
  return named[position] ?? positional[position - 1] ?? "";
}

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

/** A text with its kind in front; nothing where the text was dropped. */
function labelled(kind: string, text: string): string {
  return text.replaceAll(GAP, "") === "" ? "" : `${kind}: ${text}`;
}

/** What a list shows, an item a line. */
const list: Renderer = ({ positional }) =>
  `\n${positional.map((item) => `* ${item}`).join("\n")}\n`;

/** Templates by what they show, as names in lower case with spaces for underscores. */
const RENDERERS = new Map<string, Renderer>();

function add(renderer: Renderer, names: string): void {
  for (const name of names.trim().split(/\s*,\s*/)) RENDERERS.set(name, renderer);
}

add(
  first,
  `誰範囲2, small, small2, smaller, large, larger, big, center, left, right, indent, nowrap, nobr, nobold, bold, 太字, 斜体, 強調,
  下線, 打ち消し, underline, strong, em, smallcaps, sc, mono, code, kbd, samp, math, mvar, pre2, box,
  拡張漢字, 機種依存文字, unicode, unicode fonts, jisx0213,
  ipa, ipa2, ipalink, hebrew, script/hebrew, 琉球, en, fr, de, es, it, la, ar, zh, ko, ru, by, red, blue, gray, anchor text, vanchor,
  visible anchor, tooltip, abbr, abbrlink, 略語, pdflink, pdf, col, multicol, div col, link-en, link-interwiki, 日本語版にない記事リンク,
  plainlist, citation needed span, 縦書き, 振り仮名なし,
  kbd2, notatypo, sic2, 修正済み, ws, proper name, lk`,
);
add(
  second,
  `lang, rtl-lang, ltr-lang, llang2, interlang, color, colour, font color, fontcolor, 文字色, 背景色, background color,
  bgcolor, weight, fontsize, font size, 色`,
);
add(last, "resize, fs, transl, font, 変換, 字体, 異体字");
add(reading, "読み仮名, 読み仮名 ruby不使用, ruby, ルビ, ruby-ja, ふりがな, 振り仮名, r-ja");
add(
  block,
  "quotation, quote, cquote, squote, bquote, blockquote, 引用, 枠付引用, poemquote, quote box, rquote",
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
add((args) => COUNTRIES.get(first(args)) ?? first(args), "flag, flagcountry, flaglink, 国旗");
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
  // Hidden from what looks for named arguments until the end, as in nowiki.
  "=": "\ue03d",
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
  "colon": "\ue03a",
  ":": "\ue03a",
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

/** {{Lang-en|text}}, {{Lang-en-short|text}}, {{IPA-en|sound}}. */
function inLanguage(name: string, args: TemplateArguments): string | undefined {
  const match = /^(lang|ipa)-([a-z]{2,3}(?:-[a-z]+)*?)(-short)?$/.exec(name);
  if (!match) return undefined;
  const [, kind, code, short] = match, text = first(args);
  if (kind === "ipa") return text === "" ? "" : `[${text}]`;
  const language = languageName(code, short !== undefined);
  return language ? labelled(language, text) : text;
}

/** {{formatnum:1234}} and the functions that show their argument. */
function parserFunction(name: string): string | undefined {
  const match = /^(formatnum|lc|uc|lcfirst|ucfirst|plural)\s*:(.*)$/s.exec(name);
  if (!match) return undefined;
  return match[1] === "formatnum" ? groupDigits(match[2]) : match[2].trim();
}

/**
 * The text that readers see of a template; empty for templates that are dropped.
 *
 * @param parts what stands between the bars, the name first.
 */
export function renderTemplate(parts: readonly string[]): string {
  const country = COUNTRIES.get(parts[0].trim());
  if (country !== undefined) return country;
  const name = parts[0].trim().replaceAll("_", " ").toLowerCase()
    .replace(/^(?:template|テンプレート|subst|safesubst):\s*/, "");
  const renderer = RENDERERS.get(name) ?? (SHOWS_FIRST.test(name) ? first : undefined);
  if (!renderer && !/^(?:lang|llang|ipa|formatnum|[lu]c)/.test(name)) return "";
  const args = readArguments(parts);
  if (renderer) return renderer(args);
  if (name === "llang") {
    const language = languageName(first(args));
    return language ? labelled(language, second(args)) : second(args);
  }
  return inLanguage(name, args) ?? parserFunction(name) ?? "";
}

/** The longest name of an argument that is looked for. */
const LONGEST_NAME = 30;

function readArguments(parts: readonly string[]): TemplateArguments {
  const positional: string[] = [];
  const named: Record<string, string> = {};
  for (const part of parts.slice(1)) {
    const text = part.trim();
    const equals = text.slice(0, LONGEST_NAME + 1).indexOf("=");
    const key = equals > 0 ? text.slice(0, equals).trim() : "";
    // An address or a tag in front of the sign makes it text.
    if (key !== "" && !/[<>[\]\n/]/.test(key)) named[key] = text.slice(equals + 1).trim();
    else positional.push(keepSpace(part, text));
  }
  return { positional, named };
}

/** Keeps the space behind an argument where a Latin word needs it: {{lang|en|Republic of }}. */
function keepSpace(part: string, text: string): string {
  return part.endsWith(" ") && /[!-~]/.test(text.slice(-1)) ? `${text} ` : text;
}
