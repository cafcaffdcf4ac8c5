/** `deno task fuzz`: damaged input for readers and stages, as long as one likes. */

import { InvalidArgumentError, runTask, task, UsageError } from "../../tasks/common/command.ts";
import { integerFrom } from "../../tasks/common/numbers.ts";
import { TARGETS } from "./targets.ts";
import { fuzz } from "./watch.ts";

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1e6) return value;
  throw new InvalidArgumentError("Seconds from 0 to a million are needed.");
}

const command = task(
  "fuzz",
  "Gives a reader or a stage damaged files until one does more harm than an explained error: another\n" +
    `error, a hang or too much memory. Targets: ${Object.keys(TARGETS).join(", ")}.`,
  "deno task fuzz xml 60",
)
  .option("--seed <n>", "decides the damage, with the number of the case", integerFrom(0), 1)
  .option("--case <n>", "run this case alone", integerFrom(0))
  .argument("<target>", "what is fuzzed, or all")
  .argument("[seconds]", "time for each target", seconds, 60);

await runTask(command, async (options, signal, [target, time]) => {
  if (target !== "all" && !Object.hasOwn(TARGETS, target)) {
    throw new UsageError(
      `there is no target ${target}; there are ${Object.keys(TARGETS).join(", ")}`,
    );
  }
  const { seed } = options;
  let found = 0;
  for (const name of target === "all" ? Object.keys(TARGETS) : [target]) {
    signal.throwIfAborted();
    const first = options.case ?? 0, end = options.case === undefined ? 2 ** 31 - 1 : first + 1;
    const { cases, finding } = await fuzz({ target: name, seed, first, end, budget: 1000 * time });
    console.log(`${name}: ${cases} cases${finding ? "" : ", all read or refused with a reason"}`);
    if (!finding) continue;
    found++;
    console.log(`  deno task fuzz ${name} --seed ${seed} --case ${finding.number}`);
    console.log(`  ${finding.error}`);
  }
  if (found > 0) Deno.exit(1);
});
