/**
 * Templates whose text readers see. All others are dropped.
 *
 * @module
 */

/** Arguments of a template: by position, and by name. */
export interface TemplateArguments {
  /** Unnamed arguments. */
  readonly positional: readonly string[];
  /** Named arguments. */
  readonly named: Readonly<Record<string, string>>;
}

type Renderer = (args: TemplateArguments) => string;

const first: Renderer = ({ positional, named }) => positional[0] ?? named["1"] ?? "";
const second: Renderer = ({ positional, named }) => positional[1] ?? named["2"] ?? "";
const reading: Renderer = (args) =>
  second(args) === "" ? first(args) : `${first(args)}（${second(args)}）`;

const RENDERERS: Readonly<Record<string, Renderer>> = {
  lang: second,
  仮リンク: ({ positional, named }) => named.label ?? positional[0] ?? "",
  読み仮名: reading,
  読み仮名_ruby不使用: reading,
  ruby: reading,
  ルビ: reading,
  要出典範囲: first,
  要検証範囲: first,
  疑問点範囲: first,
  独自研究範囲: first,
  small: first,
  smaller: first,
  big: first,
  nowrap: first,
  nobr: first,
  補助漢字フォント: first,
  jis2004フォント: first,
  拡張漢字: first,
  color: second,
  sup: first,
  sub: first,
  underline: first,
  強調: first,
  "!": () => "|",
  "=": () => "=",
  ",": () => "，",
  "-": () => "",
  spaces: () => " ",
  jpy: (args) => `${first(args)}円`,
  円: (args) => `${first(args)}円`,
  usd: (args) => `${first(args)}ドル`,
  convert: ({ positional }) => `${positional[0] ?? ""}${positional[1] ?? ""}`,
  val: first,
  和暦: (args) => `${first(args)}年`,
  生年月日と年齢: birth,
  没年齢: birth,
  日付: ({ positional }) => date(positional),
  jpn: () => "日本",
  usa: () => "アメリカ合衆国",
  gbr: () => "イギリス",
  fra: () => "フランス",
  ger: () => "ドイツ",
  deu: () => "ドイツ",
  ita: () => "イタリア",
  chn: () => "中国",
  kor: () => "大韓民国",
  rus: () => "ロシア",
  can: () => "カナダ",
  esp: () => "スペイン",
  ipa: first,
};

/** Templates that name a language and show it before the text: {{Lang-en|text}}. */
const LANGUAGES: Readonly<Record<string, string>> = {
  en: "英語",
  de: "ドイツ語",
  fr: "フランス語",
  es: "スペイン語",
  it: "イタリア語",
  pt: "ポルトガル語",
  ru: "ロシア語",
  zh: "中国語",
  ko: "朝鮮語",
  la: "ラテン語",
  el: "ギリシア語",
  grc: "古代ギリシア語",
  nl: "オランダ語",
  ar: "アラビア語",
  sv: "スウェーデン語",
  no: "ノルウェー語",
  da: "デンマーク語",
  fi: "フィンランド語",
  pl: "ポーランド語",
  tr: "トルコ語",
  th: "タイ語",
  vi: "ベトナム語",
  sa: "サンスクリット語",
  he: "ヘブライ語",
  fa: "ペルシア語",
  hi: "ヒンディー語",
  uk: "ウクライナ語",
  hu: "ハンガリー語",
  cs: "チェコ語",
};

function date(parts: readonly string[]): string {
  const [year, month, day] = parts.map((part) => part.trim());
  return (year ? `${year}年` : "") + (month ? `${month}月` : "") + (day ? `${day}日` : "");
}

function birth({ positional }: TemplateArguments): string {
  return date(positional.slice(0, 3));
}

/**
 * The text that readers see of a template; empty for templates that are dropped.
 *
 * @param parts what stands between the bars, the name first.
 */
export function renderTemplate(parts: readonly string[]): string {
  const name = parts[0].trim().replaceAll(" ", "_").toLowerCase();
  const language = /^lang-(\w+)/.exec(name)?.[1];
  const positional: string[] = [];
  const named: Record<string, string> = {};
  for (const part of parts.slice(1)) {
    const argument = part.trim();
    const match = /^([^=<>\[\]\n]{1,30})=/.exec(argument);
    if (match) named[match[1].trim()] = argument.slice(match[0].length).trim();
    else positional.push(argument);
  }
  const args = { positional, named };
  if (language !== undefined) {
    const label = LANGUAGES[language];
    return label ? `${label}: ${first(args)}` : first(args);
  }
  return Object.hasOwn(RENDERERS, name) ? RENDERERS[name](args) : "";
}
