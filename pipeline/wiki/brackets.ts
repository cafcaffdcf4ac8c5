/**
 * Templates, parameters, tables and links by one walk with a stack: linear in the length of a page,
 * however deep and however unbalanced its brackets are.
 *
 * @module
 */
import { renderLink } from "./links.ts";
import { GAP } from "./marks.ts";
import type { Steps } from "./steps.ts";
import { renderTemplate } from "./templates.ts";

type Kind = "template" | "parameter" | "table" | "link";

interface Frame {
  readonly kind: Kind;
  /** Parts between bars that are complete. */
  readonly parts: string[];
  /** The part that is being read. */
  text: string;
}

/** Deeper than this, an opening bracket is taken as text. */
const MAX_DEPTH = 64;

/** What matters to the walk; everything between is copied. */
const TOKEN = /\{\{\{|\{\{|\}\}\}|\}\}|\{\||\|\}|\[\[|\]\]|\||<table(?=[\s>])|<\/table\s{0,8}>/gi;

/** What may stand between the start of a line and a mark of a table. */
const INDENT = /(?:^|\n)[ \t:*#]*$/;

/**
 * Replaces templates, tables and links by the text readers see. What is never closed is taken as text;
 * a template left open ends at the next empty line.
 */
export function resolveBrackets(wikitext: string, steps: Steps): string {
  const walk = new Walk(steps);
  let at = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(wikitext); match; match = TOKEN.exec(wikitext)) {
    const token = match[0], start = match.index;
    walk.append(wikitext.slice(at, start));
    const lineStart = INDENT.test(wikitext.slice(Math.max(0, start - 8), start));
    // A token may turn out shorter than it looked: }}} may close a template and leave a bracket.
    at = start + walk.take(token, lineStart, wikitext[start + token.length]);
    TOKEN.lastIndex = at;
  }
  walk.append(wikitext.slice(at));
  return walk.end();
}

class Walk {
  readonly #steps: Steps;
  readonly #stack: Frame[] = [{ kind: "template", parts: [], text: "" }];

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  get #top(): Frame {
    return this.#stack[this.#stack.length - 1];
  }

  get #atRoot(): boolean {
    return this.#stack.length === 1;
  }

  /** Takes a token and returns how many of its characters were used. */
  take(token: string, lineStart: boolean, next: string | undefined): number {
    this.#steps.take(token.length);
    switch (token) {
      case "{{{":
        this.#open("parameter");
        break;
      case "{{":
        this.#open("template");
        break;
      case "[[":
        this.#open("link");
        break;
      case "{|":
        if (lineStart) this.#open("table");
        else this.append(token);
        break;
      case "|}":
        return this.#endTable(lineStart, next);
      case "}}}":
        if (this.#top.kind === "parameter") {
          this.#close();
          break;
        }
        if (this.#unwindTo("template")) this.#close();
        return 2;
      case "}}":
        if (this.#unwindTo("template")) this.#close();
        break;
      case "]]":
        if (next === "]" && this.#inOuterLink) {
          // [[ファイル:a.jpg|[http://example.org b]]]: the first closes the inner one.
          this.append("]");
          return 1;
        }
        if (this.#unwindTo("link")) this.#close();
        break;
      case "|":
        this.#separate();
        break;
      default:
        if (token[1] !== "/") this.#open("table");
        else if (this.#unwindTo("table")) this.#close();
    }
    return token.length;
  }

  /** Whether a link holds an address in brackets that is not closed. */
  get #inOuterLink(): boolean {
    const { kind, text } = this.#top;
    return kind === "link" && text.lastIndexOf("[") > text.lastIndexOf("]");
  }

  #endTable(lineStart: boolean, next: string | undefined): number {
    const inTable = this.#top.kind === "table";
    if (next === "}" && !inTable) {
      // The end of a template whose last argument is empty: {{a|}}
      this.#separate();
      return 1;
    }
    if (inTable || (lineStart && this.#stack.some(({ kind }) => kind === "table"))) {
      if (this.#unwindTo("table")) this.#close();
    } else if (!this.#atRoot) {
      this.#separate();
      this.append("}");
    }
    return 2;
  }

  #open(kind: Kind): void {
    if (this.#stack.length <= MAX_DEPTH) this.#stack.push({ kind, parts: [], text: "" });
    else if (kind !== "link") this.append(" ");
  }

  #close(): void {
    const { kind, parts, text } = this.#stack.pop()!;
    for (const part of parts) this.#steps.take(part.length);
    this.#steps.take(text.length);
    if (kind === "template" && parts.length === 0 && text.trim() === "!") {
      // {{!}} is a bar.
      this.#separate();
      return;
    }
    const shown = render(kind, [...parts, text]);
    this.#top.text += shown === "" ? GAP : shown;
  }

  /** Gives up the frames above the last one of a kind: what they hold is text. */
  #unwindTo(kind: Kind): boolean {
    let depth = this.#stack.length - 1;
    while (depth > 0 && this.#stack[depth].kind !== kind) depth--;
    this.#steps.take(this.#stack.length - depth);
    if (depth === 0) return false;
    while (this.#stack.length - 1 > depth) this.#dissolve();
    return true;
  }

  append(text: string): void {
    this.#steps.take(text.length);
    if (this.#top.kind === "link" && text.includes("\n\n")) {
      // A link holds no paragraph: it was never closed.
      this.#dissolve();
      this.append(text);
      return;
    }
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
    this.#steps.take(held.length);
    if (kind === "template" || kind === "table") {
      // Its arguments run up to the first empty line; prose begins behind that.
      const end = held.indexOf("\n\n");
      this.#top.text += end === -1 ? GAP : held.slice(end);
    } else {
      this.#top.text += kind === "link" ? text : held;
    }
  }

  end(): string {
    while (!this.#atRoot) this.#dissolve();
    return this.#top.text;
  }
}

function render(kind: Kind, parts: readonly string[]): string {
  if (kind === "template") return renderTemplate(parts);
  if (kind === "link") return renderLink(parts);
  // A parameter shows its default; a table shows nothing that is prose.
  return kind === "parameter" && parts.length > 1 ? parts[parts.length - 1] : "";
}
