/** `deno task predict`: asks a pre-trained or fine-tuned model about lines of text. */

import type { Gpu } from "../kernels/device.ts";
import { Electra } from "../model/electra/electra.ts";
import { Predictor } from "../model/electra/predictor.ts";
import { ModelError } from "../model/errors.ts";
import { Tokenizer } from "../pipeline/finetuning/tokens.ts";
import { TextReader } from "../pipeline/text/encoding.ts";
import { splitLines } from "../pipeline/text/lines.ts";
import {
  InvalidArgumentError,
  Option,
  runTask,
  task as describe,
  UsageError,
} from "./common/command.ts";
import { encodingOption } from "./common/encoding.ts";
import { findModel, type FoundModel } from "./common/find_model.ts";
import { integerFrom } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import {
  isLowerCased,
  readPretrained,
  requireItsTokenizer,
  tokenizerOf,
  withWeights,
} from "./common/pretrained_model.ts";
import { createProgress } from "./common/progress.ts";
import { standardInput, writeOut } from "./common/standard_streams.ts";
import { loadTokenizer, tokenizerPath } from "./common/tokenizer.ts";
import { adapterOption, requestGpu, webgpuOption } from "./common/webgpu.ts";
import { findTrial, loadFinetuned } from "./finetuning/finetuned.ts";
import type { Mode } from "./prediction/mode.ts";
import type { RequestFormat } from "./prediction/requests.ts";
import { answerLines } from "./prediction/stream.ts";
import { KINDS_OF_MODES, TaskMode } from "./prediction/task_modes.ts";
import {
  Detect,
  Embed,
  FillMask,
  type Pooling,
  Score,
  type TextModel,
} from "./prediction/text_modes.ts";

const TEXT_MODES = ["fill-mask", "detect", "embed", "score"] as const;
const TASK_MODES = ["classify", "tag", "answer"] as const;

const command = describe(
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

type Options = ReturnType<typeof command.opts>;

await runTask(command, async (options, signal) => {
  const found = await findModel(options);
  const gpu = await requestGpu(options);
  const { mode, padId, source } = isTextMode(options.mode)
    ? await textMode(gpu, found, options)
    : await taskMode(gpu, found, options);
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
    format: options.inputFormat as RequestFormat | undefined,
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

interface Asked {
  readonly mode: Mode;
  readonly padId: number;
  readonly source: string;
}

/** A pre-trained model. */
async function textMode(gpu: Gpu, found: FoundModel, options: Options): Promise<Asked> {
  if (options.task !== undefined) {
    throw new UsageError(`--mode ${options.mode} asks the pre-trained model; leave --task out`);
  }
  const { dataDir, directory } = found;
  const pretrained = await readPretrained(directory, options.checkpoint);
  const { source, hparams } = pretrained;
  const own = options.tokenizer === undefined
    ? hparams
    : { model_sentencepiece_path: options.tokenizer, vocab_file: "" };
  await keepOnly({ read: [dataDir, tokenizerPath(dataDir, own), options.input] });
  const tokenizer = await loadTokenizer(dataDir, own);
  requireItsTokenizer(pretrained, tokenizer);
  const { processor, special: { cls, sep, mask }, padId } = tokenizer;
  const { store, model } = withWeights(gpu, pretrained, (store) => new Electra(store, hparams));
  requireHalf(model, options.mode, source);
  const { maxPositionEmbeddings, hiddenSize } = model.discriminatorConfig;
  const maxSeqLength = options.maxSeqLength ?? hparams.max_seq_length;
  requirePositions(maxSeqLength, maxPositionEmbeddings, source);
  const asked: TextModel = {
    predictor: new Predictor(gpu, model, store),
    processor,
    tokenizer: new Tokenizer(processor, await isLowerCased(dataDir, hparams)),
    special: { cls, sep, pad: padId },
    maskId: mask,
    maxSeqLength,
    hiddenSize,
  };
  const modes = {
    "fill-mask": () => new FillMask(asked, options.topK),
    detect: () => new Detect(asked, options.threshold, options.stride),
    embed: () => new Embed(asked, options.pooling, options.normalize),
    score: () => new Score(asked),
  };
  const mode = modes[options.mode as keyof typeof modes]();
  return { mode: mode as unknown as Mode, padId, source };
}

/** A fine-tuned model. */
async function taskMode(gpu: Gpu, found: FoundModel, options: Options): Promise<Asked> {
  const { dataDir, directory } = found;
  const kinds = KINDS_OF_MODES[options.mode as keyof typeof KINDS_OF_MODES];
  const trial = await findTrial(directory, options.task, kinds);
  const { task, config: { hparams, lowerCase, encoder } } = trial;
  const own = await tokenizerOf(directory, options.tokenizer);
  await keepOnly({ read: [dataDir, tokenizerPath(dataDir, own), options.input] });
  const tokenizer = await loadTokenizer(dataDir, own);
  const { evaluator, source } = await loadFinetuned(gpu, trial, tokenizer);
  const maxSeqLength = options.maxSeqLength ?? hparams.max_seq_length;
  requirePositions(maxSeqLength, encoder.maxPositionEmbeddings, source);
  const mode = new TaskMode({
    evaluator,
    task,
    tokenizer: new Tokenizer(tokenizer.processor, lowerCase),
    special: { ...tokenizer.special, pad: tokenizer.padId },
    features: {
      maxSeqLength,
      docStride: options.stride ?? hparams.doc_stride,
      maxQueryLength: hparams.max_query_length,
    },
    prediction: {
      nBestSize: Math.max(hparams.n_best_size, options.topK),
      maxAnswerLength: hparams.max_answer_length,
      tags: task.tags,
      unanswerable: task.unanswerable,
      noAnswerThreshold: hparams.qa_na_threshold,
    },
    topK: options.topK,
  });
  return { mode: mode as unknown as Mode, padId: tokenizer.padId, source };
}

function isTextMode(mode: string): boolean {
  return (TEXT_MODES as readonly string[]).includes(mode);
}

/** Refuses to ask what the model has no half for. */
function requireHalf({ generator, discriminator }: Electra, mode: string, source: string): void {
  const needs = mode === "detect" ? "discriminator" : mode === "embed" ? "" : "generator";
  if (needs === "generator" && !generator || needs === "discriminator" && !discriminator) {
    throw new ModelError(`${source} has no ${needs}, which --mode ${mode} asks`);
  }
}

function requirePositions(length: number, positions: number, source: string): void {
  if (length <= positions) return;
  throw new UsageError(`--max-seq-length ${length}: ${source} has ${positions} positions`);
}

function probability(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number from 0 to 1 is needed.");
}
