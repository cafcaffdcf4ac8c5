/** The model that a way of asking is for, loaded without what training needs. */

import type { Gpu } from "../../kernels/device.ts";
import { Electra } from "../../model/electra/electra.ts";
import { Predictor } from "../../model/electra/predictor.ts";
import { ModelError } from "../../model/errors.ts";
import { Tokenizer } from "../../pipeline/finetuning/tokens.ts";
import { UsageError } from "../common/command.ts";
import type { FoundModel } from "../common/find_model.ts";
import type { NeededPaths } from "../common/permissions.ts";
import {
  isLowerCased,
  readPretrained,
  requireItsTokenizer,
  tokenizerOf,
  withWeights,
} from "../common/pretrained_model.ts";
import { loadTokenizer, tokenizerPath } from "../common/tokenizer.ts";
import { findTrial, loadFinetuned } from "../finetuning/finetuned.ts";
import type { Mode } from "./mode.ts";
import { KINDS_OF_MODES, TaskMode } from "./task_modes.ts";
import { Detect, Embed, FillMask, type Pooling, Score, type TextModel } from "./text_modes.ts";

/** Ways of asking a pre-trained model. */
export const TEXT_MODES = ["fill-mask", "detect", "embed", "score"] as const;

/** Ways of asking a fine-tuned model. */
export const TASK_MODES = ["classify", "tag", "answer"] as const;

/** What the flags of `predict` say of the model and what is asked. */
export interface AskOptions {
  /** What to ask. */
  readonly mode: (typeof TEXT_MODES | typeof TASK_MODES)[number];
  /** Of a pre-trained model: a step, or "latest". */
  readonly checkpoint: string;
  /** The fine-tuned model: a task, or a trial of it. */
  readonly task?: string;
  /** The tokenizer; the model's own by default. */
  readonly tokenizer?: string;
  /** The file of requests, which stays readable. */
  readonly input?: string;
  /** Pieces for each [MASK], or answers to a question. */
  readonly topK: number;
  /** Least probability of what `detect` shows. */
  readonly threshold: number;
  /** What `embed` gives. */
  readonly pooling: Pooling;
  /** Whether its vectors have length 1. */
  readonly normalize: boolean;
  /** Longest sequence; as in training by default. */
  readonly maxSeqLength?: number;
  /** Tokens from one window of a long text to the next. */
  readonly stride?: number;
  /** Told, once it is known, what is read from then on. */
  readonly confine?: (paths: NeededPaths) => Promise<void>;
}

/** A model that can be asked. */
export interface Asked {
  /** How. */
  readonly mode: Mode;
  /** The id of [PAD]. */
  readonly padId: number;
  /** Where its weights come from. */
  readonly source: string;
}

/**
 * Loads the model that a mode asks.
 *
 * @throws {ModelError | UsageError} when there is none, it lacks the half or head, or its tokenizer is another.
 */
export async function openModel(gpu: Gpu, found: FoundModel, options: AskOptions): Promise<Asked> {
  return (TEXT_MODES as readonly string[]).includes(options.mode)
    ? await textMode(gpu, found, options)
    : await taskMode(gpu, found, options);
}

/** A pre-trained model. */
async function textMode(
  gpu: Gpu,
  found: FoundModel,
  options: AskOptions,
): Promise<Asked> {
  const { confine } = options;
  if (options.task !== undefined) {
    throw new UsageError(`--mode ${options.mode} asks the pre-trained model; leave --task out`);
  }
  const { dataDir, directory } = found;
  const pretrained = await readPretrained(directory, options.checkpoint);
  const { source, hparams } = pretrained;
  const own = options.tokenizer === undefined
    ? hparams
    : { model_sentencepiece_path: options.tokenizer, vocab_file: "" };
  await confine?.({ read: [dataDir, tokenizerPath(dataDir, own), options.input] });
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
async function taskMode(
  gpu: Gpu,
  found: FoundModel,
  options: AskOptions,
): Promise<Asked> {
  const { confine } = options;
  const { dataDir, directory } = found;
  const kinds = KINDS_OF_MODES[options.mode as keyof typeof KINDS_OF_MODES];
  const trial = await findTrial(directory, options.task, kinds);
  const { task, config: { hparams, lowerCase, encoder } } = trial;
  const own = await tokenizerOf(directory, options.tokenizer);
  await confine?.({ read: [dataDir, tokenizerPath(dataDir, own), options.input] });
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
