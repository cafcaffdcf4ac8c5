/** The sample that ships with the project: every stage on a small corpus, into a small model. */

import { fromFileUrl, join } from "@std/path/mod.js";
import { buildExamples, type BuildProgress } from "../../pipeline/examples/build.ts";
import { TRAINER_DEFAULTS, trainUnigram } from "../../pipeline/sentencepiece/mod.ts";
import { readLines } from "../../pipeline/text/lines.ts";
import { extractDump } from "../../pipeline/wiki/extract.ts";
import { writeFileAtomic } from "./files.ts";
import { createProgress } from "./progress.ts";

/**
 * Hyperparameters of the sample run; what a user gives wins. The generator samples at temperature 2:
 * it then proposes rarer words, which a model that trains for minutes can learn to notice.
 */
export const SAMPLE_HPARAMS: Readonly<Record<string, unknown>> = {
  model_hparam_overrides: {
    hidden_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
    max_position_embeddings: 128,
  },
  embedding_size: 64,
  vocab_size: 2400,
  max_seq_length: 32,
  train_batch_size: 16,
  eval_batch_size: 32,
  learning_rate: 1e-3,
  num_warmup_steps: 100,
  num_train_steps: 1500,
  save_checkpoints_steps: 500,
  temperature: 2,
};

/** Share of the sample's articles that are held out. */
const HELD_OUT = 0.08;

/** Runs extraction, SentencePiece and the example builder into `dataDir`, as far as not done yet. */
export async function prepareSample(
  dataDir: string,
  sizes: { readonly vocabSize: number; readonly maxSeqLength: number },
  signal: AbortSignal,
): Promise<void> {
  const dump = fromFileUrl(new URL("../../pipeline/sample/jawiki-sample.xml", import.meta.url));
  const text = join(dataDir, "text");
  const extracting = createProgress({ label: "extract", unit: "pages" });
  const { manifest: extracted } = await extractDump(
    { dump, out: text, minLength: 50, dropLists: false, dropSections: true, overwrite: true },
    signal,
    ({ pages }) => extracting.update(pages),
  );
  extracting.finish(`${extracted!.counts.documents} articles`);

  const training = createProgress({ label: "sentencepiece", unit: "rounds" });
  let rounds = 0;
  const prefix = join(dataDir, "wiki-ja");
  const options = { ...TRAINER_DEFAULTS, modelPrefix: prefix, vocabSize: sizes.vocabSize };
  const trained = await trainUnigram(readLines(text), options, signal, ({ stage, pieces }) => {
    training.update(++rounds, pieces > 0 ? `${stage}, ${pieces} pieces` : stage);
  });
  await writeFileAtomic(`${prefix}.vocab`, trained.vocab);
  await writeFileAtomic(join(dataDir, "vocab.txt"), trained.vocabText);
  await writeFileAtomic(`${prefix}.model`, trained.model);
  training.finish(`${sizes.vocabSize} pieces`);

  const building = createProgress({ label: "build", unit: "documents" });
  const { manifest } = await buildExamples(
    {
      input: text,
      model: `${prefix}.model`,
      output: join(dataDir, "pretrain_tfrecords"),
      maxSeqLength: sizes.maxSeqLength,
      numProcesses: 1,
      compress: "none",
      evalFraction: HELD_OUT,
      seed: 42,
      doLowerCase: false,
      overwrite: true,
    },
    signal,
    (progress: BuildProgress) => {
      if (progress.phase === "encode") building.update(progress.documents);
    },
  );
  building.finish(`${manifest.train.examples} examples, ${manifest.eval.examples} held out`);
}
