/**
 * ner-wikipedia-dataset's JSON: a list of {"curid", "text", "entities": [{"name", "span", "type"}]}, spans in
 * code points.
 *
 * @module
 */
import { PipelineError } from "../../errors.ts";
import { CodePoints } from "../code_points.ts";
import type { Span, TaggingExample } from "../example.ts";
import type { OnBadRow } from "./report.ts";

/** The examples of a file. */
export function* readEntities(
  text: string,
  file: string,
  onBad: OnBadRow,
): Generator<TaggingExample> {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new PipelineError(`${file}: not JSON (${(error as Error).message})`);
  }
  if (!Array.isArray(list)) throw new PipelineError(`${file}: a list of texts is expected`);
  for (const [index, value] of list.entries()) {
    const place = { file, row: index + 1 };
    const { text: sentence, entities } = (value ?? {}) as Record<string, unknown>;
    if (typeof sentence !== "string") {
      onBad(place, `has no "text"`);
      continue;
    }
    const example = { kind: "tagging", id: String(index + 1), place, text: sentence } as const;
    if (entities === undefined) {
      yield example;
      continue;
    }
    const spans = spansOf(sentence, entities);
    if (typeof spans === "string") onBad(place, spans);
    else yield { ...example, spans };
  }
}

/** The spans in order, or what is wrong with them. */
function spansOf(text: string, entities: unknown): Span[] | string {
  if (!Array.isArray(entities)) return `its "entities" are no list`;
  const places = new CodePoints(text);
  const spans: Span[] = [];
  for (const entity of entities) {
    const { name, span, type } = (entity ?? {}) as Record<string, unknown>;
    const [first, last] = Array.isArray(span) ? span : [];
    const start = places.toUnits(first), end = places.toUnits(last);
    if (typeof type !== "string" || start === undefined || end === undefined || end <= start) {
      return `the entity ${JSON.stringify(entity)} has no type, or no span within the text`;
    }
    if (typeof name === "string" && text.slice(start, end) !== name) {
      return `the entity "${name}" is said to stand where the text has "${text.slice(start, end)}"`;
    }
    spans.push({ start, end, label: type });
  }
  return inOrder(spans);
}

/** Spans by their start; or a complaint where two overlap. */
export function inOrder(spans: readonly Span[]): Span[] | string {
  const sorted = spans.toSorted((a, b) => a.start - b.start || a.end - b.end);
  const crossing = sorted.findIndex(({ start }, i) => i > 0 && start < sorted[i - 1].end);
  if (crossing < 0) return sorted;
  const [a, b] = [sorted[crossing - 1], sorted[crossing]];
  return `the spans ${a.label} ${a.start}–${a.end} and ${b.label} ${b.start}–${b.end} overlap`;
}
