/** Ends a run before its last step: when its time is up, or its loss is low enough. */

/** When a run ends early. */
export interface StoppingRules {
  /** Hours from the start of the program on. */
  readonly maxHours?: number;
  /** The mean total loss over {@link RECENT} steps to be reached. */
  readonly untilLoss?: number;
}

/** Steps whose losses are averaged. */
export const RECENT = 100;

/** Watches a run. */
export class Stopping {
  readonly #rules: StoppingRules;
  readonly #now: () => number;
  readonly #losses: number[] = [];

  /** @param now milliseconds since the start of the program. */
  constructor(rules: StoppingRules, now: () => number = () => performance.now()) {
    this.#rules = rules;
    this.#now = now;
  }

  /** A step's total loss. */
  add(loss: number): void {
    this.#losses.push(loss);
    if (this.#losses.length > RECENT) this.#losses.shift();
  }

  /** Why the run ends now; undefined where it goes on. */
  reason(): string | undefined {
    const { maxHours, untilLoss } = this.#rules;
    if (maxHours !== undefined && this.#now() >= maxHours * 3_600_000) {
      return `${maxHours} hours are over`;
    }
    if (untilLoss === undefined || this.#losses.length < RECENT) return undefined;
    const mean = this.#losses.reduce((sum, loss) => sum + loss, 0) / RECENT;
    return mean <= untilLoss
      ? `the loss of the last ${RECENT} steps is ${mean.toFixed(3)} on average`
      : undefined;
  }
}
