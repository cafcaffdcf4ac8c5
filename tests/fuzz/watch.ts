/** Fuzzing under a watch: a case that hangs, takes all memory or throws what nobody explained is found. */

import process from "node:process";
import { WorkerLane } from "../../pipeline/ordered_workers.ts";
import type { FuzzAnswer, FuzzOrder } from "./worker.ts";

/**
 * Seconds of processor time that a case may take; those of a stage start workers, which Deno may first have
 * to check. Time on the wall depends on what else the machine does: it only tells that nothing goes on at all.
 */
const MOST_SECONDS = { reader: 10, stage: 60, wall: 300 };

/** Bytes by which the process may grow. */
const MOST_MEMORY = 2 ** 30;

/** How often a worker is looked at, in milliseconds. */
const LOOK = 200;

/** What is fuzzed, for how long. */
export type FuzzOptions = Pick<FuzzOrder, "target" | "seed" | "first" | "end" | "budget">;

/** How many cases ran, and what went wrong with the last, where something did. */
export interface FuzzResult {
  readonly cases: number;
  readonly finding?: { readonly number: number; readonly error: string };
}

/** Stands for the number of a case while the worker loads. */
const NOT_BEGUN = -1;

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs cases of a target until one fails, all are done or time is up. */
export async function fuzz(
  options: FuzzOptions,
  mostSeconds = MOST_SECONDS[options.target.startsWith("stage-") ? "stage" : "reader"],
): Promise<FuzzResult> {
  const at = new Int32Array(new SharedArrayBuffer(4)).fill(NOT_BEGUN);
  const { rss } = Deno.memoryUsage();
  const lane = new WorkerLane<FuzzAnswer>(new URL("./worker.ts", import.meta.url), null);
  let seen = NOT_BEGUN, start = performance.now(), cpu = processorSeconds();
  const watch = setInterval(() => {
    const number = Atomics.load(at, 0);
    if (number !== seen) [seen, start, cpu] = [number, performance.now(), processorSeconds()];
    if (number === NOT_BEGUN) return;
    const busy = processorSeconds() - cpu;
    if (busy > mostSeconds || performance.now() - start > 1000 * MOST_SECONDS.wall) {
      lane.fail(new Error(`takes more than ${mostSeconds} s`));
    } else if (Deno.memoryUsage().rss - rss > MOST_MEMORY) {
      lane.fail(new Error(`takes more than ${MOST_MEMORY} bytes`));
    }
  }, LOOK);
  try {
    return await lane.send({ ...options, at } satisfies FuzzOrder, []);
  } catch (error) {
    const number = Atomics.load(at, 0);
    return { cases: number - options.first + 1, finding: { number, error: String(error) } };
  } finally {
    clearInterval(watch);
    lane.stop();
  }
}
