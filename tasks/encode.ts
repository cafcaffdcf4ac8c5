/** `deno task encode`: lines on standard input to ids or pieces. */

import { SentencePieceProcessor } from "../pipeline/sentencepiece/mod.ts";
import { splitLines } from "../pipeline/text/lines.ts";
import { Option, runTask, task } from "./common/command.ts";
import { LineWriter } from "./common/line_writer.ts";

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
  );

await runTask(command, async ({ model, outputFormat }) => {
  const processor = SentencePieceProcessor.fromBytes(await Deno.readFile(model), model);
  const out = new LineWriter();
  for await (const line of splitLines(Deno.stdin.readable)) {
    const cut = outputFormat === "id" ? processor.encodeIds(line) : processor.encodePieces(line);
    await out.write(cut.join(" "));
  }
  await out.flush();
});
