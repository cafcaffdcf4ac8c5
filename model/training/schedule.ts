/**
 * The learning rate over a run.
 *
 * @module
 */

/** What the schedule depends on; the names are the hyperparameters'. */
export interface Schedule {
  /** Peak rate. */
  readonly learning_rate: number;
  /** Updates in all. */
  readonly num_train_steps: number;
  /** Updates of linear warm-up. */
  readonly num_warmup_steps: number;
  /** Power of the polynomial decay. */
  readonly lr_decay_power: number;
}

/**
 * The rate of one update: polynomial decay times linear warm-up, both from the start, as in the original
 * (`optimization.py`). The very first update has rate 0 when there is a warm-up.
 *
 * @param step updates done before this one.
 */
export function learningRate(schedule: Schedule, step: number): number {
  const { learning_rate, num_train_steps, num_warmup_steps, lr_decay_power } = schedule;
  const left = 1 - Math.min(step, num_train_steps) / num_train_steps;
  const warm = num_warmup_steps > 0 ? Math.min(1, step / num_warmup_steps) : 1;
  return learning_rate * Math.pow(left, lr_decay_power) * warm;
}
