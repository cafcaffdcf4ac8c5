/**
 * SQuAD 1.1 and 2.0 JSON, JSQuAD's too: {"data": [{"paragraphs": [{"context", "qas": […]}]}]}, with
 * `answer_start` in code points.
 *
 * @module
 */
import { PipelineError } from "../../errors.ts";
import { CodePoints } from "../code_points.ts";
import type { Answer, Place, ReadingExample } from "../example.ts";
import type { OnBadRow } from "./report.ts";

/** The questions of a file; a row is a question's number. */
export function* readSquad(
  text: string,
  file: string,
  onBad: OnBadRow,
): Generator<ReadingExample> {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    throw new PipelineError(`${file}: not JSON (${(error as Error).message})`);
  }
  const data = (root as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) {
    throw new PipelineError(
      `${file}: not SQuAD's layout; {"data": [{"paragraphs": […]}]} is expected`,
    );
  }
  let number = 0;
  for (const article of data) {
    for (const paragraph of listOf(article, "paragraphs")) {
      const { context } = paragraph;
      const questions = listOf(paragraph, "qas");
      if (typeof context !== "string") {
        onBad({ file, row: number + 1 }, `a paragraph has no "context"`);
        number += questions.length;
        continue;
      }
      const places = new CodePoints(context);
      for (const question of questions) {
        const example = questionOf(question, context, places, { file, row: ++number }, onBad);
        if (example) yield example;
      }
    }
  }
}

function listOf(value: unknown, key: string): Record<string, unknown>[] {
  const list = (value as Record<string, unknown> | null)?.[key];
  return Array.isArray(list) ? list.map((item) => item ?? {}) : [];
}

function questionOf(
  { id, question, answers, is_impossible: impossible }: Record<string, unknown>,
  context: string,
  places: CodePoints,
  place: Place,
  onBad: OnBadRow,
): ReadingExample | undefined {
  if (typeof question !== "string") {
    onBad(place, `has no "question"`);
    return undefined;
  }
  const example: ReadingExample = {
    kind: "reading",
    id: id === undefined ? String(place.row) : String(id),
    place,
    question,
    context,
  };
  if (impossible === true) return { ...example, answers: [] };
  if (answers === undefined) return example;
  if (!Array.isArray(answers)) {
    onBad(place, `its "answers" are no list`);
    return undefined;
  }
  const found: Answer[] = [];
  for (const answer of answers) {
    const { text, answer_start: first } = (answer ?? {}) as Record<string, unknown>;
    const start = typeof first === "number" ? places.toUnits(first) : undefined;
    if (typeof text !== "string" || text === "" || start === undefined) {
      onBad(place, `the answer ${JSON.stringify(answer)} has no text, or no place in the context`);
      return undefined;
    }
    if (!context.startsWith(text, start)) {
      const there = context.slice(start, start + text.length);
      onBad(place, `the answer "${text}" is said to stand where the context has "${there}"`);
      return undefined;
    }
    found.push({ text, start });
  }
  return { ...example, answers: found };
}
