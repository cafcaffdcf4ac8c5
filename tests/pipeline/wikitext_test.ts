/** Wikitext to what readers see. */
import process from "node:process";
import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { cleanWikitext } from "../../pipeline/wiki/clean.ts";
import { dropReason } from "../../pipeline/wiki/filter.ts";
import { countLeftovers } from "../../pipeline/wiki/leftovers.ts";
import type { WikiPage } from "../../pipeline/wiki/pages.ts";
import { StepLimit, Steps, STEPS_PER_CHARACTER } from "../../pipeline/wiki/steps.ts";

const clean = (wikitext: string, steps?: Steps): string =>
  cleanWikitext(wikitext, { dropSections: false }, steps);

const CASES: readonly (readonly [string, string, string])[] = [
  ["bold and italic", "'''琥珀'''は''樹脂''の'''''化石'''''である。", "琥珀は樹脂の化石である。"],
  [
    "links",
    "[[日本]]の[[東京都|東京]]、[[京都市#歴史|京都]]、[[奈良市#地理]]。",
    "日本の東京、京都、奈良市。",
  ],
  ["pipe trick", "[[松 (植物)|]]と[[Help:リンク|]]", "松とリンク"],
  ["files with nested captions", "前[[ファイル:a.jpg|thumb|[[松]]の{{lang|en|pine}}]]後", "前後"],
  ["categories and languages", "本文。\n[[Category:樹脂]]\n[[en:Amber]]", "本文。"],
  ["forced links", "[[:Category:樹脂]]を見よ。", "Category:樹脂を見よ。"],
  ["outer links", "[https://example.org 公式]と[https://example.org]。", "公式と。"],
  ["unknown templates", "前{{出典の明記|date=2020年}}後", "前後"],
  ["nested templates", "{{a|{{b|{{c}}}}|[[d|e]]}}本文", "本文"],
  ["templates over lines", "{{Infobox\n| 名前 = {{lang|ja|琥珀}}\n| 色 = 黄\n}}\n本文。", "本文。"],
  ["languages", "{{Lang|en|amber}}と{{Lang-en|amber}}", "amberと英語: amber"],
  ["readings", "{{読み仮名|琥珀|こはく}}と{{ルビ|琥珀|こはく}}", "琥珀（こはく）と琥珀（こはく）"],
  ["links to be made", "{{仮リンク|コーパル|en|Copal}}", "コーパル"],
  ["doubted ranges", "{{要出典範囲|黄色い|date=2020年}}石", "黄色い石"],
  ["dates", "{{生年月日と年齢|1950|1|2}}生", "1950年1月2日生"],
  ["parameters", "{{{1|既定}}}値", "既定値"],
  ["empty last arguments", "{{a|}}後", "後"],
  [
    "references",
    '琥珀<ref>本</ref>は<ref name="a" />石<ref name=b>{{cite|x}}</ref>。',
    "琥珀は石。",
  ],
  ["comments", "前<!-- [[隠す]] -->後<!-- 開いたまま", "前後"],
  ["mathematics and code", "前<math>x^2</math>中<syntaxhighlight>a</syntaxhighlight>後", "前中後"],
  ["nowiki", "<nowiki>'''[[そのまま]]'''</nowiki>", "'''[[そのまま]]'''"],
  ["tags", 'H<sub>2</sub>O<br />次<span style="color:red">赤</span>', "H₂O\n次赤"],
  ["raised numbers", "10<sup>-6</sup>km<sup>2</sup>のx<sub>max</sub>", "10⁻⁶km²のxmax"],
  ["inline code", "<code>print</code>関数", "print関数"],
  [
    "ruby",
    "<ruby>琥珀<rp>（</rp><rt>こはく</rt><rp>）</rp></ruby>と<ruby>石<rt>いし</rt></ruby>",
    "琥珀（こはく）と石（いし）",
  ],
  ["poems", "<poem>雨が\n降る</poem>", "雨が\n降る"],
  ["poems with tags in them", "前<poem>雨が<br>\n''降る''\n夜</poem>後", "前\n雨が\n降る\n夜\n後"],
  ["poems that do not end", "<poem>雨が\n降る", "雨が降る"],
  [
    "letters that are longer in lower case",
    "İİİİİİİİ<ref>本</ref>の<REF>書</Ref>石<ref>巻</ref>。",
    "İİİİİİİİの石。",
  ],
  [
    "HTML tables",
    "前\n<table><tr><td>中<table><tr><td>内</table></td></tr></table>\n後",
    "前\n後",
  ],
  ["entities", "A&amp;B&nbsp;C&#x3042;&#12356;&lt;&unknown;", "A&B Cあい<&unknown;"],
  ["entities of signs", "&hearts;と&lceil;x&rceil;", "♥と⌈x⌉"],
  ["an entity decoded once", "&amp;lt;", "&lt;"],
  ["tables", '前\n{| class="wikitable"\n! 見出し\n|-\n| 中 || {{a}}\n|}\n後', "前\n後"],
  ["nested tables", "{|\n|\n{|\n| 内\n|}\n| 外\n|}\n後", "後"],
  ["lists", "* 一\n** 二\n# 三\n:; 四\n; 語 : 意味", "一\n二\n三\n四\n語: 意味"],
  ["headings", "== 歴史 ==\n=== 古代 ===<ref>注</ref>\n本文。\n== 空 ==", "歴史\n古代\n本文。"],
  ["lines of a paragraph", "一行\n二行。\n\n三行 a\nb", "一行二行。\n三行 a b"],
  ["a reference over lines", "石<ref>{{cite\n|a}}</ref>\n、木。", "石、木。"],
  ["switches", "__NOTOC__本文__目次強制__", "本文"],
  ["rulers", "前\n----\n後", "前\n後"],
  ["emptied brackets", "琥珀（{{x}}）は（{{x}}、{{x}}）石「{{x}}」", "琥珀は石"],
  [
    "brackets that lose their beginning",
    "坂本（{{x}}、1836年 - 1867年）は",
    "坂本（1836年 - 1867年）は",
  ],
  ["brackets that lose their end", "坂本（さかもと、{{x}}）と（{{x}}。）", "坂本（さかもと）と"],
  ["doubled marks", "甲、{{x}}、乙。{{x}}。", "甲、乙。"],
  ["a mark that begins a line", "{{x}}、甲。", "甲。"],
  ["brackets of the author stay", "（）内は人口、（ ）も。", "（）内は人口、（ ）も。"],
  ["spaces of the author stay", "赤松俊子　画家と 中島 敦", "赤松俊子　画家と 中島 敦"],
  ["spaces of dropped markup go", "前 {{x}} 後 {{x}}。a {{x}} b", "前後。a b"],
  ["outer links in brackets too many", "[[https://example.org 公式]]", "公式"],
  ["outer links in captions", "前[[ファイル:a.jpg|thumb|石[http://example.org 頁]]]後", "前後"],
  ["addresses of mail", "[mailto:a@example.org 便り]を出す。", "便りを出す。"],
  [
    "links that only name an edition",
    "樹脂（[[:en:Resin|en]]）と蜜（[[:de:Honig|ドイツ語版]]）",
    "樹脂と蜜",
  ],
  [
    "links to other editions with a text",
    "[[:en:Resin|樹脂]]と[[:en:Wax]]と[[:en:Sed|sed]]と[[:en:Amberish|琥珀語]]",
    "樹脂とWaxとsedと琥珀語",
  ],
  ["old codes of languages", "石\n[[simple:Stone]]\n[[be-x-old:Камень]]", "石"],
  [
    "sister projects",
    "[[s:石の歌]]と[[wikt:石#意味]]と[[commons:Category:Stone]]を",
    "石の歌と石とを",
  ],
  ["anchors with many signs", "[[石#a#b]]", "石"],
  ["outer links with a wide space", "[https://example.org　公式]", "公式"],
  ["outer links with markup", "[https://example.org '''公式'''[[頁]]]", "公式頁"],
  ["private characters", "a\ue0ffb\ue07bc", "abc"],
  ["a bar in a template", "{{仮リンク|甲{{!}}乙|en|x}}", "甲|乙"],
  ["an equals sign in a template", "{{nowrap|E{{=}}mc}}", "E=mc"],
  ["names with underscores", "Pythonの__init__", "Pythonの__init__"],
  ["a picture within a sentence", "石は、\n[[ファイル:a.jpg|thumb|石]]\n重い。", "石は、重い。"],
  [
    "a picture between sentences",
    "石は重い。\n[[ファイル:a.jpg|thumb|石]]\n木は軽い。",
    "石は重い。\n木は軽い。",
  ],
  ["an empty line within a sentence", "石は、\n\n重い。", "石は、\n重い。"],
  [
    "words in templates side by side",
    "{{lang|en|Kingdom of }}{{lang|en|Stone}}",
    "Kingdom of Stone",
  ],
  ["spaces around Japanese in templates", "{{small| 石 }}と{{nowrap|木\n}}", "石と木"],
  ["an unclosed template ends at an empty line", "{{a|b\n\n本文。", "本文。"],
  ["an unclosed link", "[[松の木\n\n本文。", "松の木\n本文。"],
  ["stray closers", "一}}二]]三|}", "一二三"],
  ["nothing", "", ""],
];

for (const [name, wikitext, text] of CASES) {
  Deno.test(`wikitext: ${name}`, () => assertEquals(clean(wikitext), text));
}

/** Templates that carry text, and what readers see of them. */
const TEMPLATES: readonly (readonly [string, string])[] = [
  ["{{lang|en|text}}", "text"],
  ["{{Lang-fr|texte}}", "フランス語: texte"],
  ["{{Lang-en-short|text}}", "英: text"],
  ["{{lang-zh-Hant|文}}", "中国語: 文"],
  ["{{lang-zz|文}}", "文"],
  ["{{lang-en|}}", ""],
  ["{{llang|ko|글}}", "朝鮮語: 글"],
  ["{{rtl-lang|ar|نص}}", "نص"],
  ["{{IPA-en|æmbər}}", "[æmbər]"],
  ["{{IPA|a}}", "a"],
  ["{{仮リンク|コーパル|en|Copal|label=樹脂}}", "樹脂"],
  ["{{読み仮名|'''琥珀'''|こはく}}", "琥珀（こはく）"],
  ["{{読み仮名_ruby不使用|琥珀|こはく|{{lang-en|amber}}}}", "琥珀（こはく、英語: amber）"],
  ["{{ルビ|琥珀|こはく}}", "琥珀（こはく）"],
  ["{{Ruby|琥珀|}}", "琥珀"],
  ["{{要出典範囲|黄色い|date=2020年}}", "黄色い"],
  ["{{要出典|範囲=黄色い|date=2020年}}", "黄色い"],
  ["{{要出典科学範囲|黄色い|date=2020年}}{{いつ範囲|昔}}", "黄色い昔"],
  ["{{JIS2004フォント|石}}{{CP932フォント|木}}", "石木"],
  ["{{flag|JPN}}と{{flagcountry|甲国}}", "日本と甲国"],
  ["{{ill2|コーパル|en|Copal|label=樹脂}}", "樹脂"],
  ["10{{sup|-6}}とx{{sub|2}}と3{{e|8}}", "10⁻⁶とx₂と3×10⁸"],
  ["{{val|12345.6|e=3|u=km}}と{{val|5}}", "12,345.6×10³ kmと5"],
  ["{{sqrt|2}}と{{pi}}と20{{℃}}", "√2とπと20°C"],
  ["{{linktext|石|灰|岩}}", "石灰岩"],
  [
    "{{旧字体|'''石'''}}、{{lang-zh|{{繁体字|臺}}、{{簡体字|台}}、{{ピン音|tái}}}}",
    "旧字体: 石、中国語: 繁体字: 臺、簡体字: 台、拼音: tái",
  ],
  ["石（{{lang-en|{{x}}}}）", "石"],
  ["{{€|1500}}と{{£|7}}と{{色|red|赤}}", "€1,500と£7と赤"],
  ["{{ISBN2|978-4-00-000000-0}}", "ISBN 978-4-00-000000-0"],
  ["{{coord|35|41|22|N|139|42|0|W|region:JP}}", "北緯35度41分22秒 西経139度42分0秒"],
  ["{{coord|-35.5|139.25}}", "南緯35.5度 東経139.25度"],
  ["{{coord|1|N|2|E|display=title}}{{coord|甲}}{{coord|1|N}}", ""],
  ["{{ウィキ座標度分|1|32||S|66|5||E|}}", "南緯1度32分 東経66度5分"],
  ["{{audio|x.ogg||ka|ქვა|クヴァ}}", "ქვა"],
  ["{{要出典|date=2020年}}", ""],
  ["{{small|小}}{{Smaller|小}}{{nowrap|行}}{{補助漢字フォント|文}}", "小小行文"],
  ["{{resize|90%|小}}{{fontsize|120%|大}}{{color|red|赤}}", "小大赤"],
  ["{{JPN}}と{{GER}}と{{jpn}}", "日本とドイツと"],
  ["{{flagicon|JPN}} [[日本]]", "日本"],
  ["{{生年月日と年齢|1950|01|2}}", "1950年1月2日"],
  ["{{死亡年月日と没年齢|1836|1|3|1867|12|10}}", "1867年12月10日"],
  ["{{没年齢|1836|1|3|1867|1|2}}", "30歳没"],
  ["{{和暦|1989}}・{{和暦|1990}}・{{和暦|1800}}", "平成元年・平成2年・1800年"],
  ["{{JPY|1234567}}", "1,234,567円"],
  ["{{convert|5|km|mi}}", "5キロメートル"],
  ["{{convert|3|to|5|km2|sqmi|abbr=on}}", "3から5 km²"],
  ["{{convert|9|furlong}}", "9 furlong"],
  ["{{convert|20500 |km2 |sqmi}}", "20,500平方キロメートル"],
  ["{{sfrac|1|2}}・{{frac|3|1|2}}", "1/2・3 1/2"],
  ["{{formatnum:1234567.8}}", "1,234,567.8"],
  ["{{chem|H|2|O}}", "H₂O"],
  ["{{ubl|甲|乙}}", "甲\n乙"],
  ["前{{quotation|引用文。|出典}}後", "前\n引用文。\n後"],
  ["{{audio|x.ogg|発音}}{{audio|x.ogg|België}}", "België"],
  ["{{テンプレート:small|小}}", "小"],
  ["{{lang|2=text|1=en}}", "text"],
  ["{{Cite book|title=本}}{{Sfn|本}}{{R|a}}{{Main|頁}}{{Infobox|a=b}}", ""],
];

for (const [wikitext, text] of TEMPLATES) {
  Deno.test(`wikitext: ${wikitext}`, () => assertEquals(clean(wikitext), text));
}

Deno.test("wikitext: sections without prose go when asked, with those below them", () => {
  const page =
    "本文。\n== 脚注 ==\n注。\n=== 出典 ===\n出。\n== 歴史 ==\n昔。\n== 外部リンク ==\n* 外" +
    "\n== 注釈・出典 ==\n注\n== 参考の年 ==\n年";
  assertEquals(cleanWikitext(page, { dropSections: true }), "本文。\n歴史\n昔。\n参考の年\n年");
  assertEquals(clean(page).includes("外部リンク"), true);
});

Deno.test("wikitext: a page may name itself", () => {
  const page = "'''{{PAGENAME}}'''（いし）は、{{ FULLPAGENAME }}である。";
  assertEquals(
    cleanWikitext(page, { dropSections: false, title: "石" }),
    "石（いし）は、石である。",
  );
  const long = { dropSections: false, title: "石".repeat(10_000) };
  assertThrows(() => cleanWikitext("{{PAGENAME}}".repeat(10_000), long), StepLimit);
});

/** Pages built to be slow: time may grow no faster than length. */
const HOSTILE: readonly (readonly [string, (n: number) => string])[] = [
  ["open braces", (n) => "{{".repeat(n)],
  ["open braces with text", (n) => "{{a|".repeat(n) + "本文"],
  ["closing braces", (n) => "}}".repeat(n)],
  ["links in links", (n) => "[[a|".repeat(n) + "]]".repeat(n)],
  ["unclosed links over lines", (n) => "[[a\n\n".repeat(n)],
  ["unclosed tables", (n) => "\n{|\n|".repeat(n)],
  ["unclosed tags", (n) => "<ref>".repeat(n)],
  ["unclosed comments", (n) => "<!--".repeat(n)],
  ["entity floods", (n) => "&amp;".repeat(n)],
  ["ampersands", (n) => "&".repeat(n)],
  ["angle brackets", (n) => "<a ".repeat(n)],
  ["apostrophes", (n) => "'".repeat(n)],
  ["equals signs", (n) => "=".repeat(n)],
  ["spaces", (n) => "= " + " ".repeat(n) + "x"],
  ["spaces between letters", (n) => "あ" + " ".repeat(n) + "."],
  ["bars in a template", (n) => "{{a" + "|".repeat(n) + "}}"],
  ["half of everything", (n) => "{{[[{|<ref>'''==&amp;".repeat(n)],
  ["parameters", (n) => "{{{".repeat(n)],
  ["underscores", (n) => "__".repeat(n)],
  ["outer links", (n) => "[http://".repeat(n)],
  ["open parentheses", (n) => "（".repeat(n)],
  ["gaps in brackets", (n) => "（{{x}}、".repeat(n)],
  ["gaps in a row", (n) => "{{x}} ".repeat(n)],
  ["list marks", (n) => "*".repeat(n) + " x"],
  ["tables in tables", (n) => "<table>".repeat(n) + "</table>".repeat(n)],
  ["templates that show text", (n) => "{{small|".repeat(n) + "文" + "}}".repeat(n)],
  ["bars in an open template", (n) => "{{small|a" + "|".repeat(n)],
  ["closers that fit nothing", (n) => "{{a|[[b|".repeat(40) + "|}}]".repeat(n)],
  ["a long list", (n) => "* [[甲|乙]]（{{lang-en|a}}、{{x}}）\n".repeat(n)],
];

for (const [name, make] of HOSTILE) {
  Deno.test(`wikitext: ${name} take a bounded number of steps a character`, () => {
    for (const n of [1_000, 10_000]) {
      const page = make(n);
      const steps = new Steps(page.length);
      clean(page, steps);
      assert(steps.taken <= STEPS_PER_CHARACTER * (page.length + 100), name);
    }
  });
}

Deno.test("wikitext: a page that would take too many steps is given up, not waited for", () => {
  const steps = new Steps(0);
  assertThrows(() => clean("{{small|".repeat(64) + "長い文".repeat(2_000), steps), StepLimit);
});

for (const [name, make] of HOSTILE) {
  Deno.test(`wikitext: ${name} take time in proportion to their length`, () => {
    const time = (n: number): number => {
      // The processor's time: others may be at work on the machine.
      const page = make(n);
      const start = process.cpuUsage().user;
      clean(page);
      return (process.cpuUsage().user - start) / 1000;
    };
    time(2_000);
    const small = Math.min(time(10_000), time(10_000));
    // Quadratic time would be 64 times as long; the constant forgives a machine that stutters.
    assert(time(80_000) < 24 * small + 200, `${name}: ${small} ms for an eighth`);
  });
}

const page = (wikitext: string, more: Partial<WikiPage> = {}): WikiPage => ({
  id: "1",
  title: "琥珀",
  namespace: 0,
  redirect: undefined,
  wikitext,
  ...more,
});

Deno.test("pages that are no articles are left out by reason", () => {
  assertEquals(dropReason(page("本文"), true), undefined);
  assertEquals(dropReason(page("本文", { namespace: 10 }), true), "namespace");
  assertEquals(dropReason(page("", { redirect: "石" }), true), "redirect");
  assertEquals(dropReason(page("#転送 [[石]]"), true), "redirect");
  assertEquals(dropReason(page("#REDIRECT [[石]]"), true), "redirect");
  assertEquals(dropReason(page("{{Aimai}}"), true), "disambiguation");
  assertEquals(dropReason(page("{{人名の曖昧さ回避}}"), true), "disambiguation");
  assertEquals(dropReason(page("[[Category:曖昧さ回避]]"), true), "disambiguation");
  assertEquals(dropReason(page("[[松]]{{要曖昧さ回避}}"), true), undefined);
  assertEquals(dropReason(page("本文", { title: "石の一覧" }), true), "list");
  assertEquals(dropReason(page("本文", { title: "石の一覧" }), false), undefined);
});

Deno.test("leftovers are counted by kind, and clean text has none", () => {
  const text = "琥珀（こはく）は、[ˈambər] の石。\n（）内は年。A & B; 1 < 2";
  assertEquals(countLeftovers(text), undefined);
  const dirty = "{{a}} [[b]] [https://x y]\n| 行\n* 点\n''c''<ref>d</ref>&nbsp;（、）（、e）" +
    "__NOTOC__\nthumb|f";
  assertEquals(countLeftovers(dirty), {
    "template brackets": 2,
    "link brackets": 3,
    "table marks": 1,
    "tags": 2,
    "comments": 0,
    "quotes": 2,
    "entities": 1,
    "empty brackets": 1,
    "broken brackets": 1,
    "list marks": 1,
    "switches": 1,
    "file options": 1,
  });
});
