/** A task for the tests of command.ts: does what its first word says. */

import { PipelineError } from "../../pipeline/errors.ts";
import { Interrupted, runTask, task, UsageError } from "../../tasks/common/command.ts";

import { mapInOrder } from "../../pipeline/ordered_workers.ts";
import { createProgress } from "../../tasks/common/progress.ts";

const command = task("sample", "Does nothing much.", "deno task sample --data-dir data fail")
  .option("--data-dir <dir>", "where the data is", "data")
  .option("--num-processes <n>", "how many", Number, 1)
  .argument("[words...]", "what to do");

await runTask(command, async (options, signal, [words]) => {
  if (words[0] === "fail") throw new PipelineError("text.jsonl: line 3 is broken; mend it");
  if (words[0] === "usage") throw new UsageError("that cannot be");
  if (words[0] === "bug") throw new TypeError("our own fault");
  if (words[0] === "read") await Deno.readFile(words[1]);
  if (words[0] === "wait") {
    console.log("waiting");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new Interrupted("stopped; what was done is saved");
  }
  if (words[0] === "count") {
    // Work that prints on its way, and leaves what it did in a file.
    const bar = createProgress({ label: "count", unit: "words", total: 50 });
    for (let done = 1; done <= 50; done++) {
      console.log("x".repeat(5000));
      console.error("y".repeat(5000));
      bar.update(done);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    bar.finish();
    await Deno.writeTextFile(words[1], "done");
    return;
  }
  if (words[0] === "worker") {
    const worker = new URL("command_test_worker.ts", import.meta.url);
    for await (const _ of mapInOrder(["a"], { worker, workers: 1, setup: 0, signal }));
  }
  if (words[0] === "hang") {
    setInterval(() => {}, 1000);
    console.log("waiting");
    await new Promise(() => {});
  }
  console.log(JSON.stringify({ options, words }));
});
