/** `deno task predict`: asks a pre-trained or fine-tuned model about lines of text. */

import { TextReader } from "../pipeline/text/encoding.ts";
import { splitLines } from "../pipeline/text/lines.ts";
import { InvalidArgumentError, Option, runTask, task } from "./common/command.ts";
import { encodingOption } from "./common/encoding.ts";
import { findModel } from "./common/find_model.ts";
import { integerFrom } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { createProgress } from "./common/progress.ts";
import { standardInput, writeOut } from "./common/standard_streams.ts";
import { adapterOption, requestGpu, webgpuOption } from "./common/webgpu.ts";
import { openModel, TASK_MODES, TEXT_MODES } from "./prediction/open.ts";
import { answerLines } from "./prediction/stream.ts";
import type { Pooling } from "./prediction/text_modes.ts";

const command = task(
  "predict",
  'Asks a model about lines of text, or of JSON such as {"text": …, "id": …}, and prints a line of JSON\n' +
    "for each. fill-mask, detect, embed and score ask a pre-trained model; classify, tag and answer one\n" +
    "that `deno task finetune` made. Places count code points of the text as written.",
  "echo 琥珀は[MASK]の化石である。 | deno task predict --mode fill-mask",
)
  .addOption(
    new Option("--mode <mode>", "what to ask").choices([...TEXT_MODES, ...TASK_MODES])
      .makeOptionMandatory(),
  )
  .option(
    "--data-dir <dir>",
    "holds models and the tokenizer (default: data, or the sample's while data has no models)",
  )
  .option(
    "--model-name <name>",
    "the model is DATA_DIR/models/NAME (default: electra, or the last trained)",
  )
  .option("--checkpoint <step>", "of the pre-trained model: a step, or latest", "latest")
  .option("--task <name>", "the fine-tuned model: a task, or one trial of it as TASK_TRIAL")
  .option("--tokenizer <file>", "the model's tokenizer (default: as in training)")
  .option("--input <file>", "lines to read; standard input without it")
  .addOption(
    new Option("--input-format <format>", "how lines are written (default: by the first)")
      .choices(["text", "jsonl"] as const),
  )
  .addOption(encodingOption)
  .option("--skip-bad", "answer lines that cannot be answered with an error, and go on", false)
  .option("--top-k <n>", "pieces for each [MASK], or answers to a question", integerFrom(1), 5)
  .option("--threshold <p>", "detect: least probability of what is shown", probability, 0.5)
  .addOption(
    new Option("--pooling <how>", "embed: [CLS]'s vector, the mean of all tokens', or each token's")
      .choices(["first", "mean", "tokens"] as const)
      .default("mean" as Pooling),
  )
  .option("--normalize", "embed: vectors of length 1", false)
  .option("--max-seq-length <n>", "longest sequence (default: as in training)", integerFrom(8))
  .option(
    "--stride <n>",
    "detect, tag, answer: tokens from one window of a long text to the next",
    integerFrom(1),
  )
  .option("--batch-size <n>", "sequences computed at once", integerFrom(1, 4096), 32)
  .option(
    "--chunk-lines <n>",
    "lines answered together (default: 1024; 1 on a terminal)",
    integerFrom(1),
  )
  .addOption(adapterOption)
  .addOption(webgpuOption);

await runTask(command, async (options, signal) => {
  const found = await findModel(options);
  const gpu = await requestGpu(options);
  const { mode, padId, source } = await openModel(gpu, found, { ...options, confine: keepOnly });
  console.error(`asking ${source}`);
  const name = options.input ?? "standard input";
  const bytes = options.input === undefined
    ? standardInput(signal)
    : (await Deno.open(options.input)).readable;
  const lines = splitLines(bytes, TextReader.ofFile(name, options.encoding));
  const interactive = options.input === undefined && Deno.stdin.isTerminal();
  const bar = Deno.stdout.isTerminal() ? undefined : createProgress({
    label: options.mode,
    unit: "lines",
  });
  const encoder = new TextEncoder();
  let done = 0, bad = 0;
  const answering = answerLines(lines, mode, {
    source: name,
    format: options.inputFormat,
    chunkLines: options.chunkLines ?? (interactive ? 1 : 1024),
    batchSize: options.batchSize,
    padId,
    skipBad: options.skipBad,
    signal,
  });
  for await (const { answers, bad: errors, error } of answering) {
    await writeOut(encoder.encode(answers.map((answer) => JSON.stringify(answer) + "\n").join("")));
    bad += errors;
    bar?.update(done += answers.length);
    if (error) throw error;
  }
  bar?.finish();
  if (mode.cutTexts > 0) {
    console.error(
      `cut ${mode.cutTexts} texts to ${mode.maxSeqLength} tokens, as many as the model sees`,
    );
  }
  if (bad > 0) console.error(`${bad} lines could not be answered; their answers say why`);
  mode.destroy();
  gpu.destroy();
});

function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number from 0 to 1 is needed.");
}
