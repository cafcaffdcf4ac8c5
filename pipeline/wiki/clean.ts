/**
 * Wikitext to the text that readers see, one paragraph, heading or list item a line.
 *
 * @module
 */
import { resolveBrackets } from "./brackets.ts";
import { clearMarks, GAP, revealMarkup } from "./marks.ts";
import { repair } from "./repair.ts";
import { Steps } from "./steps.ts";
import { decodeEntities, dropTags, stripHtml } from "./tags.ts";

/** What is kept. */
export interface CleanOptions {
  /** Leaves out sections that hold no prose: notes, sources, links. */
  readonly dropSections: boolean;
  /** The page's title, where it may name itself by {{PAGENAME}}. */
  readonly title?: string;
}

/**
 * The edition of the rules by which pages are cleaned. Raised with each change that alters texts, so that
 * those of two editions are not mixed in one extraction, nor old ones taken for new.
 */
export const CLEANING_RULES = 2;

const SECTION =
  "脚注|脚註|注釈|註釈|注記|補注|注|註|出典|参考文献|参考資料|参考|参照|文献|関連項目|" +
  "関連事項|関連書籍|関連文献|外部リンク|外部サイト|関連リンク|ギャラリー|画像|引用元|出典・脚注";

/** A title made of these alone: 脚注・出典, 注釈と参考文献. */
const NO_PROSE = new RegExp(`^(?:${SECTION})(?:(?:[・、と/／]|および|及び) ?(?:${SECTION}))*$`);

/** What stands for the title of the page that it is on. */
const OWN_NAME = /\{\{ ?(?:FULL|SUB|BASE)?PAGENAME ?\}\}/g;

/** Passes over the whole text, as steps per character. */
const PASSES = 8;

/**
 * Cleans the wikitext of one page. Time and memory grow linearly with its length: no pattern here can
 * run on from many starts over the same text.
 *
 * @param steps counts the work, and ends that on a page which takes too much.
 * @throws {StepLimit} when the page takes more steps than its length allows.
 */
export function cleanWikitext(
  wikitext: string,
  options: CleanOptions,
  steps: Steps = new Steps(wikitext.length),
): string {
  const { title = "" } = options;
  steps.take(PASSES * wikitext.length);
  let text = dropTags(clearMarks(wikitext.replaceAll("\r\n", "\n")));
  text = text.replace(OWN_NAME, () => {
    steps.take(title.length);
    return title;
  });
  text = resolveBrackets(text, steps);
  text = text
    .replace(
      /\[(?:(?:https?:|ftp:)?\/\/|mailto:)[^\s\[\]]*(?:[ \t\u00a0\u3000]([^\[\]\n]*))?\]/g,
      (_, shown) => shown || GAP,
    )
    .replace(/'{2,}|~{3,5}/g, "")
    .replace(/__(?:[A-Z]{3,30}|[^_\s\x21-\x7e]{2,30})__/g, "")
    .replace(/-\{([^{}|]{0,200})\}-/g, "$1");
  text = decodeEntities(stripHtml(text));
  steps.take(PASSES * text.length);
  return lines(text, options);
}

interface Heading {
  readonly depth: number;
  readonly title: string;
}

function lines(text: string, { dropSections }: CleanOptions): string {
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
    if (paragraph.length > 0) write(repair(paragraph.join("")));
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
      write(standing(raw));
    } else {
      const latin = /[!-~]/.test(paragraph.at(-1)?.slice(-1) ?? "") && /^[!-~]/.test(raw);
      paragraph.push(latin ? ` ${raw}` : raw);
    }
  }
  endParagraph();
  return revealMarkup(out.join("\n"));
}

/** The text between equal numbers of equals signs. */
function headingOf(raw: string): Heading | undefined {
  if (!raw.startsWith("=") && !raw.startsWith(GAP)) return undefined;
  const line = raw.replaceAll(GAP, "").trim();
  if (!line.startsWith("=") || !line.endsWith("=")) return undefined;
  let depth = 0;
  while (depth < 6 && line[depth] === "=" && line[line.length - 1 - depth] === "=") depth++;
  if (2 * depth >= line.length) return undefined;
  return { title: repair(line.slice(depth, -depth)), depth };
}

/** Empty lines, lists, indents, rulers, rests of tables, and what was dropped as a whole. */
const STANDS_ALONE = /^(?:[*#:;|! \t\u3000]|----|\{\||[\s\ue0ff]*$)/;

/** Whether a line held nothing but what was dropped. */
function isDropped(raw: string): boolean {
  return raw.includes(GAP) && raw.replaceAll(GAP, "").trim() === "";
}

/** What is left of a table, or of a template's arguments. */
const TABLE_REST = /^(?:\|[-+}|]?|!|\{\|)/;

const LIST_MARKS = /^(?:[*#:;]+\s*)+/;

/** A line without its list marks and indent; empty where it is no prose. */
function standing(raw: string): string {
  let line = raw.trim();
  if (line === "" || TABLE_REST.test(line)) return "";
  if (line.startsWith("----")) line = line.replace(/^-+/, "");
  const colon = line.startsWith(";") ? line.indexOf(":") : -1;
  if (colon > 0) {
    const term = repair(line.slice(1, colon)), meaning = repair(line.slice(colon + 1));
    line = term === "" || meaning === "" ? term + meaning : `${term}: ${meaning}`;
  }
  return repair(line.replace(LIST_MARKS, "")).replace(LIST_MARKS, "");
}
