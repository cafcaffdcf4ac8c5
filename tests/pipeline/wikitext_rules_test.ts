/**
 * What readers see, rule by rule: each page is made for a rule that MediaWiki or a template documents, with
 * the text that its readers see.
 */
import { assertEquals } from "@std/assert/mod.js";
import { cleanWikitext } from "../../pipeline/wiki/clean.ts";
import { dropReason } from "../../pipeline/wiki/filter.ts";
import { evaluate } from "../../pipeline/wiki/expressions.ts";
import { formatDate, readDate } from "../../pipeline/wiki/dates.ts";
import { noLosses } from "../../pipeline/wiki/losses.ts";

const clean = (wikitext: string, title = "題名"): string =>
  cleanWikitext(wikitext, { dropSections: false, title });

type Cases = readonly (readonly [name: string, wikitext: string, text: string])[];

function check(rule: string, cases: Cases): void {
  for (const [name, wikitext, text] of cases) {
    Deno.test(`${rule}: ${name}`, () => assertEquals(clean(wikitext), text));
  }
}

check("unknown templates by their use", [
  ["one text within a line is shown", "彼は{{上線つき|かき}}を食べた。", "彼はかきを食べた。"],
  [
    "a block by itself shows nothing",
    "石である。\n{{知らない箱|石の話}}\n木である。",
    "石である。\n木である。",
  ],
  ["a row of blocks shows nothing", "{{箱一|石}}{{箱二|木}}\n\n石である。", "石である。"],
  ["centred or boxed, a block is one", "<div>{{箱|石の話}}</div>\n石である。", "石である。"],
  ["named arguments are none that are shown", "石{{印|日付=2020年}}である。", "石である。"],
  ["a date beside the text is no matter", "{{疑|丸い|date=2020年1月}}石である。", "丸い石である。"],
  ["the first argument by its number", "彼は{{上線|1=かき}}を食べた。", "彼はかきを食べた。"],
  ["an empty second argument is none", "{{みよみ|琥珀|}}という。", "琥珀という。"],
  ["codes beside the one Japanese text", "{{装飾|red|2px|赤い石}}がある。", "赤い石がある。"],
  ["an address is no text", "石{{頁|https://example.org/a}}である。", "石である。"],
  ["a file is no text", "石{{絵|石.jpg}}である。", "石である。"],
  ["text in a link", "[[頁|{{飾り|文}}]]である。", "文である。"],
  ["in another unknown template", "これは{{甲|{{乙|文}}}}である。", "これは文である。"],
  ["in a known template", "これは{{small|{{乙|文}}}}である。", "これは文である。"],
  ["an item that is one", "* {{飾り|石灰岩}}\n* 砂岩", "石灰岩\n砂岩"],
  ["an item that is a key", "* {{鍵|Q12345}}\n* 砂岩", "砂岩"],
  [
    "keys of notes stay nothing",
    "石{{Sfn|山田|2001}}は{{R|a}}重い{{Efn|注の文。}}。",
    "石は重い。",
  ],
  ["hatnotes stay nothing within a line", "石（{{See|石の一覧}}）は重い。", "石は重い。"],
  ["links to other editions stay nothing", "琥珀{{enlink|Amber}}は石である。", "琥珀は石である。"],
  [
    "spaces that part it from Japanese go",
    "字は {{el|α}} と {{飾り|木}} である。",
    "字はαと木である。",
  ],
  ["spaces that part Latin words stay", "the {{el|α}} particle", "the α particle"],
]);

check("lists in templates", [
  [
    "columns",
    "次の通り。\n{{columns-list|colwidth=20em|\n* 甲\n* 乙\n}}\nである。",
    "次の通り。\n甲\n乙\nである。",
  ],
  ["all columns", "{{Col|\n* 甲\n|\n* 乙\n|\n* 丙\n}}", "甲\n乙\n丙"],
  ["two columns of a table", "{{表2列|\n* 甲\n|\n* 乙\n}}", "甲\n乙"],
  [
    "of an unknown template",
    "前。\n{{見知らぬ段|2|\n# 甲\n# [[乙]]\n}}\n後。",
    "前。\n甲\n乙\n後。",
  ],
  ["with words before it", "{{見知らぬ段|\n'''組'''\n* 甲\n* 乙\n}}", "組\n甲\n乙"],
  ["that begins behind the bar", "{{columns-list|* 甲\n* 乙}}", "甲\n乙"],
  ["terms and meanings", "{{columns-list|2|\n; 石: 重い\n: 木\n}}", "石: 重い\n木"],
  ["nested in each other", "{{columns-list|2|\n* 甲\n** {{lang|en|stone}}\n}}", "甲\nstone"],
  ["columns that begin and end", "{{Div col|2}}\n* 甲\n{{Div col end}}\n後。", "甲\n後。"],
  ["of an infobox are none", "{{Infobox|一覧=\n* 甲\n* 乙\n}}\n本文。", "本文。"],
]);

check("blocks", [
  [
    "an indent within lines",
    "次である。\n{{Indent|a + b}}\nここで a は数。",
    "次である。\na + b\nここで a は数。",
  ],
  ["behind a word", "次の形{{字下げ|a + b}}となる。", "次の形\na + b\nとなる。"],
  ["centred", "前。{{center|題}}後。", "前。\n題\n後。"],
]);

check("languages", [
  ["any code of two letters", "{{sn|Musha}}と{{el|ε}}と{{km|ខេត្ត}}", "Mushaとεとខេត្ត"],
  ["any code with its name", "（{{lang-sn|Musha}}）", "（ショナ語: Musha）"],
  ["codes of three letters", "{{grc|λίθος}}、{{lang-ain|シラル}}", "λίθος、アイヌ語: シラル"],
  ["a code alone is a sign", "石 {{en}}", "石"],
  ["the last argument of colours", "{{font color|white|red|文}}と{{color|red|赤}}", "文と赤"],
]);

check("parser functions", [
  ["if", "{{#if: 1 |有|無}}{{#if:  |有|無}}{{#if:{{{1|}}}|有}}", "有無"],
  ["ifeq compares numbers and texts", "{{#ifeq:01|1|同|別}}{{#ifeq:a|A|同|別}}", "同別"],
  ["ifexpr", "{{#ifexpr: 3 > 2 and 1 < 0 |真|偽}}", "偽"],
  ["iferror", "{{#iferror:{{#expr:1/0}}|誤|正}}{{#iferror:{{#expr:1+1}}|誤}}", "誤2"],
  ["expr", "和は{{#expr: (1+2)*3 - 4 mod 3 }}である。", "和は8である。"],
  ["expr rounds", "{{#expr: 10/3 round 2}}と{{#expr: 2^10}}", "3.33と1024"],
  ["expr with entities", "{{#expr: 3 &minus; 1}}", "2"],
  ["switch", "{{#switch: 乙 |甲=一 |乙=二 |三}}", "二"],
  ["switch shares results", "{{#switch: 甲 |甲|乙=二 |#default=他}}", "二"],
  ["switch has defaults", "{{#switch: 丁 |甲=一 |他}}{{#switch: 丁 |#default=無 |甲=一}}", "他無"],
  ["time of a date", "{{#time:Y年n月j日|2020-01-02}}", "2020年1月2日"],
  ["time with a step", "{{#time:n月j日|2020-01-30 +3 days}}", "2月2日"],
  ["letters", "{{lc:ABC}}{{uc:abc}}{{ucfirst:abc}}{{lcfirst:ABC}}", "abcABCAbcaBC"],
  ["padding", "{{padleft:7|3}}と{{padright:7|3|x}}", "007と7xx"],
  ["numbers", "{{formatnum:1234567}}と{{formatnum:1,234|R}}", "1,234,567と1234"],
  ["plural", "{{plural:2|件|複数件}}", "件"],
  ["in Japanese", "{{数整形:12345}}と{{小文字:ABC}}", "12,345とabc"],
  ["in each other", "{{#if:{{lc:A}}|{{#switch:{{uc:b}}|B=当たり}}}}", "当たり"],
  ["tags", "石{{#tag:ref|本の名|name=a}}は重い。", "石は重い。"],
  [
    "sorting and titles",
    "{{DEFAULTSORT:いし}}{{デフォルトソート：いし}}{{DISPLAYTITLE:''石''}}石である。",
    "石である。",
  ],
  [
    "the page's name",
    "{{PAGENAME}}と{{ページ名}}と{{#if:{{NAMESPACE}}|他|記事}}",
    "題名と題名と記事",
  ],
]);

check("numbers that are lost", [
  [
    "a sentence goes as a whole",
    "石の県である。県の面積は{{自治体面積/石県}}平方キロメートルである。山がある。",
    "石の県である。山がある。",
  ],
  [
    "in brackets, the brackets go",
    "石市（人口{{自治体人口/石県|石市}}人）は市である。",
    "石市は市である。",
  ],
  ["today's date is one", "{{CURRENTYEAR}}年現在、石がある。山もある。", "山もある。"],
  [
    "what is computed from it",
    "人口は{{formatnum:{{自治体人口/石県}}}}人である。町である。",
    "町である。",
  ],
  ["a property of another wiki", "人口は{{#property:P1082}}人である。町である。", "町である。"],
  ["a hole between a particle and an end", "値は{{計る|石|木}}である。石は重い。", "石は重い。"],
  [
    "a hole between a particle and a unit",
    "面積は{{計る|石|木}}平方キロメートル、山がある。町である。",
    "町である。",
  ],
  ["no hole behind a noun", "石{{印|a|b}}は重い。", "石は重い。"],
  [
    "a full stop in quotes ends no sentence",
    "「石だ。木だ」と{{年齢|1990|1|2}}歳で言った。後。",
    "後。",
  ],
  ["an item goes as a whole", "* 人口{{自治体人口/石県}}人\n* 山", "山"],
]);

check("marks of lines", [
  [
    "a bold line begins with signs",
    "'''#石'''は標語、\n\n'''*石'''は歌手、\n\n''':石'''は印。",
    "#石は標語、\n*石は歌手、\n:石は印。",
  ],
  ["entities begin no list", "&#42; 石\n\n&#35; 木\n\n&#58; 水", "* 石\n# 木\n: 水"],
  ["entities begin no table", "&#123;| 石 |&#125;", "{| 石 |}"],
  ["a template begins no list", "{{=}}{{=}} 石 {{=}}{{=}}", "== 石 =="],
  ["nowiki begins no list", "<nowiki>* 石</nowiki>\n\n<nowiki>== 木 ==</nowiki>", "* 石\n== 木 =="],
  ["nor does a break", "石<br>* 木", "石\n* 木"],
  ["an item that begins with a sign", "* #石\n* '''*木'''", "#石\n*木"],
  ["a heading with a break", "== 石<br />木 ==\n文。", "石 木\n文。"],
  [
    "a heading with a template and a note",
    "== {{lang|en|Stone}} ==<ref>注</ref>\n文。",
    "Stone\n文。",
  ],
  ["a heading with a comment behind it", "== 石 == <!-- 節 -->\n文。", "石\n文。"],
  ["a heading with equals signs in it", "== a = b ==\n文。", "a = b\n文。"],
  ["a heading of which nothing is known", "== {{未知|甲}} ==\n文。", "文。"],
  ["a line of equals signs alone is text", "==\n\n文。", "==\n文。"],
  ["a line that ends with one sign", "=石\n\n文。", "=石\n文。"],
]);

check("comments and nowiki", [
  ["a comment on its own line leaves no break", "石は\n  <!-- 注 -->  \n重い。", "石は重い。"],
  ["two comments on a line", "石は\n<!-- 注 --><!-- 意 -->\n重い。", "石は重い。"],
  ["entities within nowiki", "<nowiki>&lt;b&gt; &amp;amp; ''</nowiki>", "<b> &amp; ''"],
  [
    "code within a line",
    '関数<syntaxhighlight lang="c" inline>a < b[0]</syntaxhighlight>を使う。',
    "関数a < b[0]を使う。",
  ],
]);

check("tags", [
  [
    "only known names",
    "x<y かつ z>w、<int>と<a b>と<br/>と<X>",
    "x<y かつ z>w、<int>と<a b>と\nと<X>",
  ],
  ["names end where they end", "a<bである。c>d、<brand>、<s1>", "a<bである。c>d、<brand>、<s1>"],
  ["entities make none", "&lt;b&gt;と&lt;ref&gt;", "<b>と<ref>"],
  [
    "tags of extensions",
    '石<section begin="a"/>は<templatestyles src="x.css" />重い<indicator>星</indicator>。',
    "石は重い。",
  ],
]);

check("switches", [
  ["only MediaWiki's", "__NOTOC____init__と__FILE__と__目次__", "__init__と__FILE__と"],
  ["in full-width letters", "＿＿目次非表示＿＿石＿＿木＿＿", "石＿＿木＿＿"],
  ["before a heading", "__TOC__== 石 ==\n文。", "石\n文。"],
]);

check("outer links", [
  [
    "with brackets in their label",
    "[https://example.org 公式 [PDF]]がある。",
    "公式 [PDF]がある。",
  ],
  [
    "with brackets amid their label",
    "[https://example.org 石[1]の頁]がある。",
    "石[1]の頁がある。",
  ],
  ["in capitals", "[HTTP://EXAMPLE.ORG 公式]と[Https://example.org]", "公式と"],
  ["with an entity in their address", "[https://example.org/?a=1&amp;b=2 公式]", "公式"],
]);

check("exponents and indices", [
  ["entities", "10<sup>&minus;31</sup>と10<sup>&#8722;6</sup>", "10⁻³¹と10⁻⁶"],
  ["digits in groups", "2<sup>10,000</sup>", "2^10,000"],
  ["fractions", "x<sup>1/2</sup>", "x^1/2"],
  ["in each other", "2<sup>2<sup>n</sup></sup>と10<sup>10<sup>100</sup></sup>", "2^2ⁿと10^10¹⁰⁰"],
  ["with attributes", '10<sup style="x">6</sup>とm<SUP>3</SUP>', "10⁶とm³"],
  ["with other tags", "10<sup><small>6</small></sup>とx<sup>''n''+1</sup>", "10⁶とxⁿ⁺¹"],
  ["of templates", "10{{sup|&minus;6}}とa{{sub|n+1}}", "10⁻⁶とaₙ₊₁"],
  ["indices", "H<sub>2</sub>O、a<sub>10,000</sub>、x<sub>max</sub>", "H₂O、a_10,000、xmax"],
  ["words are none", "1<sup>er</sup>と注<sup>注1</sup>と石<sup>※</sup>", "1erと注注1と石※"],
  ["without an end", "10<sup>6", "10^6"],
]);

check("the bar and other signs", [
  ["parts no arguments", "{{math|{{!}}x{{!}}}}と{{small|a{{!}}b}}", "|x|とa|b"],
  ["parts a link", "[[石{{!}}木]]", "木"],
  ["makes a table", "前。\n{{{!}} class=x\n{{!}} 石\n{{!}}}\n後。", "前。\n後。"],
  [
    "makes a table within a function",
    "前。\n{{#if:1|\n{{{!}}\n{{!}} 石\n{{!}}}}}\n後。",
    "前。\n後。",
  ],
  ["an equals sign", "{{small|a{{=}}b}}と{{small|1=c=d}}", "a=bとc=d"],
  ["an equals sign that a template shows", "{{small|{{lang|en|a{{=}}b}}}}", "a=b"],
  ["braces", "{{(}}石{{)}}と{{((}}木{{))}}", "{石}と{{木}}"],
  ["defaults in defaults", "{{{1|{{{2|}}}}}}石{{{a|{{{b|木}}}}}}", "石木"],
  ["a parameter within a template", "{{small|{{{1|石}}}}}", "石"],
  ["braces side by side", "{{{{{1|small}}}|石}}", "石"],
]);

check("characters that carry meaning", [
  ["joiners", "ශ්‍රී と می‌خواهم と 👨‍👩‍👧", "ශ්‍රී と می‌خواهم と 👨‍👩‍👧"],
  ["joiners as entities", "ක&zwj;ෂ、می&zwnj;خ", "ක\u200dෂ、می\u200cخ"],
  ["variation selectors", "葛󠄀と❤️", "葛󠄀と❤️"],
  [
    "soft hyphens and directions go",
    "石\u00adの&shy;話\u200f\u202aabc\u202c&lrm;\ufeff",
    "石の話abc",
  ],
]);

check("ruby", [
  ["with attributes", '<ruby lang="ja"><rb>石</rb><rt class="x">いし</rt></ruby>', "石（いし）"],
  [
    "with brackets for old browsers",
    "<ruby>石<rp>(</rp><rt>いし</rt><rp>)</rp></ruby>",
    "石（いし）",
  ],
  [
    "left open",
    "<ruby>石<rt>いし</ruby>と<ruby>木<rp>（<rt>き<rp>）</ruby>",
    "石（いし）と木（き）",
  ],
  ["word by word", "<ruby>石<rt>いし</rt>灰<rt>ばい</rt></ruby>", "石（いし）灰（ばい）"],
  ["several readings", "<ruby>石<rt>いし</rt><rt>shí</rt></ruby>", "石（いし、shí）"],
  ["an empty reading", "<ruby>石<rt></rt></ruby>", "石"],
]);

Deno.test("pages are judged without their comments and nowiki", () => {
  const reason = (wikitext: string): string | undefined =>
    dropReason({ id: "1", title: "石", namespace: 0, redirect: undefined, wikitext }, false);
  assertEquals(reason("石。<!-- {{aimai}} -->"), undefined);
  assertEquals(reason("石。<nowiki>{{曖昧さ回避}}</nowiki>"), undefined);
  assertEquals(reason("<!-- #転送 [[木]] -->石。"), undefined);
  assertEquals(reason("<!-- 元は別 -->#転送 [[木]]"), "redirect");
  assertEquals(reason("＃リダイレクト [[木]]"), "redirect");
  assertEquals(reason("石。<!-- {{aimai}} -->{{aimai}}"), "disambiguation");
  assertEquals(reason("__DISAMBIG__"), "disambiguation");
});

Deno.test("expressions follow the order of their operators", () => {
  const values: readonly (readonly [string, string | undefined])[] = [
    ["1+2*3", "7"],
    ["-2^2", "4"],
    ["2^3^2", "64"],
    ["7 mod 3 + 0.5", "1.5"],
    ["not 0 and 1", "1"],
    ["1 = 1 or 1/0", undefined],
    ["1.5e3", "1500"],
    ["trunc -1.5", "-1"],
    ["1234.567 round -2", "1200"],
    ["0.1+0.2", "0.3"],
    ["(1", undefined],
    ["1 2", undefined],
    ["x", undefined],
    ["", ""],
    ["(".repeat(999) + "1", undefined],
  ];
  for (const [expression, value] of values) assertEquals(evaluate(expression), value, expression);
});

Deno.test("dates are read as templates write them, and written by letters", () => {
  const write = (date: string, format: string): string | undefined => {
    const read = readDate(date);
    return read && formatDate(format, read);
  };
  assertEquals(write("2020-02-29", "Y-m-d (D) l z t L"), "2020-02-29 (土) 土曜日 59 29 1");
  assertEquals(write("2020/2/9", 'y"年"nj\\n'), "20年29n");
  assertEquals(write("9 February 2020", "Ynj"), "202029");
  assertEquals(write("February 9, 2020 14:05", "g:i A"), "2:05 PM");
  assertEquals(write("20200209", "xtY年"), "令和2年");
  assertEquals(write("2019-04-30 +1 day", "xtY年"), "令和元年");
  assertEquals(write("@86400", "U"), "86400");
  assertEquals(write("昨日", "Y"), undefined);
  assertEquals(write("", "Y"), undefined);
});

Deno.test("losses are counted by name, with an example", () => {
  const losses = noLosses();
  const page = "石{{計器|a|b}}は重い。\n{{箱|a|b}}\n* {{鍵|a|b}}\n" +
    "人口は{{自治体人口/石県}}人である。\n{{未知の箱|表=\n* 甲\n* 乙}}";
  assertEquals(cleanWikitext(page, { dropSections: false }, undefined, losses), "石は重い。");
  assertEquals(losses, {
    templates: {
      "計器": { count: 1, example: "石{{計器}}は重い。" },
      "鍵": { count: 1, example: "{{鍵}}" },
      "自治体人口/石県": { count: 1, example: "人口は{{自治体人口/石県}}人である。" },
    },
    listItems: 2,
    sentences: 1,
  });
});
