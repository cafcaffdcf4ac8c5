/**
 * Templates, parameters, tables and links by one walk with a stack: linear in the length of a page,
 * however deep and however unbalanced its brackets are.
 *
 * @module
 */
import { renderLink } from "./links.ts";
import { renderTemplate } from "./templates.ts";

type Kind = "template" | "parameter" | "table" | "link";

interface Frame {
  readonly kind: Kind;
  readonly opener: string;
  /** Parts between bars that are complete. */
  readonly parts: string[];
  /** The part that is being read. */
  text: string;
}

/** Deeper than this, an opening bracket is taken as text. */
const MAX_DEPTH = 64;

/** What matters to the walk; everything between is copied. */
const TOKEN = /\{\{\{|\{\{|\}\}\}|\}\}|\{\||\|\}|\[\[|\]\]|\|/g;

const CLOSERS: Readonly<Record<string, Kind>> = { "}}": "template", "]]": "link" };

/**
 * Replaces templates, tables and links by the text readers see. What is never closed is taken as text;
 * a template left open ends at the next empty line.
 */
export function resolveBrackets(wikitext: string): string {
  const root: Frame = { kind: "template", opener: "", parts: [], text: "" };
  const stack: Frame[] = [root];
  const top = (): Frame => stack[stack.length - 1];
  const open = (kind: Kind, opener: string): void => {
    if (stack.length > MAX_DEPTH) top().text += kind === "link" ? "" : " ";
    else stack.push({ kind, opener, parts: [], text: "" });
  };
  const close = (): void => {
    const frame = stack.pop()!;
    top().text += render(frame);
  };
  /** Gives up the frames above one of a kind: what they hold is text. */
  const unwindTo = (kind: Kind): boolean => {
    let depth = stack.length - 1;
    while (depth > 0 && stack[depth].kind !== kind) depth--;
    // A link does not reach over the end of a template or a table, nor the other way round for long.
    if (depth === 0) return false;
    while (stack.length - 1 > depth) dissolve(stack);
    return true;
  };
  let at = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(wikitext); match; match = TOKEN.exec(wikitext)) {
    const token = match[0], start = match.index;
    append(stack, wikitext.slice(at, start));
    at = start + token.length;
    const inTable = top().kind === "table";
    const lineStart = /(?:^|\n)[ :*#]*$/.test(wikitext.slice(Math.max(0, start - 8), start));
    if (token === "{{{") {
      open("parameter", token);
    } else if (token === "{{" || token === "[[") {
      open(token === "{{" ? "template" : "link", token);
    } else if (token === "{|") {
      if (lineStart) open("table", token);
      else append(stack, token);
    } else if (token === "|}") {
      if (wikitext[at] === "}" && top().kind !== "table") {
        // The end of a template whose last argument is empty: {{a|}}
        separate(stack);
        at--;
        TOKEN.lastIndex = at;
      } else if (inTable || (lineStart && stack.some(({ kind }) => kind === "table"))) {
        if (unwindTo("table")) close();
      } else if (stack.length > 1) {
        separate(stack);
        append(stack, "}");
      }
    } else if (token === "}}}") {
      if (top().kind === "parameter") {
        close();
      } else if (unwindTo("template")) {
        close();
        at--;
        TOKEN.lastIndex = at;
      }
    } else if (token === "|") {
      separate(stack);
    } else if (top().kind === CLOSERS[token] || unwindTo(CLOSERS[token])) {
      if (stack.length > 1) close();
    }
  }
  append(stack, wikitext.slice(at));
  while (stack.length > 1) dissolve(stack);
  return root.text;
}

function append(stack: Frame[], text: string): void {
  const frame = stack[stack.length - 1];
  if (frame.kind === "link" && text.includes("\n\n")) {
    // A link holds no paragraph: it was never closed.
    dissolve(stack);
    append(stack, text);
    return;
  }
  frame.text += text;
}

function separate(stack: Frame[]): void {
  const frame = stack[stack.length - 1];
  if (stack.length === 1 || frame.kind === "table") {
    frame.text += "|";
  } else {
    frame.parts.push(frame.text);
    frame.text = "";
  }
}

/** Takes a frame that was never closed as text. */
function dissolve(stack: Frame[]): void {
  const frame = stack.pop()!;
  const held = [...frame.parts, frame.text].join("|");
  let text = held;
  if (frame.kind === "template" || frame.kind === "table") {
    // Its arguments run up to the first empty line; prose begins behind that.
    const end = held.indexOf("\n\n");
    text = end === -1 ? "" : held.slice(end);
  } else if (frame.kind === "link") {
    text = frame.text;
  }
  stack[stack.length - 1].text += text;
}

function render({ kind, parts, text }: Frame): string {
  if (kind === "template") return renderTemplate([...parts, text]);
  if (kind === "link") return renderLink([...parts, text]);
  // A parameter shows its default; a table shows nothing that is prose.
  return kind === "parameter" && parts.length > 0 ? text : "";
}
