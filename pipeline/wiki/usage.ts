/**
 * Templates of which nothing is known, judged by where they stand once all around them is resolved.
 *
 * @module
 */
import { addDropped } from "./losses.ts";
import { DROPPED, GAP, HOLE, INLINE_ONLY, LOST_NUMBER, WORD } from "./marks.ts";
import type { TemplateContext } from "./templates.ts";

/** A text with the spaces around it. */
const SHOWN = / ?([\ue0f0\ue0f6\ue0f7])([^\ue0f0\ue0f1\ue0f6\ue0f7]*)\ue0f1 ?/g;
const DROP = /\ue0f2(#?)(\d+)\ue0f3/g;

/** Templates that show no word, marks, and what only places a block. */
const NOTHING =
  /[\ue0f0\ue0f7][^\ue0f0\ue0f1]*\ue0f1|\ue0f2#?\d+\ue0f3|[\s\ue080-\ue0cf\ue0fd-\ue0ff]|<\/?(?:div|center|p|table|t[rdh])(?=[\s/>])[^<>]*>/gi;

const ITEM = /^[\ue0a3\ue0aa\ue0ba\ue0bb]/;

const JAPANESE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー々〆、。（）「」『』]/u;

/** Shows the text of a template that stands within a known one. */
export function showInline(text: string): string {
  if (!text.includes(INLINE_ONLY.end)) return text;
  return text.replace(/[\ue0f0\ue0f1\ue0f6\ue0f7]/g, "");
}

/** Decides on each template that was left open, and counts those that are lost. */
export function settleUses(text: string, context: TemplateContext): string {
  if (!text.includes(INLINE_ONLY.end) && !text.includes(DROPPED.start)) return text;
  return text.split("\n").map((line) => settleLine(line, context)).join("\n");
}

function settleLine(line: string, context: TemplateContext): string {
  if (!line.includes(INLINE_ONLY.end) && !line.includes(DROPPED.start)) return line;
  context.steps.take(4 * line.length);
  const alone = line.replace(NOTHING, "") === "", item = ITEM.test(line);
  const drop = (name: string, listItems: number): void => {
    context.losses.listItems += listItems;
    if (!alone || item) addDropped(context.losses, name, exampleOf(line, context));
  };
  return line
    .replace(SHOWN, (found, kind, shown, at: number) => {
      const shows = kind === WORD.start || !alone ||
        (kind === INLINE_ONLY.start && item && JAPANESE.test(shown));
      if (!shows) return GAP;
      // Spaces that part markup from Japanese words part no words.
      const before = found.startsWith(" ") && !JAPANESE.test(line[at - 1]) ? " " : "";
      const after = found.endsWith(" ") && !JAPANESE.test(line[at + found.length]) ? " " : "";
      return before + shown + after;
    })
    .replace(DROP, (_, number, id) => {
      const { name, listItems } = context.drops[Number(id)];
      drop(name, listItems);
      if (alone) return GAP;
      return number === "#" ? LOST_NUMBER : HOLE;
    });
}

const EXAMPLE_LENGTH = 60;

/** A piece of the line around the first template that was dropped, with its name. */
function exampleOf(line: string, { drops }: TemplateContext): string {
  const at = Math.max(0, line.indexOf(DROPPED.start) - EXAMPLE_LENGTH / 2);
  return line.slice(at, at + EXAMPLE_LENGTH)
    .replace(DROP, (_, _number, id) => `{{${drops[Number(id)].name}}}`)
    .replace(/[\ue000-\ue0ff]/g, "")
    .trim();
}
