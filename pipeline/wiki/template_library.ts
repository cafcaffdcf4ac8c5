/**
 * The dump's own templates: those simple enough that their text can be worked out from their wikitext.
 *
 * @module
 */
import { dropTags } from "./comments.ts";
import { markLines } from "./line_marks.ts";
import { dropSwitches } from "./magic_words.ts";
import { clearMarks } from "./marks.ts";
import { templateName } from "./template_arguments.ts";

/** Bodies of templates, the names that lead to others, and those that show nothing that is prose. */
export interface TemplateLibrary {
  /** Wikitext by name, with the marks of its lines found. */
  readonly bodies: ReadonlyMap<string, string>;
  /** Where redirects lead, by name. */
  readonly redirects: ReadonlyMap<string, string>;
  /** Boxes, navigation, notices and what is not printed. */
  readonly boxes: ReadonlySet<string>;
}

/** A page of a template as the dump has it. */
export interface TemplatePage {
  /** The name, with or without its namespace. */
  readonly title: string;
  /** The wikitext. */
  readonly wikitext: string;
}

/** Longer ones compute, or are boxes. */
const LONGEST_BODY = 16_384;

/** Pages about templates. */
const ABOUT = /\/(?:doc|sandbox|testcases|サンドボックス|テストケース|解説)$/i;

const REDIRECT = /^\s*[#＃](?:redirect|転送|リダイレクト)\s*[:：]?\s*\[\[([^\]|#]{1,200})/i;

/** Lua, tables, and elements that make a block: nothing that stands within a sentence. */
const COMPLEX =
  /\{\{\s*(?:#invoke|#iferror:\s*\{\{#invoke)|\{\||<table[\s>]|<div[\s>]|<gallery|<imagemap/i;

/** Classes by which readers' programs know what is no part of the text. */
const BOX =
  /class\s*=\s*["']?[^"'>]{0,100}(?:noprint|navbox|[a-z]mbox|infobox|metadata|hatnote|dablink|sistersitebox|toccolours)/i;

/** Whether a page is worth keeping: a redirect, a box, or a body that can be put in. */
export function isUseful({ title, wikitext }: TemplatePage): boolean {
  if (ABOUT.test(title)) return false;
  return REDIRECT.test(wikitext) || BOX.test(wikitext) ||
    (wikitext.length <= LONGEST_BODY && !COMPLEX.test(wikitext));
}

/** Makes a library of the pages of templates; of equal names, the last counts. */
export function makeLibrary(pages: Iterable<TemplatePage>): TemplateLibrary {
  const bodies = new Map<string, string>();
  const leads = new Map<string, string>();
  const boxes = new Set<string>();
  for (const page of pages) {
    if (!isUseful(page)) continue;
    const name = templateName(page.title);
    const target = REDIRECT.exec(page.wikitext)?.[1];
    const body = target === undefined ? includedPart(page.wikitext) : "";
    bodies.delete(name);
    leads.delete(name);
    boxes.delete(name);
    if (target !== undefined) leads.set(name, templateName(target));
    else if (BOX.test(body)) boxes.add(name);
    else if (!COMPLEX.test(body)) bodies.set(name, prepare(body));
  }
  const redirects = new Map<string, string>();
  for (const [name, target] of leads) {
    // As MediaWiki, but for one more: a redirect may lead to another.
    redirects.set(name, leads.get(target) ?? target);
  }
  return { bodies, redirects, boxes };
}

const ONLY = /<onlyinclude>([^]*?)<\/onlyinclude>/gi;
const NOT_INCLUDED = /<noinclude>[^]*?(?:<\/noinclude>|$)/gi;

/** What of a page appears where it is used as a template. */
function includedPart(wikitext: string): string {
  const only = [...wikitext.matchAll(ONLY)].map(([, part]) => part);
  const part = only.length > 0 ? only.join("") : wikitext.replace(NOT_INCLUDED, "");
  return part.replace(/<\/?includeonly>/gi, "");
}

function prepare(body: string): string {
  return markLines(dropSwitches(dropTags(clearMarks(body.replaceAll("\r\n", "\n"))))).trim();
}
