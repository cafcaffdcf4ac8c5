/** Runs the cases of a target and says in shared memory which one it is at, so that it can be watched. */

import { KernelError } from "../../kernels/errors.ts";
import { ModelError } from "../../model/errors.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { Random } from "../../pipeline/examples/random.ts";
import { serve } from "../../pipeline/ordered_workers.ts";
import { StepLimit } from "../../pipeline/wiki/steps.ts";
import { UsageError } from "../../tasks/common/command.ts";
import { mutate } from "./mutate.ts";
import { FAULTY, TARGETS } from "./targets.ts";

/** What a worker is told. */
export interface FuzzOrder {
  /** Name of the target. */
  readonly target: string;
  /** Decides the damage, with the number of the case. */
  readonly seed: number;
  /** The first case. */
  readonly first: number;
  /** The case to stop before. */
  readonly end: number;
  /** Milliseconds after which no further case is begun. */
  readonly budget: number;
  /** Where it says which case it is at. */
  readonly at: Int32Array<SharedArrayBuffer>;
}

/** What a worker answers: how many cases it ran, and the first finding. */
export interface FuzzAnswer {
  readonly cases: number;
  readonly finding?: { readonly number: number; readonly error: string };
}

const ALL = { ...TARGETS, ...FAULTY };

/** Errors that tell a person what is wrong. */
const EXPLAINED = [PipelineError, ModelError, KernelError, UsageError, StepLimit];

/** The damaged file of a case. */
function caseOf(target: string, seed: number, number: number): Uint8Array<ArrayBuffer> {
  const { corpus } = ALL[target];
  const random = new Random(seed, `${target} ${number}`);
  const file = (): Uint8Array => corpus[random.integer(0, corpus.length - 1)];
  return mutate(file(), file(), random);
}

async function run({ target, seed, first, end, budget, at }: FuzzOrder): Promise<FuzzAnswer> {
  const stop = performance.now() + budget;
  let number = first;
  for (; number < end && performance.now() < stop; number++) {
    Atomics.store(at, 0, number);
    try {
      await ALL[target].run(caseOf(target, seed, number));
    } catch (error) {
      if (EXPLAINED.some((type) => error instanceof type)) continue;
      const shown = error instanceof Error ? error.stack ?? error.message : String(error);
      return { cases: number - first + 1, finding: { number, error: shown } };
    }
  }
  return { cases: number - first };
}

serve<null, FuzzOrder, FuzzAnswer>(() => async (order) => ({
  result: await run(order),
  transfer: [],
}));
