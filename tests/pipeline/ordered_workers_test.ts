import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import { mapInOrder } from "../../pipeline/ordered_workers.ts";

const WORKER = new URL("./ordered_workers_test_worker.ts", import.meta.url);

async function run(
  items: number[],
  workers: number,
  signal: AbortSignal = new AbortController().signal,
  worker: URL = WORKER,
): Promise<number[]> {
  const results: number[] = [];
  for await (
    const result of mapInOrder<number, number>(items, { worker, workers, setup: 10, signal })
  ) results.push(result);
  return results;
}

Deno.test("results come in the order of the items for any number of workers", async () => {
  // The worker takes longest over the first items, so later ones overtake them.
  const items = Array.from({ length: 23 }, (_, i) => i);
  for (const workers of [1, 2, 5]) {
    assertEquals(await run(items, workers), items.map((item) => item * 10));
  }
  assertEquals(await run([], 2), []);
});

Deno.test("what a worker throws is thrown where results are read, a PipelineError as such", async () => {
  await assertRejects(() => run([1, 2, -1, 3], 2), PipelineError, "item -1 cannot be");
  await assertRejects(() => run([1, -2, 3], 2), Error, "in a worker: TypeError");
});

Deno.test("a worker that dies or cannot start is an error, not lost work", async () => {
  await assertRejects(() => run([1, -3, 4], 1), Error, "a worker died");
  const missing = new URL("./no_such_worker.ts", import.meta.url);
  await assertRejects(() => run([1], 1, undefined, missing), Error, "a worker died");
});

Deno.test("an abort ends the work with the signal's reason", async () => {
  const controller = new AbortController();
  const results: number[] = [];
  const work = async (): Promise<void> => {
    const options = { worker: WORKER, workers: 2, setup: 10, signal: controller.signal };
    const items = Array.from({ length: 100 }, (_, i) => i);
    for await (const result of mapInOrder<number, number>(items, options)) {
      results.push(result);
      if (results.length === 5) controller.abort(new PipelineError("stopped by hand"));
    }
  };
  await assertRejects(work, PipelineError, "stopped by hand");
  assertEquals(results, [0, 10, 20, 30, 40]);
});
