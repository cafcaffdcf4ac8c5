/** The dump's own templates: collected in a pass of their own, put in where their text can be worked out. */
import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import { readDocuments } from "../../pipeline/text/documents.ts";
import { cleanWikitext } from "../../pipeline/wiki/clean.ts";
import { extractDump, type ExtractOptions } from "../../pipeline/wiki/extract.ts";
import { Steps } from "../../pipeline/wiki/steps.ts";
import { makeLibrary } from "../../pipeline/wiki/template_library.ts";

type Pages = Readonly<Record<string, string>>;

function clean(wikitext: string, templates: Pages): string {
  const pages = Object.entries(templates).map(([title, body]) => ({ title, wikitext: body }));
  return cleanWikitext(wikitext, { dropSections: false, library: makeLibrary(pages) });
}

/** Templates as the help pages of Wikimedia explain them, what uses them, and what readers see. */
const CASES: readonly (readonly [string, Pages, string, string])[] = [
  ["text", { "石の名": "花崗岩" }, "これは{{石の名}}である。", "これは花崗岩である。"],
  [
    "arguments and defaults",
    { "産地": "{{{1}}}産の{{{2|石}}}{{{注|}}}" },
    "これは{{産地|山}}と{{産地|海|2=貝|注=（稀）}}である。",
    "これは山産の石と海産の貝（稀）である。",
  ],
  [
    "functions of arguments",
    { "距離": "{{formatnum:{{#expr:{{{1}}}*1000}}}}{{#if:{{{2|}}}|（{{{2}}}）}}メートル" },
    "道は{{距離|12}}、川は{{距離|3|推定}}である。",
    "道は12,000メートル、川は3,000（推定）メートルである。",
  ],
  [
    "cases",
    { "方位": "{{#switch:{{{1|}}}|n=北|s|south=南|#default=不明}}" },
    "{{方位|n}}と{{方位|s}}と{{方位}}である。",
    "北と南と不明である。",
  ],
  [
    "templates in templates",
    { "外": "「{{内|{{{1}}}}}」", "内": "[[{{{1}}}|{{{1}}}類]]" },
    "これは{{外|石}}である。",
    "これは「石類」である。",
  ],
  [
    "redirects, to what is known as well",
    {
      "別名": "#転送 [[Template:石の名]]",
      "石の名": "花崗岩",
      "多段": "#REDIRECT [[テンプレート:columns-list]]",
    },
    "{{別名}}である。\n{{多段|2|\n* 甲\n* 乙\n}}",
    "花崗岩である。\n甲\n乙",
  ],
  [
    "what is included, and what is not",
    { "石": "<noinclude>説明の文。</noinclude><includeonly>岩</includeonly>石<!-- 注 -->" },
    "{{石}}である。",
    "岩石である。",
  ],
  [
    "only what is to be included",
    { "石": "説明。<onlyinclude>岩</onlyinclude>と<onlyinclude>石</onlyinclude>。" },
    "{{石}}である。",
    "岩石である。",
  ],
  [
    "lists",
    { "類": "* 石\n* {{{1}}}\n" },
    "次の通り。\n{{類|木}}\n以上。",
    "次の通り。\n石\n木\n以上。",
  ],
  ["names of any case of letters", { "Stone name": "岩" }, "{{stone_name}}である。", "岩である。"],
  [
    "Lua, tables and boxes are not put in",
    {
      "計": "{{#invoke:計算|main}}",
      "表": "{| class=x\n| 表の文\n|}",
      "注意書き": '<span class="noprint">注意。</span>',
    },
    "石{{計|a|b}}は{{表|a|b}}重い{{注意書き|この文}}。",
    "石は重い。",
  ],
  [
    "a number that nothing gives is lost",
    { "人口": "{{#invoke:人口|{{{1}}}}}", "約": "約{{人口|{{{1}}}}}人" },
    "町は{{約|町}}である。山がある。",
    "山がある。",
  ],
];

for (const [name, templates, wikitext, text] of CASES) {
  Deno.test(`templates of the dump: ${name}`, () => assertEquals(clean(wikitext, templates), text));
}

Deno.test("templates of the dump: loops, depth, and size have bounds, and the page stays", () => {
  const loop = { "甲": "い{{乙}}", "乙": "ろ{{甲}}" };
  assert(/^石(?:いろ)+である。$/.test(clean("石{{甲}}である。", loop)));
  const bomb: Record<string, string> = { "零": "石の文。".repeat(50) };
  const names = [..."零一二三四五六七八九"];
  for (let i = 1; i < names.length; i++) bomb[names[i]] = `{{${names[i - 1]}}}`.repeat(10);
  const long = clean("初め。\n\n前{{九}}後。\n\n終わり。", bomb);
  assert(long.startsWith("初め。\n") && long.endsWith("終わり。"), long.slice(0, 20));
  assert(long.length < 300_000, `${long.length} characters`);
  const doubling = { "倍": "{{#if:{{{1}}}|{{倍|{{{1}}}{{{1}}}}}}}" };
  const steps = new Steps(20, 200_000);
  const pages = Object.entries(doubling).map(([title, body]) => ({ title, wikitext: body }));
  const text = cleanWikitext(
    "初め。\n\n{{倍|石}}\n\n終わり。",
    { dropSections: false, library: makeLibrary(pages) },
    steps,
  );
  assert(text.startsWith("初め。") && text.endsWith("終わり。"));
});

function page(title: string, ns: number, text: string): string {
  return `<page><title>${title}</title><ns>${ns}</ns><id>1</id><revision><text>${text}</text>` +
    `</revision></page>\n`;
}

const XML = "<mediawiki>\n" + page("石", 0, "これは{{産地|山}}で、{{見出し}}である。") +
  page("Template:産地", 10, "{{{1}}}産の石") + page("Template:見出し", 10, "花崗岩") +
  page("Template:産地/doc", 10, "説明") + page("Template:表", 10, "{|\n|}") + "</mediawiki>\n";

Deno.test("templates are collected once, kept in a file, and part of what decides the output", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/dump`, XML);
    const templates = `${folder}/templates.jsonl`;
    const options: ExtractOptions = {
      dump: `${folder}/dump`,
      out: `${folder}/text`,
      minLength: 0,
      dropLists: false,
      dropSections: false,
      overwrite: false,
      templates,
    };
    const textOf = async (out: string): Promise<string[]> => {
      const texts: string[] = [];
      for await (const { text } of readDocuments(out)) texts.push(text);
      return texts;
    };
    await extractDump(options);
    assertEquals(await textOf(options.out), ["これは山産の石で、花崗岩である。"]);
    const lines = (await Deno.readTextFile(templates)).trimEnd().split("\n");
    assertEquals(lines.length, 3);
    // The file is read, not the dump's templates again.
    await Deno.writeTextFile(templates, lines.join("\n").replace("花崗岩", "玄武岩") + "\n");
    await assertRejects(() => extractDump(options), PipelineError, "(different: templates)");
    await extractDump({ ...options, overwrite: true });
    assertEquals(await textOf(options.out), ["これは山産の石で、玄武岩である。"]);
    await assertRejects(
      () => extractDump({ ...options, templates: undefined }),
      PipelineError,
      "(different: templates)",
    );
    await Deno.writeTextFile(templates, `${lines[0]}\n{"title":1}\n`);
    await assertRejects(() => extractDump(options), PipelineError, "line 2: no template");
    await Deno.writeTextFile(templates, "文\n");
    await assertRejects(() => extractDump(options), PipelineError, "holds no templates");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
