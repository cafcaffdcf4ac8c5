/** The sample that ships with the project: every stage on a small corpus, into a small model. */

import { fromFileUrl, join } from "@std/path/mod.js";
import { buildExamples, type BuildProgress } from "../../pipeline/examples/build.ts";
import { TRAINER_DEFAULTS, trainSentencePiece } from "../../pipeline/sentencepiece/mod.ts";
import { readLines } from "../../pipeline/text/lines.ts";
import { type Lock, lock } from "../../pipeline/lock.ts";
import { CLEANING_RULES } from "../../pipeline/wiki/clean.ts";
import { extractDump } from "../../pipeline/wiki/extract.ts";
import { writeFileAtomic } from "./files.ts";
import { createProgress } from "./progress.ts";

/** Share of the sample's articles that are held out. */
const HELD_OUT = 0.08;

/** What the sample's stages are run for. */
interface SampleSizes {
  readonly vocabSize: number;
  readonly maxSeqLength: number;
}

const DUMP = new URL("../../pipeline/sample/jawiki-sample.xml", import.meta.url);

/** Says what a folder holds once all stages are done. */
const PREPARED = "prepared.json";

/**
 * Makes the sample's tokenizer and examples in `dataDir`, unless they are there. Returns a lock under which
 * no other run changes them.
 *
 * @throws {PipelineError} when others must be made while a run uses those that are there.
 */
export async function prepareSample(
  dataDir: string,
  sizes: SampleSizes,
  signal: AbortSignal,
): Promise<Lock> {
  const recipe = JSON.stringify({
    dump: new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(DUMP))).toHex(),
    rules: CLEANING_RULES,
    heldOut: HELD_OUT,
    ...sizes,
  });
  const marker = join(dataDir, PREPARED);
  const isPrepared = async (): Promise<boolean> =>
    await Deno.readTextFile(marker).then((text) => text === recipe, () => false);
  const reading = await lock(dataDir, { task: "pretrain", mode: "read" });
  if (await isPrepared()) {
    console.error(`${dataDir}: the sample is prepared already`);
    return reading;
  }
  reading.release();
  const writing = await lock(dataDir, { task: "pretrain", mode: "write" });
  try {
    await Deno.mkdir(dataDir, { recursive: true });
    await Deno.remove(marker).catch(() => {});
    await runStages(dataDir, sizes, signal);
    await writeFileAtomic(marker, recipe);
    writing.share();
    return writing;
  } catch (error) {
    writing.release();
    throw error;
  }
}

/** Runs extraction, SentencePiece and the example builder into `dataDir`. */
async function runStages(dataDir: string, sizes: SampleSizes, signal: AbortSignal): Promise<void> {
  const dump = fromFileUrl(DUMP);
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
  const trained = await trainSentencePiece(
    readLines(text),
    options,
    signal,
    ({ stage, pieces }) => {
      training.update(++rounds, pieces > 0 ? `${stage}, ${pieces} pieces` : stage);
    },
  );
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
