/**
 * Spans of a text as a tag for each token (BIO), and back.
 *
 * O is no span, B-x the first token of a span x, I-x each further one.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import { type Place, placeText, type Span } from "./example.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** Labels of spans and the tags made of them. */
export class TagLabels {
  /** Labels of spans, in order. */
  readonly labels: readonly string[];
  /** O, then B- and I- of each label. */
  readonly names: readonly string[];

  constructor(labels: readonly string[]) {
    this.labels = labels;
    this.names = ["O", ...labels.flatMap((label) => [`B-${label}`, `I-${label}`])];
  }

  /** The tag of a label's first token; undefined for an unknown label. The next is that of the others. */
  first(label: string): number | undefined {
    const index = this.labels.indexOf(label);
    return index < 0 ? undefined : 1 + 2 * index;
  }
}

/**
 * A tag for each token. A span whose ends lie within tokens takes them whole; one that shares all its tokens
 * with a span before it is lost.
 *
 * @returns tags, −100 for tokens that stand for nothing, and how many spans were widened and lost.
 * @throws {PipelineError} for a label that is not among the tags.
 */
export function labelTokens(
  tokens: readonly Token[],
  spans: readonly Span[],
  labels: TagLabels,
  place: Place,
): { tags: number[]; widened: number; lost: number } {
  const tags: number[] = tokens.map(({ start, end }) => end > start ? 0 : -100);
  let widened = 0, lost = 0;
  for (const { start, end, label } of spans) {
    const tag = labels.first(label);
    if (tag === undefined) {
      throw new PipelineError(
        `${placeText(place)}: the label "${label}" does not occur in training, which has ` +
          labels.labels.map((name) => `"${name}"`).join(", "),
      );
    }
    const found = tokensOf(tokens, start, end);
    let free = found?.first ?? 0;
    while (found && free <= found.last && tags[free] > 0) free++;
    if (!found || free > found.last) {
      lost++;
      continue;
    }
    if (!found.exact || free > found.first) widened++;
    for (let i = free; i <= found.last; i++) {
      if (tags[i] !== -100) tags[i] = i === free ? tag : tag + 1;
    }
  }
  return { tags, widened, lost };
}

/**
 * The spans that tags say. A span goes on while I of its label follows; an I that follows nothing of its label
 * starts one, as scorers have it. Tokens that stand for nothing do not end a span.
 */
export function spansOf(
  tokens: readonly Token[],
  tags: ArrayLike<number>,
  labels: TagLabels,
): Span[] {
  const spans: Span[] = [];
  let open: { start: number; end: number; label: number } | undefined;
  const close = (): void => {
    if (open) spans.push({ start: open.start, end: open.end, label: labels.labels[open.label] });
    open = undefined;
  };
  tokens.forEach(({ start, end }, i) => {
    if (end <= start) return;
    const tag = tags[i];
    const label = (tag - 1) >> 1;
    const inside = tag > 0 && tag % 2 === 0;
    if (inside && open?.label === label) {
      open.end = Math.max(open.end, end);
      return;
    }
    close();
    if (tag > 0) open = { start, end, label };
  });
  close();
  return spans;
}
