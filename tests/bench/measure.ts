/** Equal results first, then times in turns. */

import { median } from "../../kernels/timing.ts";
import type { Contender, Runner } from "./contender.ts";
import { inputsOf, nameOf, type Work } from "./work.ts";

/** Relative difference in norm up to which results are the same. */
const TOLERANCE = 1e-3;

/** Seconds that one sample of a contender takes about. */
const SAMPLE_SECONDS = 0.15;

/** What one contender gave. */
export interface Timing {
  /** Its name. */
  readonly contender: string;
  /** Median seconds of one run. */
  readonly seconds: number;
  /** Largest relative difference of its results from those of the first contender. */
  readonly difference: number;
}

/** One line of the table. */
export interface Measurement {
  /** What was done. */
  readonly work: Work;
  /** In the order of the contenders. */
  readonly timings: readonly Timing[];
  /** For each contender but the first: median over the rounds of its time over the first's. */
  readonly ratios: Readonly<Record<string, number>>;
}

/**
 * Lets all contenders do a piece of work.
 *
 * @param rounds samples of each, taken in turns.
 * @throws when results differ.
 */
export async function measure(
  work: Work,
  contenders: readonly Contender[],
  rounds: number,
): Promise<Measurement> {
  const inputs = inputsOf(work);
  const runners: Runner[] = [];
  try {
    for (const contender of contenders) runners.push(await contender.prepare(work, inputs));
    const repetitions: number[] = [];
    for (const runner of runners) {
      await sample(runner, 2); // compiles
      const once = Math.min(await sample(runner, 1), await sample(runner, 1));
      repetitions.push(Math.min(500, Math.max(1, Math.round(SAMPLE_SECONDS / once))));
    }
    const taken: number[][] = runners.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, runner] of runners.entries()) {
        taken[i].push(await sample(runner, repetitions[i]) / repetitions[i]);
      }
    }
    // Results of the timed runs themselves, so that work which was skipped cannot look fast.
    const expected = await runners[0].results();
    const timings: Timing[] = [];
    for (const [i, runner] of runners.entries()) {
      const difference = compare(
        `${nameOf(work)} on ${contenders[i].name}`,
        await runner.results(),
        expected,
      );
      timings.push({ contender: contenders[i].name, seconds: median(taken[i]), difference });
    }
    const ratios = Object.fromEntries(
      contenders.slice(1).map(({ name }, i) => [
        name,
        median(taken[0].map((ours, round) => taken[i + 1][round] / ours)),
      ]),
    );
    return { work, timings, ratios };
  } finally {
    for (const runner of runners) runner.dispose();
  }
}

/** Seconds of so many runs, awaited once. */
async function sample(runner: Runner, repetitions: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repetitions; i++) runner.run();
  await runner.finish();
  return (performance.now() - start) / 1000;
}

/** The largest ‖actual − expected‖ / ‖expected‖ over all arrays. */
function compare(
  what: string,
  actual: Readonly<Record<string, Float32Array>>,
  expected: Readonly<Record<string, Float32Array>>,
): number {
  let worst = 0;
  for (const [name, reference] of Object.entries(expected)) {
    const values = actual[name];
    if (values?.length !== reference.length) {
      throw new Error(`${what}: ${name} has ${values?.length} elements, not ${reference.length}`);
    }
    let difference = 0, norm = 0;
    for (let i = 0; i < reference.length; i++) {
      difference += (values[i] - reference[i]) ** 2;
      norm += reference[i] ** 2;
    }
    const relative = Math.sqrt(difference / norm);
    if (!(relative <= TOLERANCE)) {
      throw new Error(`${what}: ${name} differs by ${relative} from what Kohaku computes`);
    }
    worst = Math.max(worst, relative);
  }
  return worst;
}
