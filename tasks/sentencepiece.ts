/** `deno task sentencepiece`: text in, a SentencePiece model and its vocabulary out. */

import { dirname, join } from "@std/path/mod.js";
import { type RuleName, TRAINER_DEFAULTS, trainUnigram } from "../pipeline/sentencepiece/mod.ts";
import { readLines } from "../pipeline/text/lines.ts";
import { Option, runTask, task } from "./common/command.ts";
import { writeFileAtomic } from "./common/files.ts";
import { integerFrom, list, portion } from "./common/numbers.ts";
import { createProgress } from "./common/progress.ts";
import { formatQuantity } from "./common/text.ts";

const defaults = TRAINER_DEFAULTS;

const command = task(
  "sentencepiece",
  "Trains a SentencePiece model that the original's tools load as well; writes PREFIX.model,\n" +
    "PREFIX.vocab and, beside them, vocab.txt.",
  "deno task sentencepiece --input data/text --model-prefix data/wiki-ja --vocab-size 32000",
)
  .option(
    "--input <path>",
    "a folder or file of documents (.jsonl, .jsonl.gz), or text",
    "data/text",
  )
  .option("--model-prefix <prefix>", "the name of the files made", "data/wiki-ja")
  .option("--vocab-size <n>", "pieces in the vocabulary", integerFrom(8), defaults.vocabSize)
  .addOption(
    new Option("--model-type <type>", "kind of model").choices(["unigram"] as const)
      .default("unigram" as const),
  )
  .option(
    "--character-coverage <share>",
    "share of characters that pieces cover",
    portion,
    defaults.characterCoverage,
  )
  .option("--input-sentence-size <n>", "lines sampled; 0 uses all", integerFrom(0), 0)
  .option("--max-sentence-length <bytes>", "longest line used", integerFrom(1), 4192)
  .option("--control-symbols <list>", "pieces never cut from text", list, [
    ...defaults.controlSymbols,
  ])
  .option("--user-defined-symbols <list>", "pieces always cut from text", list, [])
  .option("--byte-fallback", "unknown characters become bytes", false)
  .option("--split-digits", "digits stand alone", false)
  .addOption(
    new Option("--normalization-rule-name <name>", "how text is normalised")
      .choices(["nmt_nfkc", "nfkc", "identity"] as const satisfies readonly RuleName[])
      .default("nmt_nfkc" as const),
  );

await runTask(command, async ({ input, modelType: _, ...options }, signal) => {
  const bar = createProgress({ label: "sentencepiece", unit: "steps" });
  const trained = await trainUnigram(
    readLines(input),
    { ...defaults, ...options, input: [input] },
    signal,
    ({ stage, pieces, done, total }) => {
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, pieces > 0 ? `${stage}, ${pieces} pieces` : stage);
    },
  );
  bar.finish();
  const prefix = options.modelPrefix;
  await Deno.mkdir(dirname(prefix), { recursive: true });
  await writeFileAtomic(`${prefix}.vocab`, trained.vocab);
  await writeFileAtomic(join(dirname(prefix), "vocab.txt"), trained.vocabText);
  await writeFileAtomic(`${prefix}.model`, trained.model);
  console.log(
    `${prefix}.model: ${formatQuantity(trained.pieces, "pieces")} from ` +
      formatQuantity(trained.sentences, "lines") +
      (trained.tooLong > 0 ? `; ${trained.tooLong} lines left out as too long` : ""),
  );
});
