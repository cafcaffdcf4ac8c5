/**
 * The name and the arguments of a template.
 *
 * @module
 */
import { GAP } from "./marks.ts";

/** Arguments by position, and by name. */
export interface TemplateArguments {
  /** Unnamed arguments, and those named by their number. */
  readonly positional: readonly string[];
  /** Named arguments. */
  readonly named: Readonly<Record<string, string>>;
}

/** The argument at a position, from 1 on; empty where there is none. */
export function argument({ positional }: TemplateArguments, position: number): string {
  return positional[position - 1] ?? "";
}

/** The longest name of an argument that is looked for. */
const LONGEST_NAME = 30;

/** The highest number that may name an argument; higher ones are names like others. */
const HIGHEST_NUMBER = 99;

/** Reads the parts between bars behind the name. */
export function readArguments(parts: readonly string[]): TemplateArguments {
  const positional: string[] = [];
  const named: Record<string, string> = {};
  let unnamed = 0;
  for (const part of parts) {
    const text = part.trim();
    const equals = text.slice(0, LONGEST_NAME + 1).indexOf("=");
    const key = equals > 0 ? text.slice(0, equals).trim() : "";
    // An address or a tag in front of the sign makes it text.
    if (key === "" || /[<>[\]\n/]/.test(key)) {
      positional[unnamed++] = keepSpace(part, text);
      continue;
    }
    const value = text.slice(equals + 1).trim();
    const number = /^[1-9]\d?$/.test(key) ? Number(key) : 0;
    if (number < 1 || number > HIGHEST_NUMBER) {
      named[key] = value;
      continue;
    }
    while (positional.length < number - 1) positional.push("");
    positional[number - 1] = value;
  }
  return { positional, named };
}

/** Keeps the space behind an argument where a Latin word needs it: {{lang|en|Republic of }}. */
function keepSpace(part: string, text: string): string {
  return part.endsWith(" ") && /[!-~]/.test(text.slice(-1)) ? `${text} ` : text;
}

const PREFIX = /^(?:template|テンプレート|subst|safesubst|展開|msg|raw)[:：]\s*/;

/** The name of a template, as tables have it. */
export function templateName(text: string): string {
  const name = text.replaceAll("_", " ").replaceAll(GAP, "").trim().toLowerCase();
  return PREFIX.test(name) ? templateName(name.replace(PREFIX, "")) : name;
}
