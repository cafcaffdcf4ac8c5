/**
 * Templates, parameters, tables and links by one walk with a stack: linear in the length of a page,
 * however deep and however unbalanced its brackets are.
 *
 * @module
 */
import { renderLink } from "./links.ts";
import { GAP, hideMarkup, ROW } from "./marks.ts";
import { settleErrors } from "./parser_functions.ts";
import type { TemplateArguments } from "./template_arguments.ts";
import { renderTemplate, type TemplateContext } from "./templates.ts";
import { showInline } from "./usage.ts";

type Kind = "braces" | "table" | "link";

interface Frame {
  readonly kind: Kind;
  /** How many braces opened it. */
  readonly braces: number;
  /** Parts between bars that are complete. */
  readonly parts: string[];
  /** The part that is being read. */
  text: string;
  /** Whether an outer link stands open in it. */
  inBracket: boolean;
}

/** Deeper than this, an opening bracket is taken as text. */
const MAX_DEPTH = 64;

/** What matters to the walk; everything between is copied. */
const TOKEN = /\{\{+|\}\}+|\{\||\|\}|\[\[|\]\]|\||<table(?=[\s>])|<\/table\s{0,8}>/gi;

/** What may stand between the start of a line and a mark of a table. */
const LINE_START = /(?:^|\n)[ \t:*#\ue0a0-\ue0ba]*$/;

/** An outer link begins. */
const ADDRESS = /\[(?:(?:[a-z]{3,6}:)?\/\/|mailto:)/i;

/** A bar and a sign that are text, whatever is made of them later. */
const BAR = hideMarkup("|"), EQUALS = hideMarkup("=");

/** Templates for a bar and for what bars make, and what each stands for. */
const BARS: Readonly<Record<string, "bar" | "table" | "end">> = {
  "!": "bar",
  "(!": "table",
  "!)": "end",
};

/**
 * Replaces templates, tables and links by the text readers see. What is never closed is taken as text;
 * a template left open ends at the next empty line.
 *
 * @param values of parameters, within a template.
 */
export function resolveBrackets(
  wikitext: string,
  context: TemplateContext,
  values?: TemplateArguments,
): string {
  const walk = new Walk(context, values);
  let at = 0;
  // A walk may begin another one, within a template.
  const tokens = new RegExp(TOKEN);
  for (let match = tokens.exec(wikitext); match; match = tokens.exec(wikitext)) {
    const token = match[0], start = match.index;
    if (start > at) walk.append(wikitext.slice(at, start));
    const lineStart = () => LINE_START.test(wikitext.slice(Math.max(0, start - 8), start));
    // A token may turn out shorter than it looked: |} may be a bar before braces.
    at = start + walk.take(token, lineStart, wikitext[start + token.length]);
    tokens.lastIndex = at;
  }
  walk.append(wikitext.slice(at));
  return settleErrors(walk.end());
}

class Walk {
  readonly #context: TemplateContext;
  readonly #values: TemplateArguments | undefined;
  readonly #stack: Frame[] = [{ kind: "braces", braces: 0, parts: [], text: "", inBracket: false }];

  constructor(context: TemplateContext, values: TemplateArguments | undefined) {
    this.#context = context;
    this.#values = values;
  }

  get #top(): Frame {
    return this.#stack[this.#stack.length - 1];
  }

  get #atRoot(): boolean {
    return this.#stack.length === 1;
  }

  /** Takes a token and returns how many of its characters were used. */
  take(token: string, lineStart: () => boolean, next: string | undefined): number {
    this.#context.steps.take(token.length);
    switch (token[0]) {
      case "{":
        if (token === "{|") {
          if (lineStart()) this.#open("table");
          else this.append(token);
        } else {
          this.#open("braces", token.length);
        }
        break;
      case "}":
        this.#endBraces(token.length);
        break;
      case "[":
        this.#open("link");
        break;
      case "]":
        if (next === "]" && this.#top.kind === "link" && this.#top.inBracket) {
          // [[ファイル:a.jpg|[http://example.org b]]]: the first closes the inner one.
          this.append("]");
          return 1;
        }
        if (this.#unwindTo("link")) this.#closeLink();
        else if (this.#top.inBracket) this.append(token);
        break;
      case "|":
        if (token === "|}") return this.#endTable(lineStart, next);
        if (this.#atRoot && lineStart()) this.append(ROW);
        else this.#separate();
        break;
      default:
        if (token[1] !== "/") this.#open("table");
        else if (this.#unwindTo("table")) this.#closeTable();
    }
    return token.length;
  }

  #endTable(lineStart: () => boolean, next: string | undefined): number {
    const inTable = this.#top.kind === "table";
    if (next === "}" && !inTable) {
      // The end of a template whose last argument is empty: {{a|}}
      this.#separate();
      return 1;
    }
    if (inTable || (lineStart() && this.#stack.some(({ kind }) => kind === "table"))) {
      if (this.#unwindTo("table")) this.#closeTable();
    } else if (!this.#atRoot) {
      this.#separate();
      this.append("}");
    }
    return 2;
  }

  #open(kind: Kind, braces = 0, text = ""): void {
    if (this.#stack.length <= MAX_DEPTH) {
      this.#stack.push({ kind, braces, parts: [], text, inBracket: false });
    } else if (kind !== "link") this.append(" ");
  }

  /**
   * Closes what a run of braces closes: a parameter takes three of those that opened it, a template two,
   * and what is left of them may open another around it.
   */
  #endBraces(run: number): void {
    let left = run;
    while (left >= 2) {
      if (!this.#unwindTo("braces")) return;
      const { braces, parts, text } = this.#stack.pop()!;
      const taken = Math.min(braces, left) >= 3 ? 3 : 2;
      left -= taken;
      const held = [...parts, text].map(showInline);
      for (const part of held) this.#context.steps.take(part.length);
      const bar = taken === 2 && held.length === 1 ? BARS[text.trim()] : undefined;
      if (bar !== undefined) {
        left -= this.#putBar(bar, braces - taken, left);
        continue;
      }
      const shown = taken === 3 ? this.#parameter(held) : renderTemplate(held, this.#context);
      this.#put(shown, braces - taken);
    }
    if (left === 1) this.append("}");
  }

  /** Puts what braces showed where they stood, with the braces that are left before it. */
  #put(shown: string, bracesLeft: number): void {
    const text = shown === "" ? GAP : shown;
    if (bracesLeft >= 2) this.#open("braces", bracesLeft, text);
    else {
      // No sign that a template shows names an argument of the one around it.
      const quiet = this.#atRoot ? text : text.replaceAll("=", EQUALS);
      this.#context.steps.take(quiet.length);
      this.#top.text += (bracesLeft === 1 ? "{" : "") + quiet;
    }
  }

  /**
   * Puts a bar that parts no arguments, but a link and what a table is made of. Returns how many of the
   * braces behind it belong to it.
   */
  #putBar(bar: "bar" | "table" | "end", bracesLeft: number, behind: number): number {
    const begins = LINE_START.test(this.#top.text.slice(-8));
    if (bar === "table" || (bracesLeft === 1 && begins)) {
      if (begins) this.#open("table");
      return 0;
    }
    if (bracesLeft >= 2) this.#open("braces", bracesLeft, BAR);
    else if (this.#top.kind === "table" && (bar === "end" || behind % 2 === 1)) {
      this.#closeTable();
      return bar === "end" ? 0 : 1;
    } else if (this.#top.kind === "link") this.#separate();
    else if (bar === "bar") this.append((bracesLeft === 1 ? "{" : "") + BAR);
    return 0;
  }

  /** The value of a parameter, else its default. */
  #parameter([name, ...defaults]: readonly string[]): string {
    const key = name.replaceAll(GAP, "").trim();
    const value = /^[1-9]\d?$/.test(key)
      ? this.#values?.positional[Number(key) - 1]
      : this.#values?.named[key];
    const shown = value ?? defaults[0] ?? "";
    if (this.#values) this.#context.budget -= shown.length;
    return this.#context.budget < 0 ? "" : shown;
  }

  #closeLink(): void {
    const { parts, text } = this.#stack.pop()!;
    const held = [...parts, text].map(showInline);
    for (const part of held) this.#context.steps.take(part.length);
    const shown = renderLink(held);
    this.#top.text += shown === "" ? GAP : shown;
  }

  /** A table shows nothing that is prose. */
  #closeTable(): void {
    this.#stack.pop();
    this.#top.text += GAP;
  }

  /** Gives up the frames above the last one of a kind: what they hold is text. */
  #unwindTo(kind: Kind): boolean {
    let depth = this.#stack.length - 1;
    while (depth > 0 && this.#stack[depth].kind !== kind) depth--;
    this.#context.steps.take(this.#stack.length - depth);
    if (depth === 0) return false;
    while (this.#stack.length - 1 > depth) this.#dissolve();
    return true;
  }

  append(text: string): void {
    this.#context.steps.take(text.length);
    if (this.#top.kind === "link" && text.includes("\n\n")) {
      // A link holds no paragraph: it was never closed.
      this.#dissolve();
      this.append(text);
      return;
    }
    const opened = text.lastIndexOf("["), closed = text.lastIndexOf("]");
    if (opened !== -1 && ADDRESS.test(text)) this.#top.inBracket = true;
    // No outer link goes on over lines, or behind its end.
    if (closed > opened || text.includes("\n", opened + 1)) this.#top.inBracket = false;
    this.#top.text += text;
  }

  #separate(): void {
    const frame = this.#top;
    if (this.#atRoot || frame.kind === "table") {
      frame.text += "|";
    } else {
      frame.parts.push(frame.text);
      frame.text = "";
    }
  }

  /** Takes a frame that was never closed as text. */
  #dissolve(): void {
    const { kind, parts, text } = this.#stack.pop()!;
    const held = [...parts, text].join("|");
    this.#context.steps.take(held.length);
    if (kind === "link") {
      this.#top.text += text;
    } else {
      // The arguments of a template run up to the first empty line; prose begins behind that.
      const end = held.indexOf("\n\n");
      this.#top.text += end === -1 ? GAP : held.slice(end);
    }
  }

  end(): string {
    while (!this.#atRoot) this.#dissolve();
    return this.#top.text;
  }
}
