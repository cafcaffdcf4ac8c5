/** `deno task encode`: lines on standard input to ids or pieces. */

import { encodeLines } from "../pipeline/sentencepiece/mod.ts";
import { Option, runTask, task } from "./common/command.ts";
import { writeOut } from "./common/stdout.ts";
import { integerFrom } from "./common/numbers.ts";

const command = task(
  "encode",
  "Cuts lines from standard input into pieces, separated by spaces.",
  "echo 琥珀は樹脂の化石である。 | deno task encode --model data/wiki-ja.model",
)
  .option(
    "--model <file>",
    "a SentencePiece model, ours or that of spm_train",
    "data/wiki-ja.model",
  )
  .addOption(
    new Option("--output-format <format>", "what to print").choices(["id", "piece"] as const)
      .default("piece" as const),
  )
  .option("--num-processes <n>", "threads that encode", integerFrom(1), 1);

await runTask(command, async ({ model, outputFormat, numProcesses }, signal) => {
  const setup = { model: await Deno.readFile(model), name: model, format: outputFormat };
  for await (const block of encodeLines(Deno.stdin.readable, setup, numProcesses, signal)) {
    await writeOut(block);
  }
});
