/**
 * The policy of a training run: when to log, to evaluate and to save, when to stop, and what happens to work
 * that is done when something fails. What these are is for the caller to say; nothing is printed or opened here.
 *
 * @module
 */
import type { AnyObjective, BatchOf } from "./objective.ts";
import type { StepMetrics, Training } from "./training.ts";

/** Steps in a row that may change nothing; more, and training will not recover. */
export const MOST_SKIPPED = 100;

/** What a run does, and when. */
export interface LoopOptions<O extends AnyObjective, B extends BatchOf<O> = BatchOf<O>> {
  /** Updates in all. */
  readonly totalSteps: number;
  /** Gives the batch of the next update; called in order. */
  readonly nextBatch: () => Promise<B>;
  /** Takes a step in another way than the training itself does, such as with a trace. */
  readonly takeStep?: (batch: B) => Promise<{ readonly metrics: Promise<StepMetrics> }>;
  /** Ends the run after the step that is being queued. */
  readonly signal: AbortSignal;
  /** Asked before each step: why the run ends early, or undefined. */
  readonly stop?: () => string | undefined;
  /** Called when the first step of the run is done: drivers compile kernels at their first use. */
  readonly onWarm?: () => void;
  /**
   * Called with the metrics of each step, in order and some steps late.
   *
   * @param logged whether it is one to log: the first, the last, and every `logEvery`-th.
   */
  readonly onStep: (metrics: StepMetrics, logged: boolean) => void | Promise<void>;
  /** Steps between those to log. */
  readonly logEvery: number;
  /**
   * Saves the training's state.
   *
   * @param last whether no other save will follow.
   * @returns whether it is saved; else the next save may succeed.
   */
  readonly save: (last: boolean) => Promise<boolean>;
  /** Steps between saves; the last is saved in any case, unless nothing was learned. */
  readonly saveEvery: number;
  /** Evaluates on held-out batches, before the last step. */
  readonly evaluate?: () => Promise<void>;
  /** Steps between evaluations; 0 for none. */
  readonly evaluateEvery?: number;
  /**
   * Called before a failure is thrown, once what was done has been saved.
   *
   * @param fault why it could not be saved, where it could not.
   */
  readonly onFailure?: (step: number, fault?: unknown) => void;
}

/** How a run ended. */
export interface LoopEnd {
  /** All steps done; interrupted by the signal; stopped early; or too many steps in a row changed nothing. */
  readonly reason: "finished" | "interrupted" | "stopped" | "skipped";
  /** Why it was stopped early. */
  readonly stopped: string | undefined;
  /** The last step's metrics; undefined where none was taken. */
  readonly last: StepMetrics | undefined;
  /** Steps at the end that changed nothing. */
  readonly skippedInARow: number;
}

/**
 * Trains until all steps are done, the signal aborts, or nothing is learned any more.
 *
 * @throws what a callback or the training throws, after the state has been saved.
 */
export async function runLoop<O extends AnyObjective, B extends BatchOf<O> = BatchOf<O>>(
  training: Training<O>,
  options: LoopOptions<O, B>,
): Promise<LoopEnd> {
  const { totalSteps, signal, saveEvery, evaluate, evaluateEvery = 0 } = options;
  const takeStep = options.takeStep ?? ((batch: B) => training.train(batch));
  const first = training.step + 1;
  const reports = new Reports(options, totalSteps, first);
  let stopped: string | undefined;
  // A run of no steps at all saves its initial weights.
  let savedAt = totalSteps === 0 ? -1 : training.step, saving = false;
  const save = async (last: boolean): Promise<void> => {
    await reports.settle();
    saving = true;
    if (await options.save(last)) savedAt = training.step;
    saving = false;
  };
  try {
    while (training.step < totalSteps && !signal.aborted && !reports.stuck) {
      stopped = options.stop?.();
      if (stopped !== undefined) break;
      reports.add((await takeStep(await options.nextBatch())).metrics);
      const { step } = training;
      if (step === first) {
        await reports.settle();
        options.onWarm?.();
      }
      // Before the state is saved: a run that goes on from it need not evaluate it again.
      if (evaluate && evaluateEvery > 0 && step < totalSteps && step % evaluateEvery === 0) {
        await reports.settle();
        await evaluate();
      }
      if (step % saveEvery === 0) await save(false);
      reports.throwFailure();
    }
    await reports.settle();
    if (training.step > savedAt && !reports.stuck) await save(true);
  } catch (error) {
    if (training.step > savedAt) {
      // What failed may have been the save itself.
      const fault = saving
        ? error
        : await options.save(true).then(() => undefined, (fault) => fault);
      options.onFailure?.(training.step, fault);
    }
    throw error;
  }
  const reason = reports.stuck
    ? "skipped"
    : training.step >= totalSteps
    ? "finished"
    : stopped === undefined
    ? "interrupted"
    : "stopped";
  return { reason, stopped, last: reports.last, skippedInARow: reports.skippedInARow };
}

/** Hands metrics on in the order of the steps, and keeps the first failure until somebody asks. */
class Reports {
  /** The last step's metrics. */
  last: StepMetrics | undefined;
  /** Steps up to the last that changed nothing. */
  skippedInARow = 0;
  readonly #options: Pick<LoopOptions<AnyObjective>, "onStep" | "logEvery">;
  readonly #total: number;
  readonly #first: number;
  #done: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(
    options: Pick<LoopOptions<AnyObjective>, "onStep" | "logEvery">,
    total: number,
    first: number,
  ) {
    this.#options = options;
    this.#total = total;
    this.#first = first;
  }

  /** Whether so many steps in a row changed nothing that no other will. */
  get stuck(): boolean {
    return this.skippedInARow >= MOST_SKIPPED;
  }

  add(pending: Promise<StepMetrics>): void {
    this.#done = this.#done.then(async () => {
      if (!this.#failure) await this.#report(await pending);
    }).catch((error) => {
      this.#failure ??= { error };
    });
  }

  async #report(metrics: StepMetrics): Promise<void> {
    this.last = metrics;
    this.skippedInARow = metrics.skipped ? this.skippedInARow + 1 : 0;
    const { step } = metrics;
    const logged = step === this.#first || step === this.#total ||
      step % this.#options.logEvery === 0;
    await this.#options.onStep(metrics, logged);
  }

  /** Waits until all steps are reported; throws the first failure. */
  async settle(): Promise<void> {
    await this.#done;
    this.throwFailure();
  }

  throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
