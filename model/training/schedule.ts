/**
 * The learning rate over a run.
 *
 * @module
 */

/** How the rate goes on after the warm-up. */
export type LearningRateSchedule = "polynomial" | "cosine" | "wsd";

/** Names of all schedules. */
export const SCHEDULES: readonly LearningRateSchedule[] = ["polynomial", "cosine", "wsd"];

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
  /** "polynomial" by default. */
  readonly lr_schedule?: LearningRateSchedule;
  /** Updates of the final decay of "wsd"; 0, the default, is a tenth of all. */
  readonly num_decay_steps?: number;
}

/**
 * The rate of one update, with a linear warm-up; the very first update has rate 0 when there is one.
 *
 * "polynomial" multiplies decay and warm-up, both from the start, as the original does (`optimization.py`).
 * "cosine" falls in half a wave between the warm-up and the end (Loshchilov and Hutter, ICLR 2017). "wsd" is
 * warm-up, stable, decay (Hu et al., "MiniCPM", 2024, with a linear decay): a run may go on from its stable
 * phase for as long as one likes.
 *
 * @param step updates done before this one.
 */
export function learningRate(schedule: Schedule, step: number): number {
  const { learning_rate, num_train_steps: total, num_warmup_steps, lr_decay_power } = schedule;
  const { lr_schedule = "polynomial", num_decay_steps = 0 } = schedule;
  const done = Math.min(step, total);
  const warm = num_warmup_steps > 0 ? Math.min(1, step / num_warmup_steps) : 1;
  switch (lr_schedule) {
    case "polynomial":
      return learning_rate * Math.pow(1 - done / total, lr_decay_power) * warm;
    case "cosine": {
      const share = (done - num_warmup_steps) / Math.max(1, total - num_warmup_steps);
      return learning_rate * warm * (1 + Math.cos(Math.PI * Math.max(0, share))) / 2;
    }
    case "wsd": {
      const decay = Math.min(total, num_decay_steps || Math.ceil(total / 10));
      return learning_rate * warm * Math.min(1, (total - done) / decay);
    }
  }
}
