/**
 * Wikitext to the text that readers see, one paragraph, heading or list item a line.
 *
 * The order of the steps is what decides: what begins a line and what is a heading is found on the
 * wikitext, before templates, quotes, breaks or entities can put a character there or take one away.
 *
 * @module
 */
import { resolveBrackets } from "./brackets.ts";
import { dropTags } from "./comments.ts";
import { decodeEntities } from "./entities.ts";
import { cutHoles } from "./holes.ts";
import { stripHtml } from "./html.ts";
import { markLines } from "./line_marks.ts";
import { type Losses, noLosses } from "./losses.ts";
import { dropSwitches } from "./magic_words.ts";
import { clearMarks, GAP, headingDepth, revealMarkup, ROW, TERM } from "./marks.ts";
import { repair } from "./repair.ts";
import { Steps } from "./steps.ts";
import type { TemplateLibrary } from "./template_library.ts";
import { EXPANSION_BUDGET, type TemplateContext } from "./templates.ts";
import { settleUses } from "./usage.ts";

/** What is kept. */
export interface CleanOptions {
  /** Leaves out sections that hold no prose: notes, sources, links. */
  readonly dropSections: boolean;
  /** The page's title, where it may name itself by {{PAGENAME}}. */
  readonly title?: string;
  /** Templates of the dump, where they were collected. */
  readonly library?: TemplateLibrary;
}

/**
 * The edition of the rules by which pages are cleaned. Raised with each change that alters texts, so that
 * those of two editions are not mixed in one extraction, nor old ones taken for new.
 */
export const CLEANING_RULES = 3;

const SECTION =
  "脚注|脚註|注釈|註釈|注記|補注|注|註|出典|参考文献|参考資料|参考|参照|文献|関連項目|" +
  "関連事項|関連書籍|関連文献|外部リンク|外部サイト|関連リンク|ギャラリー|画像|引用元|出典・脚注";

/** A title made of these alone: 脚注・出典, 注釈と参考文献. */
const NO_PROSE = new RegExp(`^(?:${SECTION})(?:(?:[・、と/／]|および|及び) ?(?:${SECTION}))*$`);

/** Passes over the whole text, as steps per character. */
const PASSES = 8;

/** Outer links; a label may hold brackets. */
const OUTER_LINK =
  /\[(?:(?:https?|ftps?|irc|ircs|gopher|telnet|nntp|worldwind|svn|git|mms):\/\/|\/\/|mailto:|news:|sip:|tel:|urn:|geo:|magnet:)[^\s\[\]]*(?:[ \t\u00a0\u3000]((?:[^\[\]\n]|\[[^\[\]\n]*\])*))?\]/gi;

/**
 * Cleans the wikitext of one page. Time and memory grow linearly with its length: no pattern here can
 * run on from many starts over the same text.
 *
 * @param steps counts the work, and ends that on a page which takes too much.
 * @param losses counts what readers see and the text lacks.
 * @throws {StepLimit} when the page takes more steps than its length allows.
 */
export function cleanWikitext(
  wikitext: string,
  options: CleanOptions,
  steps: Steps = new Steps(wikitext.length, options.library && EXPANSION_BUDGET),
  losses: Losses = noLosses(),
): string {
  const { title = "", library } = options;
  steps.take(PASSES * wikitext.length);
  const context: TemplateContext = {
    title,
    steps,
    losses,
    library,
    drops: [],
    budget: EXPANSION_BUDGET,
    depth: 0,
    resolve: resolveBrackets,
  };
  let text = dropTags(clearMarks(wikitext.replaceAll("\r\n", "\n")));
  text = resolveBrackets(markLines(dropSwitches(text)), context);
  text = settleUses(text, context);
  text = text
    .replace(OUTER_LINK, (_, shown) => shown || GAP)
    .replace(/'{2,}/g, quotes)
    .replace(/~{3,5}/g, "")
    .replace(/-\{([^{}|]{0,200})\}-/g, "$1");
  text = stripHtml(decodeEntities(text));
  steps.take(PASSES * text.length);
  return lines(text, options, losses);
}

/** Quotes that are no markup: of four, one; of more than five, those before the last five. */
function quotes(run: string): string {
  return "'".repeat(run.length === 4 ? 1 : Math.max(0, run.length - 5));
}

interface Heading {
  readonly depth: number;
  readonly title: string;
}

function lines(text: string, { dropSections }: CleanOptions, losses: Losses): string {
  const out: string[] = [];
  let dropDepth = 0;
  /** Headings under which nothing has come yet; they are written once something does. */
  let waiting: Heading[] = [];
  /** The paragraph under way: lines without an empty one between them are one. */
  let paragraph: string[] = [];
  const write = (line: string): void => {
    if (line === "") return;
    for (const { title } of waiting) out.push(title);
    waiting = [];
    out.push(line);
  };
  const endParagraph = (): void => {
    if (paragraph.length > 0) write(repair(cutHoles(paragraph.join(""), losses)));
    paragraph = [];
  };
  for (const raw of text.split("\n")) {
    const heading = headingOf(raw);
    if (heading) {
      endParagraph();
      const { depth, title } = heading;
      if (dropDepth > 0 && depth > dropDepth) continue;
      waiting = waiting.filter((above) => above.depth < depth);
      dropDepth = dropSections && NO_PROSE.test(title) ? depth : 0;
      if (dropDepth === 0 && title !== "") waiting.push(heading);
    } else if (dropDepth > 0) {
      continue;
    } else if (STANDS_ALONE.test(raw)) {
      // A picture between lines does not end a sentence.
      if (paragraph.at(-1)?.endsWith("、") && isDropped(raw)) continue;
      endParagraph();
      write(standing(raw, losses));
    } else {
      const latin = /[!-~]/.test(paragraph.at(-1)?.slice(-1) ?? "") && /^[!-~]/.test(raw);
      paragraph.push(latin ? ` ${raw}` : raw);
    }
  }
  endParagraph();
  return revealMarkup(out.join("\n"));
}

/** The heading that a line is, by its mark. */
function headingOf(raw: string): Heading | undefined {
  const line = raw.startsWith(GAP) ? raw.replace(/^[\ue0ff ]+/, "") : raw;
  const depth = headingDepth(line);
  return depth === 0 ? undefined : { title: repair(line.slice(1)), depth };
}

/** Marks of lines, wide spaces, and what was dropped as a whole. */
const STANDS_ALONE = /^(?:[\ue080-\ue0bf\ue0fc\u3000 ]|\{\||[\s\ue0fd-\ue0ff]*$)/;

/** Whether a line held nothing but what was dropped. */
function isDropped(raw: string): boolean {
  return raw.includes(GAP) && raw.replaceAll(GAP, "").trim() === "";
}

/** What is left of a table, or of a template's arguments. */
const TABLE_REST = /^(?:\|[-+}]?|\{\|)/;

const LINE_MARKS = /^[\ue080-\ue0bf\s]+/;

/** A line without its list marks and indent; empty where it is no prose. */
function standing(raw: string, losses: Losses): string {
  const line = cutHoles(raw.trim(), losses);
  if (line === "" || line.startsWith(ROW) || TABLE_REST.test(line)) return "";
  const text = line.replace(LINE_MARKS, "");
  const colon = line.startsWith(TERM) ? text.indexOf(":") : -1;
  if (colon > 0) {
    const term = repair(text.slice(0, colon)), meaning = repair(text.slice(colon + 1));
    return term === "" || meaning === "" ? term + meaning : `${term}: ${meaning}`;
  }
  return repair(text);
}
