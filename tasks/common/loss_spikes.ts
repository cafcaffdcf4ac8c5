/** Finds losses that stand out. */

/** Losses that a new one is compared with. */
const WINDOW = 200;

/** Losses that must be known first. */
const LEAST = 50;

/** Standard deviations above the mean from which on a loss is a spike. */
const DEVIATIONS = 6;

/** Compares each loss with those before it. */
export class LossSpikes {
  readonly #losses: number[] = [];

  /** By how many standard deviations a loss stands out; undefined where it does not. */
  add(loss: number): number | undefined {
    const losses = this.#losses;
    const mean = losses.reduce((sum, one) => sum + one, 0) / losses.length;
    const variance = losses.reduce((sum, one) => sum + (one - mean) ** 2, 0) / losses.length;
    // A loss that is not finite says nothing of those that come.
    if (!Number.isFinite(loss)) return undefined;
    const enough = losses.length >= LEAST;
    losses.push(loss);
    if (losses.length > WINDOW) losses.shift();
    const deviations = (loss - mean) / Math.sqrt(variance);
    return enough && deviations > DEVIATIONS ? deviations : undefined;
  }
}
