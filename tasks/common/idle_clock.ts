/** Measures how long the device has nothing to do between steps. */

/** Counts the time in which no step is queued. */
export class IdleClock {
  readonly #now: () => number;
  #queued = 0;
  #idleSince: number;
  #idle = 0;
  #since: number;

  /** @param now milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = this.#idleSince = now();
  }

  /** A step is queued on the device; it is done when `metrics` are there. */
  queued(metrics: Promise<unknown>): void {
    if (this.#queued++ === 0) this.#idle += this.#now() - this.#idleSince;
    const done = (): void => {
      if (--this.#queued === 0) this.#idleSince = this.#now();
    };
    metrics.then(done, done);
  }

  /** Leaves out the last milliseconds, in which the device did other work, such as an evaluation. */
  skip(milliseconds: number): void {
    this.#since += milliseconds;
    this.#idleSince += milliseconds;
  }

  /** The share of the time since the last call in which no step was queued. */
  take(): number {
    const now = this.#now();
    if (this.#queued === 0) {
      this.#idle += now - this.#idleSince;
      this.#idleSince = now;
    }
    const share = now > this.#since ? this.#idle / (now - this.#since) : 0;
    this.#idle = 0;
    this.#since = now;
    return Math.min(1, share);
  }
}
