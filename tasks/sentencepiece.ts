/** `deno task sentencepiece`: text in, a SentencePiece model and its vocabulary out. */

import { dirname, join } from "@std/path/mod.js";
import { AtomicFile } from "../pipeline/atomic_file.ts";
import { lock } from "../pipeline/lock.ts";
import {
  type ModelType,
  type RuleName,
  TRAINER_DEFAULTS,
  trainSentencePiece,
} from "../pipeline/sentencepiece/mod.ts";
import { readLines } from "../pipeline/text/lines.ts";
import { parseSources } from "../pipeline/text/sources.ts";
import { InvalidArgumentError, Option, runTask, task, UsageError } from "./common/command.ts";
import { encodingOption } from "./common/encoding.ts";
import { inputOption, textFieldOption } from "./common/text_input.ts";
import { writeFileAtomic } from "./common/files.ts";
import { integerFrom, list, portion, workers } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { createProgress } from "./common/progress.ts";
import { formatQuantity } from "./common/text.ts";

const defaults = TRAINER_DEFAULTS;

const command = task(
  "sentencepiece",
  "Trains a SentencePiece model that the original's tools load as well; writes PREFIX.model,\n" +
    "PREFIX.vocab and, beside them, vocab.txt. Flags bear the names and defaults of spm_train.",
  "deno task sentencepiece --input data/text --model-prefix data/wiki-ja --vocab-size 32000",
)
  .addOption(inputOption)
  .addOption(textFieldOption)
  .addOption(encodingOption)
  .option("--model-prefix <prefix>", "the name of the files made", "data/wiki-ja")
  .option(
    "--vocab-size <n>",
    "pieces in the vocabulary",
    integerFrom(8, 1_000_000),
    defaults.vocabSize,
  )
  .addOption(
    new Option("--model-type <type>", "kind of model")
      .choices(["unigram", "bpe", "word", "char"] as const satisfies readonly ModelType[])
      .default("unigram" as const),
  )
  .option("--num-processes <n>", "threads", workers, navigator.hardwareConcurrency)
  .option(
    "--character-coverage <share>",
    "share of characters that pieces cover",
    portion,
    defaults.characterCoverage,
  )
  .option("--required-chars <characters>", "characters that are pieces in any case", "")
  .option("--input-sentence-size <n>", "lines used; 0 uses all", integerFrom(0, 1e9), 0)
  .option("--no-shuffle-input-sentence", "use the first lines, not a random sample")
  .option("--max-sentence-length <bytes>", "longest line used", integerFrom(1, 1e6), 4192)
  .option(
    "--self-test-sample-size <n>",
    "lines kept in the model for its reader to check itself",
    integerFrom(0, 1e6),
    defaults.selfTestSampleSize,
  )
  .option(
    "--seed-sentencepiece-size <n>",
    "substrings to choose pieces from",
    integerFrom(1, 1e8),
    defaults.seedSentencepieceSize,
  )
  .option(
    "--shrinking-factor <share>",
    "share of pieces kept by each pruning",
    shrinking,
    defaults.shrinkingFactor,
  )
  .option(
    "--num-sub-iterations <n>",
    "EM rounds between prunings",
    integerFrom(1, 100),
    defaults.numSubIterations,
  )
  .option(
    "--max-sentencepiece-length <n>",
    "characters of the longest piece, up to 512",
    integerFrom(1, 512),
    defaults.maxSentencepieceLength,
  )
  .option("--overwrite", "replace a model of that name", false)
  .option("--control-symbols <list>", "pieces never cut from text", list, [
    ...defaults.controlSymbols,
  ])
  .option("--user-defined-symbols <list>", "pieces always cut from text", list, [])
  .option("--byte-fallback", "unknown characters become bytes", false)
  .option("--split-digits", "digits stand alone", false)
  .option("--no-split-by-unicode-script", "pieces may join scripts")
  .option("--no-split-by-number", "pieces may join digits and letters")
  .option("--no-split-by-whitespace", "pieces may hold spaces")
  .option("--treat-whitespace-as-suffix", "▁ stands behind words", false)
  .option("--allow-whitespace-only-pieces", "runs of spaces may be pieces", false)
  .option("--use-all-vocab", "all words or characters are pieces (word, char)", false)
  .option("--no-hard-vocab-limit", "fewer pieces than asked for are no error")
  .option("--no-add-dummy-prefix", "put no space before the text")
  .option("--no-remove-extra-whitespaces", "keep leading, trailing and repeated spaces")
  .addOption(
    new Option("--normalization-rule-name <name>", "how text is normalised")
      .choices(["nmt_nfkc", "nfkc", "identity"] as const satisfies readonly RuleName[])
      .default("nmt_nfkc" as const),
  );

await runTask(command, async ({ input, encoding, textField, ...flags }, signal) => {
  const { overwrite, ...options } = flags;
  const given = input ?? ["data/text"], sources = parseSources(given);
  const paths = sources.map(({ path }) => path);
  if (options.useAllVocab && options.modelType !== "word" && options.modelType !== "char") {
    throw new UsageError("--use-all-vocab is for --model-type word or char");
  }
  const prefix = options.modelPrefix;
  using reading = new DisposableStack();
  for (const path of paths) {
    reading.use(await lock(path, { task: "sentencepiece", mode: "read" }));
  }
  using _writing = await lock(`${prefix}.model`, { task: "sentencepiece", mode: "write" });
  const vocabulary = join(dirname(prefix), "vocab.txt");
  for (const path of overwrite ? [] : [`${prefix}.model`, `${prefix}.vocab`, vocabulary]) {
    if (!await Deno.stat(path).then(() => true, () => false)) continue;
    const advice = path === vocabulary ? " in another folder" : "";
    throw new UsageError(
      `${path} is there already; choose another --model-prefix${advice}, or add --overwrite`,
    );
  }
  // A folder that cannot be written is better told before the training than after it.
  await Deno.mkdir(dirname(prefix), { recursive: true });
  const made = [`${prefix}.model`, `${prefix}.vocab`, join(dirname(prefix), "vocab.txt")];
  await keepOnly({
    read: [...paths, dirname(prefix)],
    write: made.flatMap((path) => [path, `${path}.part`]),
    lock: [...paths, prefix],
  });
  await (await AtomicFile.create(`${prefix}.model`)).discard();
  const bar = createProgress({ label: "sentencepiece", unit: "steps" });
  const trained = await trainSentencePiece(
    readLines(sources, { encoding, textField }),
    { ...defaults, ...options, input: given },
    signal,
    ({ stage, pieces, done, total }) => {
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, pieces > 0 ? `${stage}, ${pieces} pieces` : stage);
    },
  );
  bar.finish();
  await writeFileAtomic(`${prefix}.vocab`, trained.vocab);
  await writeFileAtomic(vocabulary, trained.vocabText);
  await writeFileAtomic(`${prefix}.model`, trained.model);
  console.log(
    `${prefix}.model: ${formatQuantity(trained.pieces, "pieces")} from ` +
      formatQuantity(trained.sentences, "lines") +
      (trained.tooLong > 0 ? `; ${trained.tooLong} lines left out as too long` : ""),
  );
}, { stopping: "stopping: nothing is saved of a training" });

/** Reads a share that lets the table shrink, but not at one blow. */
function shrinking(text: string): number {
  const value = portion(text);
  if (value >= 0.5 && value <= 0.95) return value;
  throw new InvalidArgumentError("A number from 0.5 to 0.95 is needed.");
}
