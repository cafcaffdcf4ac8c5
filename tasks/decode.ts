/** `deno task decode`: ids or pieces on standard input to text. */

import { decodeLines, SentencePieceProcessor } from "../pipeline/sentencepiece/mod.ts";
import { keepOnly } from "./common/permissions.ts";
import { Option, runTask, task } from "./common/command.ts";
import { standardInput, writeOut } from "./common/standard_streams.ts";

const command = task(
  "decode",
  "Joins ids or pieces, separated by spaces, to text, line by line.",
  "echo 8 13 25 | deno task decode --model data/wiki-ja.model --input-format id",
)
  .option(
    "--model <file>",
    "a SentencePiece model, ours or that of spm_train",
    "data/wiki-ja.model",
  )
  .addOption(
    new Option("--input-format <format>", "what is read").choices(["id", "piece"] as const)
      .default("piece" as const),
  );

await runTask(command, async ({ model, inputFormat }, signal) => {
  await keepOnly({ read: [model] });
  const processor = SentencePieceProcessor.fromBytes(await Deno.readFile(model), model);
  for await (const block of decodeLines(standardInput(signal), processor, inputFormat)) {
    await writeOut(block);
  }
});
