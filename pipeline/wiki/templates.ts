/**
 * What a template shows: by what is known of its name, by its body where the dump has one, else by how it
 * is used.
 *
 * @module
 */
import { COUNTRIES } from "./countries.ts";
import { computes, isDropped } from "./dropped_templates.ts";
import type { Losses } from "./losses.ts";
import { DROPPED, GAP, INLINE_ONLY, isBlank, NEVER_ALONE } from "./marks.ts";
import { callFunction, variable } from "./parser_functions.ts";
import type { Steps } from "./steps.ts";
import { readArguments, type TemplateArguments, templateName } from "./template_arguments.ts";
import type { TemplateLibrary } from "./template_library.ts";
import { asLines, textOf } from "./text_templates.ts";

/** A template that was dropped, until it is known whether it stood within a line. */
export interface Drop {
  /** Its name. */
  readonly name: string;
  /** Items of lists in it. */
  readonly listItems: number;
}

/** What templates of a page have in common. */
export interface TemplateContext {
  /** The page's title. */
  readonly title: string;
  /** Counts the work. */
  readonly steps: Steps;
  /** What is lost. */
  readonly losses: Losses;
  /** Templates dropped so far, by their number. */
  readonly drops: Drop[];
  /** Templates of the dump. */
  readonly library: TemplateLibrary | undefined;
  /** Characters of them that may still be put in. */
  budget: number;
  /** How deep the template that is under way lies in others of the dump. */
  depth: number;
  /** Resolves the brackets of a body, where parameters have values. */
  readonly resolve: (body: string, context: TemplateContext, values: TemplateArguments) => string;
}

/** Characters of the dump's own templates that one page may put in. */
export const EXPANSION_BUDGET = 200_000;

/** Templates of the dump in each other. */
const DEEPEST = 20;

/**
 * The text that readers see of a template; empty for templates that show nothing.
 *
 * @param parts what stands between the bars, the name first.
 */
export function renderTemplate(parts: readonly string[], context: TemplateContext): string {
  const written = parts[0].replaceAll(GAP, "").trim();
  const own = parts.length === 1 ? variable(written, context.title) : undefined;
  const called = own ?? (/[:：]/.test(written) ? callFunction(parts, context.steps) : undefined);
  if (called !== undefined) return called;
  const country = COUNTRIES.get(written);
  if (country !== undefined) return country;
  const args = readArguments(parts.slice(1));
  const asked = templateName(written);
  const name = context.library?.redirects.get(asked) ?? asked;
  const known = textOf(asked) ?? textOf(name);
  if (known) return known(args);
  if (isDropped(asked) || isDropped(name) || context.library?.boxes.has(name)) return "";
  return expand(name, args, context) ?? byUse(asked, args, context);
}

/** What the dump's own template shows; undefined where there is none, or too much of it. */
function expand(
  name: string,
  args: TemplateArguments,
  context: TemplateContext,
): string | undefined {
  const body = context.library?.bodies.get(name);
  if (body === undefined || context.depth >= DEEPEST || context.budget < body.length) {
    return undefined;
  }
  context.budget -= body.length;
  context.depth++;
  const shown = context.resolve(body, context, args);
  context.depth--;
  return shown;
}

/** Lines of a list. */
const LIST_LINE = /(?:^|\n)[\ue0a3\ue0aa\ue0ba\ue0bb]/g;

/** Lists are shown, one text is shown within a line, and nothing else. */
function byUse(name: string, args: TemplateArguments, context: TemplateContext): string {
  const lists = args.positional.filter((text) => text.search(LIST_LINE) !== -1);
  if (lists.length > 0 && !computes(name)) return `\n\n${lists.map(asLines).join("\n\n")}\n\n`;
  const text = computes(name) ? undefined : onlyText(args);
  if (text !== undefined) {
    const { start, end } = args.positional.length > 1 ? NEVER_ALONE : INLINE_ONLY;
    return start + text + end;
  }
  let listItems = 0;
  for (const value of Object.values(args.named)) listItems += value.match(LIST_LINE)?.length ?? 0;
  const numbers = args.positional.filter((text) => !isBlank(text));
  const number = computes(name) || (numbers.length > 0 && numbers.every((one) => NUMBER.test(one)));
  context.drops.push({ name, listItems });
  return `${DROPPED.start}${number ? "#" : ""}${context.drops.length - 1}${DROPPED.end}`;
}

const NUMBER = /^[\d\s.,:/+\-–−%年月日]+$/;

/** Addresses, names of files, colours, sizes, names of classes: arguments that are no text. */
const CODE =
  /^(?:[\w#%.+\- ]{1,20}|(?:https?:)?\/\/\S*|.*\.(?:jpe?g|png|svg|gif|ogg|oga|mp3|webm))$/i;

const JAPANESE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** The one argument that is text; undefined where there is none, or more than one. */
function onlyText({ positional, named }: TemplateArguments): string | undefined {
  const given = positional.filter((text) => text.replaceAll(GAP, "") !== "");
  const one = given.length === 0 ? named.text ?? named.文 ?? named.内容 : given[0];
  if (given.length > 1) {
    const words = given.filter((text) => JAPANESE.test(text) && !text.includes("\n"));
    const others = given.length - words.length;
    return words.length === 1 && given.filter((text) => CODE.test(text)).length === others
      ? words[0]
      : undefined;
  }
  if (one === undefined || isBlank(one) || one.includes("\n") || NUMBER.test(one)) return undefined;
  return /^(?:https?:)?\/\//.test(one) || /\.(?:jpe?g|png|svg|gif|ogg|oga|mp3|webm)$/i.test(one)
    ? undefined
    : one;
}
