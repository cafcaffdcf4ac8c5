/** `deno task decode`: ids or pieces on standard input to text. */

import { PipelineError } from "../pipeline/errors.ts";
import { SentencePieceProcessor } from "../pipeline/sentencepiece/mod.ts";
import { TextReader } from "../pipeline/text/encoding.ts";
import { splitLines } from "../pipeline/text/lines.ts";
import { Option, runTask, task } from "./common/command.ts";
import { LineWriter } from "./common/line_writer.ts";

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

await runTask(command, async ({ model, inputFormat }) => {
  const processor = SentencePieceProcessor.fromBytes(await Deno.readFile(model), model);
  const out = new LineWriter();
  let number = 0;
  for await (const line of splitLines(Deno.stdin.readable, TextReader.ofFile("standard input"))) {
    number++;
    const parts = line.split(" ").filter((part) => part !== "");
    const wrong = inputFormat === "id" && parts.find((part) => !/^\d+$/.test(part));
    if (wrong) {
      throw new PipelineError(
        `line ${number}: "${wrong}" is not an id; use --input-format piece for pieces`,
      );
    }
    await out.write(
      inputFormat === "id" ? processor.decodeIds(parts.map(Number)) : processor.decodePieces(parts),
    );
  }
  await out.flush();
});
