/** `deno task encode`: lines on standard input to ids or pieces. */

import { encodeLines } from "../pipeline/sentencepiece/mod.ts";
import { asUtf8, TextReader } from "../pipeline/text/encoding.ts";
import { Option, runTask, task } from "./common/command.ts";
import { encodingOption } from "./common/encoding.ts";
import { workers } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { standardInput, writeOut } from "./common/standard_streams.ts";

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
  .addOption(encodingOption)
  .option("--num-processes <n>", "threads that encode", workers, 1);

await runTask(command, async ({ model, outputFormat, encoding, numProcesses }, signal) => {
  await keepOnly({ read: [model] });
  const setup = { model: await Deno.readFile(model), name: model, format: outputFormat };
  const reader = TextReader.ofFile("standard input", encoding);
  const lines = ReadableStream.from(asUtf8(standardInput(signal), reader));
  for await (const block of encodeLines(lines, setup, numProcesses, signal)) {
    await writeOut(block);
  }
});
