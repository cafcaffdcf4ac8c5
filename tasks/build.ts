/** `deno task build`: text and a tokenizer's model in, training examples (TFRecord) out. */

import { dirname } from "@std/path/mod.js";
import { buildExamples } from "../pipeline/examples/build.ts";
import type { BuildProgress } from "../pipeline/examples/build.ts";
import type { Manifest, SplitTotals } from "../pipeline/examples/manifest.ts";
import { parseSources } from "../pipeline/text/sources.ts";
import { verifyExamples } from "../pipeline/examples/verify.ts";
import { Interrupted, InvalidArgumentError, Option, runTask, task } from "./common/command.ts";
import { integerFrom, seed, sequenceLength, workers } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { encodingOption } from "./common/encoding.ts";
import { inputOption, separatorOption, textFieldOption } from "./common/text_input.ts";
import { createProgress, type Progress } from "./common/progress.ts";
import { formatNumber, formatQuantity } from "./common/text.ts";

/** Reads a flag's value as a share, 0 included and 1 not. */
function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError("A number from 0 to below 1 is needed.");
}

const command = task(
  "build",
  "Makes training examples from text and a SentencePiece model. After an interruption, the same " +
    "command goes on where it stopped. Text is not lower-cased unless asked: Japanese has no case.",
  "deno task build --data-dir data --max-seq-length 128 --num-processes 4",
)
  .option("--data-dir <dir>", "reads DIR/text, writes DIR/pretrain_tfrecords", "data")
  .addOption(inputOption)
  .addOption(textFieldOption)
  .addOption(separatorOption)
  .option("--model-dir <dir>", "where the model wiki-ja.model is (default: as --data-dir)")
  .option("--model-sentencepiece-path <file>", "another model than MODEL_DIR/wiki-ja.model")
  .option("--max-seq-length <n>", "tokens in an example", sequenceLength, 512)
  .option(
    "--num-processes <n>",
    "workers; the output does not depend on it (default: one per core)",
    workers,
  )
  .option(
    "--num-out-files <n>",
    "number of training files (default: one per MB of compressed text, 1000 at most)",
    integerFrom(1, 99_999),
  )
  .addOption(
    new Option("--compress <how>", "wrap each file in gzip").choices(["gzip", "none"] as const)
      .default("none" as const),
  )
  .option("--eval-fraction <share>", "share of documents held out for do_eval", share, 0.01)
  .addOption(encodingOption)
  .option("--seed <n>", "seed of every chance", seed, 42)
  .option("--do-lower-case", "lower-case the text first", false)
  .option("--overwrite", "replace examples that were built otherwise", false)
  .option("--verify <dir>", "build nothing; reread the examples in DIR and report the first fault");

/** Bins of a histogram as a row of blocks, the fullest bin as high as blocks go. */
function sparkline(counts: readonly number[]): string {
  const most = Math.max(...counts, 1);
  return counts.map((n) => n === 0 ? "·" : "▁▂▃▄▅▆▇█"[Math.ceil(n / most * 8) - 1]).join("");
}

/** Prints what examples there are. */
function report(folder: string, manifest: Manifest): void {
  const { maxSeqLength } = manifest.recipe;
  const line = (name: string, split: SplitTotals, files: number): void => {
    const filled = split.tokens / Math.max(1, split.examples) / maxSeqLength;
    console.log(
      `  ${name}  ${formatQuantity(split.examples, "examples")} of ` +
        `${formatQuantity(split.documents, "documents")} in ${formatQuantity(files, "files")}, ` +
        `${formatQuantity(split.tokens, "tokens")} (${formatNumber(filled * 100)}% of ` +
        `${maxSeqLength} filled, ${formatNumber(split.cutTokens)} cut off)`,
    );
  };
  console.log(`${folder}: ${formatQuantity(manifest.textBytes, "B")} of text became`);
  line("training", manifest.train, manifest.train.files.length);
  if (manifest.recipe.evalFraction > 0) {
    line("held out", manifest.eval, manifest.eval.files.length);
  }
  for (const source of manifest.sources ?? []) {
    console.log(
      `  ${source.name}: ${formatQuantity(source.documents, "documents")}, ` +
        `${formatQuantity(source.textBytes, "B")}, ${
          formatQuantity(source.examples, "examples")
        }, ` +
        `${formatQuantity(source.tokens, "tokens")}`,
    );
  }
  console.log(`  lengths   ${sparkline(manifest.train.lengthHistogram)} (1 … ${maxSeqLength})`);
}

/** Shows each phase of a build as a bar of its own. */
function makeReporter(): { show(progress: BuildProgress): void; finish(): void } {
  let start = 0;
  let phase: BuildProgress["phase"] | undefined;
  let bar: Progress | undefined;
  const begin = (progress: BuildProgress): Progress => {
    bar?.finish();
    phase = progress.phase;
    start = performance.now();
    return progress.phase === "encode"
      ? createProgress({ label: "build", unit: "B", initial: progress.resumedTextBytes })
      : createProgress({ label: "finish", unit: "B", total: progress.totalBytes });
  };
  return {
    show(progress): void {
      if (bar === undefined || progress.phase !== phase) bar = begin(progress);
      if (progress.phase === "finish") {
        bar.update(progress.bytes, `${progress.files}/${progress.totalFiles} files`);
        return;
      }
      if (progress.totalTextBytes !== undefined) bar.setTotal(progress.totalTextBytes);
      const done = progress.documents - progress.resumedDocuments;
      bar.update(progress.textBytes, rateNote(done, "documents", start));
    },
    finish(): void {
      bar?.finish();
    },
  };
}

/** How many units a second were done since `start`; nothing in the first moments. */
function rateNote(done: number, unit: string, start: number): string {
  const seconds = (performance.now() - start) / 1000;
  return seconds < 0.1 ? "" : `${formatQuantity(done / seconds, unit)}/s`;
}

/** Rereads the examples in `folder` and reports what there is, if all is right. */
async function verify(folder: string, numProcesses: number, signal: AbortSignal): Promise<void> {
  const bar = createProgress({ label: "verify", unit: "B" });
  const start = performance.now();
  const manifest = await verifyExamples(folder, numProcesses, signal, (progress) => {
    bar.setTotal(progress.totalBytes);
    bar.update(progress.bytes, rateNote(progress.examples, "examples", start));
  }).catch((error) => {
    if (!signal.aborted) throw error;
    throw new Interrupted("interrupted; no fault in what was read");
  });
  bar.finish("no fault");
  report(folder, manifest);
}

await runTask(command, async (options, signal) => {
  const numProcesses = options.numProcesses ?? navigator.hardwareConcurrency;
  if (options.verify !== undefined) {
    await keepOnly({ read: [options.verify] });
    return await verify(options.verify, numProcesses, signal);
  }
  const sources = options.input === undefined
    ? [{ path: `${options.dataDir}/text`, weight: 1 }]
    : parseSources(options.input);
  const inputs = sources.map(({ path }) => path);
  const output = `${options.dataDir}/pretrain_tfrecords`;
  const model = options.modelSentencepiecePath ??
    `${options.modelDir ?? options.dataDir}/wiki-ja.model`;
  const folder = await Deno.realPath(output).catch(() => output);
  await keepOnly({
    // The folder around the examples is synced when they take their name.
    read: [...inputs, model, dirname(folder)],
    write: [folder, `${folder}.part`],
    lock: [...inputs, model, folder],
  });
  const reporter = makeReporter();
  const { manifest, resumedAt } = await buildExamples(
    {
      input: sources,
      textField: options.textField,
      separator: options.documentEnds,
      model,
      output,
      maxSeqLength: options.maxSeqLength,
      numProcesses,
      numOutFiles: options.numOutFiles,
      compress: options.compress,
      evalFraction: options.evalFraction,
      encoding: options.encoding,
      seed: options.seed,
      doLowerCase: options.doLowerCase,
      overwrite: options.overwrite,
    },
    signal,
    reporter.show,
  ).catch((error) => {
    if (!signal.aborted) throw error;
    throw new Interrupted("interrupted; the same command goes on from here");
  });
  reporter.finish();
  const documents = manifest.train.documents + manifest.eval.documents;
  if (resumedAt === documents) console.log("all of it was built already");
  else if (resumedAt > 0) console.log(`went on after ${formatNumber(resumedAt)} documents`);
  report(output, manifest);
}, { stopping: "stopping: saving what is done" });
