/**
 * How sure a score is: over trials, and over examples.
 *
 * @module
 */

/** Several trials of the same. */
export interface TrialSummary {
  /** Mean of the trials. */
  readonly mean: number;
  /** Standard deviation with n − 1; 0 for one trial. */
  readonly deviation: number;
  /** Each trial. */
  readonly trials: readonly number[];
}

/** Mean and deviation of trials. */
export function summarize(trials: readonly number[]): TrialSummary {
  const mean = trials.reduce((sum, score) => sum + score, 0) / trials.length;
  const squares = trials.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return {
    mean,
    deviation: trials.length > 1 ? Math.sqrt(squares / (trials.length - 1)) : 0,
    trials,
  };
}

/**
 * A 95% interval of a score by the percentile bootstrap: the examples are drawn anew with replacement, and the
 * score taken of each draw.
 *
 * @param count how many examples there are.
 * @param score of the examples with these numbers.
 * @param uniform the next uniform number in [0, 1).
 * @param draws how often; 1000 gives ends good to about 0.2 deviations.
 * @returns the 2.5th and the 97.5th percentile; draws whose score is NaN are left out.
 */
export function bootstrapInterval(
  count: number,
  score: (examples: Int32Array) => number,
  uniform: () => number,
  draws = 1000,
): readonly [number, number] {
  const scores: number[] = [];
  const examples = new Int32Array(count);
  for (let draw = 0; draw < draws; draw++) {
    for (let i = 0; i < count; i++) examples[i] = Math.floor(uniform() * count);
    const value = score(examples);
    if (!Number.isNaN(value)) scores.push(value);
  }
  scores.sort((a, b) => a - b);
  return [percentile(scores, 0.025), percentile(scores, 0.975)];
}

/** By linear interpolation between neighbours. */
function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return NaN;
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
