/**
 * From the logits of a reading model to answers in the words of the context.
 *
 * @module
 */
import type { ReadingFeature } from "./features.ts";

/** What a reading model says of one window: a logit for each place of its sequence. */
export interface ReadingLogits {
  /** That the answer starts here. */
  readonly start: ArrayLike<number>;
  /** That it ends here. */
  readonly end: ArrayLike<number>;
}

/** A span of the context. */
export interface AnswerCandidate {
  /** First UTF-16 unit in the context. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  /** Its words, as written. */
  readonly text: string;
  /** Sum of both logits. */
  readonly score: number;
}

/** The answers to one question. */
export interface ReadAnswers {
  /** The best spans, best first; none for a context without tokens. */
  readonly best: readonly AnswerCandidate[];
  /** The least score of [CLS], "no answer", over the windows; compare with the best span's. */
  readonly noAnswerScore: number;
}

/** How answers are looked for; the names of the original's hyperparameters. */
export interface AnswerOptions {
  /** Answers to keep, and starts and ends to look at in each window. */
  readonly nBestSize: number;
  /** Tokens of an answer at most. */
  readonly maxAnswerLength: number;
}

/**
 * Joins the windows of one question. An answer may start only where its window sees more context than the
 * others, so that no span is counted twice.
 *
 * @param windows features of the same example.
 */
export function readAnswers(
  context: string,
  windows: readonly ReadingFeature[],
  logits: readonly ReadingLogits[],
  { nBestSize, maxAnswerLength }: AnswerOptions,
): ReadAnswers {
  const candidates: AnswerCandidate[] = [];
  let noAnswerScore = Infinity;
  windows.forEach(({ inputs: [{ window, offset }], tokens }, i) => {
    const { start: starts, end: ends } = logits[i];
    noAnswerScore = Math.min(noAnswerScore, starts[0] + ends[0]);
    const places = (scores: ArrayLike<number>, from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, k) => from + k)
        .filter((token) => tokens[token].end > tokens[token].start)
        .sort((a, b) => scores[b - window.start + offset] - scores[a - window.start + offset])
        .slice(0, nBestSize);
    const lastPlaces = places(ends, window.start, window.end);
    for (const first of places(starts, ...window.core)) {
      for (const last of lastPlaces) {
        if (last < first || last - first >= maxAnswerLength) continue;
        const shift = offset - window.start;
        const [start, end] = [tokens[first].start, tokens[last].end];
        const text = context.slice(start, end);
        candidates.push({ start, end, text, score: starts[first + shift] + ends[last + shift] });
      }
    }
  });
  candidates.sort((a, b) => b.score - a.score || a.start - b.start || a.end - b.end);
  const seen = new Set<string>();
  const best = candidates.filter(({ start, end }) => {
    const key = `${start} ${end}`;
    return !seen.has(key) && seen.add(key);
  });
  return { best: best.slice(0, nBestSize), noAnswerScore };
}
