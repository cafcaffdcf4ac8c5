/**
 * Work counted in steps, so that a page built to be slow cannot hold up the others.
 *
 * @module
 */

/** A page asked for more steps than its length allows. */
export class StepLimit extends Error {
  /** The class's name, for messages. */
  override name = "StepLimit";
}

/** Steps per character that cleaning may take: five times what real pages do. */
export const STEPS_PER_CHARACTER = 100;

/** Counts steps: a character that a pass reads or copies is one. */
export class Steps {
  readonly #limit: number;
  #taken = 0;

  /** Begins at none, for a page of `length` characters that may put in `more`. */
  constructor(length: number, more = 0) {
    this.#limit = STEPS_PER_CHARACTER * (length + more + 100);
  }

  /** Steps taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Adds steps.
   *
   * @throws {StepLimit} when there are too many.
   */
  take(count: number): void {
    this.#taken += count;
    if (this.#taken > this.#limit) throw new StepLimit(`more than ${this.#limit} steps`);
  }
}
