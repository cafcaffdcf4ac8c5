/** Wikitext to what readers see. */
import { assert, assertEquals } from "@std/assert/mod.js";
import { cleanWikitext } from "../../pipeline/wiki/clean.ts";
import { dropReason } from "../../pipeline/wiki/filter.ts";
import type { WikiPage } from "../../pipeline/wiki/pages.ts";

const clean = (wikitext: string, dropSections = false): string =>
  cleanWikitext(wikitext, { dropSections });

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
  ["tags", 'H<sub>2</sub>O<br />次<span style="color:red">赤</span>', "H2O\n次赤"],
  ["entities", "A&amp;B&nbsp;C&#x3042;&#12356;&lt;&unknown;", "A&B Cあい<&unknown;"],
  ["an entity decoded once", "&amp;lt;", "&lt;"],
  ["tables", '前\n{| class="wikitable"\n! 見出し\n|-\n| 中 || {{a}}\n|}\n後', "前\n後"],
  ["nested tables", "{|\n|\n{|\n| 内\n|}\n| 外\n|}\n後", "後"],
  ["lists", "* 一\n** 二\n# 三\n:; 四\n; 語 : 意味", "一\n二\n三\n四\n語: 意味"],
  ["headings", "== 歴史 ==\n=== 古代 ===\n本文。\n== 空 ==", "古代\n本文。"],
  ["switches", "__NOTOC__本文__目次強制__", "本文"],
  ["rulers", "前\n----\n後", "前\n後"],
  ["emptied brackets", "琥珀（{{lang-xx}}）は（、）石", "琥珀は石"],
  ["an unclosed template ends at an empty line", "{{a|b\n\n本文。", "本文。"],
  ["an unclosed link", "[[松の木\n\n本文。", "松の木\n本文。"],
  ["stray closers", "一}}二]]三|}", "一二三"],
  ["nothing", "", ""],
];

for (const [name, wikitext, text] of CASES) {
  Deno.test(`wikitext: ${name}`, () => assertEquals(clean(wikitext), text));
}

Deno.test("wikitext: sections without prose go when asked, with those below them", () => {
  const page =
    "本文。\n== 脚注 ==\n注。\n=== 出典 ===\n出。\n== 歴史 ==\n昔。\n== 外部リンク ==\n* 外";
  assertEquals(clean(page, true), "本文。\n歴史\n昔。");
  assertEquals(clean(page).includes("外部リンク"), true);
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
];

for (const [name, make] of HOSTILE) {
  Deno.test(`wikitext: ${name} take time in proportion to their length`, () => {
    const time = (n: number): number => {
      const page = make(n);
      const start = performance.now();
      clean(page);
      return performance.now() - start;
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
