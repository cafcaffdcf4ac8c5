/** Held-out sentences with some words replaced, and which ones the model takes for replaced. */

import { bold, green, red } from "@std/fmt/colors.js";
import type { Gpu } from "../../kernels/device.ts";
import { randomWord, uniformOpen } from "../../kernels/random/random.ts";
import { maskBatch, type SpecialIds, type TokenBatch } from "../../model/electra/masking.ts";
import { Predictor, type TokenSequences } from "../../model/electra/predictor.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import type { ExampleBatch } from "../../pipeline/examples/loader.ts";
import type { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";

/** A piece of a sentence as the model judged it. */
export interface JudgedPiece {
  /** What stands there. */
  readonly text: string;
  /** What stood there, where it was replaced. */
  readonly original?: string;
  /** How likely the model takes it to be replaced. */
  readonly probability: number;
}

/** Sentences as the model judged them. */
export type JudgedSentences = readonly (readonly JudgedPiece[])[];

/** Probability from which on the model calls a piece replaced. */
export const THRESHOLD = 0.5;

/** Sentences that are judged. */
const SENTENCES = 8;

/** Pieces of a sentence, special ones included. */
const SHORTEST = 8, LONGEST = 64;

/** Pieces of a sentence that are replaced at most. */
const MOST_REPLACED = 8;

/** Share of the pieces that are masked. */
const MASK_PROB = 0.15;

/** All draws are the same at every step, so that one sees the model alone change. */
const SEED = 0x5e47, STREAM = 0x80000011;

/** A piece that ends a sentence. */
const SENTENCE_END = /[。．！？!?]$/;

/**
 * The whole sentences at the beginnings of an example's segments: there every one begins with a sentence, while
 * its end may be cut off.
 *
 * @param sequence tokens of an example.
 * @param longest tokens of a sentence, its [CLS] and [SEP] included.
 */
export function wholeSentences(
  batch: ExampleBatch,
  sequence: number,
  processor: SentencePieceProcessor,
  longest: number,
): number[][] {
  const found: number[][] = [];
  for (let row = 0; row < batch.examples; row++) {
    let sentence: number[] | undefined;
    for (let place = row * sequence; place < (row + 1) * sequence; place++) {
      const id = batch.inputIds[place];
      if (batch.attentionMask[place] === 0) break;
      if (processor.isControl(id)) {
        sentence = [];
        continue;
      }
      if (!sentence) continue;
      sentence.push(id);
      if (!SENTENCE_END.test(processor.idToPiece(id))) continue;
      const length = sentence.length + 2;
      if (length >= SHORTEST && length <= longest) found.push(sentence);
      sentence = undefined;
    }
  }
  return found;
}

/** Judges the same sentences again and again while a model learns. */
export class Showcase {
  readonly #model: Pretraining["objective"]["model"];
  readonly #predictor: Predictor;
  readonly #processor: SentencePieceProcessor;
  readonly #special: SpecialIds;
  readonly #batch: TokenBatch & TokenSequences;
  readonly #sequence: number;
  readonly #picks: number;

  /**
   * Chooses the sentences; undefined for a model without a discriminator or examples without a whole sentence.
   *
   * @param heldOut examples that are not trained on.
   */
  static of(
    gpu: Gpu,
    { objective: { model, hparams }, store }: Pretraining,
    special: SpecialIds,
    processor: SentencePieceProcessor,
    heldOut: readonly ExampleBatch[],
  ): Showcase | undefined {
    if (!model.discriminator) return undefined;
    const sequence = Math.min(hparams.max_seq_length, LONGEST);
    const sentences = heldOut.flatMap((batch) =>
      wholeSentences(batch, hparams.max_seq_length, processor, sequence)
    ).slice(0, SENTENCES);
    if (sentences.length === 0) return undefined;
    const picks = Math.min(MOST_REPLACED, hparams.max_predictions_per_seq);
    const predictor = new Predictor(gpu, model, store);
    return new Showcase(model, predictor, processor, special, sentences, sequence, picks);
  }

  private constructor(
    model: Pretraining["objective"]["model"],
    predictor: Predictor,
    processor: SentencePieceProcessor,
    special: SpecialIds,
    sentences: readonly (readonly number[])[],
    sequence: number,
    picks: number,
  ) {
    this.#model = model;
    this.#predictor = predictor;
    this.#processor = processor;
    this.#special = special;
    this.#sequence = sequence;
    this.#picks = picks;
    const tokens = sentences.length * sequence;
    const inputIds = new Int32Array(tokens), attentionMask = new Int32Array(tokens);
    sentences.forEach((sentence, row) => {
      const ids = [special.cls, ...sentence, special.sep];
      inputIds.set(ids, row * sequence);
      attentionMask.fill(1, row * sequence, row * sequence + ids.length);
    });
    const tokenTypeIds = new Int32Array(tokens);
    this.#batch = { batch: sentences.length, sequence, inputIds, attentionMask, tokenTypeIds };
  }

  /** Replaces words by the generator's draws at temperature 1 (or uniform ones) and judges all of them. */
  async judge(): Promise<JudgedSentences> {
    const { inputIds, attentionMask } = this.#batch;
    const sequence = this.#sequence, picks = this.#picks;
    const options = { maskProb: MASK_PROB, maxPredictions: picks };
    const masked = maskBatch(this.#batch, sequence, this.#special, options, SEED, 1);
    const { maskedPositions, maskedWeights, uniformIds } = masked;
    const maskedInputIds = Int32Array.from(masked.maskedInputIds);
    const seen = { ...this.#batch, inputIds: maskedInputIds };
    const logits = this.#model.generator &&
      await this.#predictor.generatorLogits(seen, maskedPositions);
    const corrupted = Int32Array.from(inputIds);
    maskedPositions.forEach((position, pick) => {
      if (maskedWeights[pick] === 0) return;
      const vocabulary = this.#special.vocabSize;
      corrupted[Math.floor(pick / picks) * sequence + position] = logits
        ? draw(logits.subarray(pick * vocabulary, (pick + 1) * vocabulary), pick)
        : uniformIds[pick];
    });
    const scores = await this.#predictor.discriminatorLogits({
      ...this.#batch,
      inputIds: corrupted,
    });
    const text = (id: number): string => this.#processor.idToPiece(id).replaceAll("▁", " ");
    return Array.from({ length: inputIds.length / sequence }, (_, row) => {
      const pieces: JudgedPiece[] = [];
      // The first is [CLS], the last [SEP].
      for (let at = row * sequence + 1; attentionMask[at + 1] === 1; at++) {
        if (at + 1 === (row + 1) * sequence) break;
        pieces.push({
          text: text(corrupted[at]),
          ...(corrupted[at] === inputIds[at] ? {} : { original: text(inputIds[at]) }),
          probability: 1 / (1 + Math.exp(-scores[at])),
        });
      }
      return pieces;
    });
  }

  /** Frees the device memory of the predictions. */
  destroy(): void {
    this.#predictor.destroy();
  }
}

/** Draws from a softmax. */
function draw(logits: Float32Array, pick: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  let left = uniformOpen(randomWord(SEED, STREAM, 1, pick)) * sum;
  for (let id = 0; id < logits.length; id++) {
    left -= Math.exp(logits[id] - most);
    if (left <= 0) return id;
  }
  return logits.length - 1;
}

/** Flags that are right and wrong. */
export function countFlags(sentences: JudgedSentences): { right: number; wrong: number } {
  const flagged = sentences.flat().filter(({ probability }) => probability >= THRESHOLD);
  const right = flagged.filter(({ original }) => original !== undefined).length;
  return { right, wrong: flagged.length - right };
}

/** Lines about the first sentences in which something is replaced, for a terminal. */
export function describeSentences(sentences: JudgedSentences, most: number): string[] {
  const percent = ({ probability }: JudgedPiece): string => `${Math.round(100 * probability)}%`;
  const name = ({ text }: JudgedPiece): string => text.trim();
  return sentences.filter((pieces) => pieces.some(({ original }) => original !== undefined))
    .slice(0, most)
    .map((pieces, i) => {
      const text = pieces.map(({ text, original }) =>
        original === undefined ? text : red(`[${text}]`)
      ).join("").trim();
      const replaced = pieces.filter(({ original }) => original !== undefined);
      const flagged = pieces.filter(({ probability }) => probability >= THRESHOLD);
      const flags = flagged.toSorted((a, b) => b.probability - a.probability).map((piece) =>
        piece.original === undefined
          ? `${name(piece)} ${percent(piece)} (wrong)`
          : green(`${name(piece)} ${percent(piece)} (right)`)
      );
      const missed = replaced.filter((piece) => !flagged.includes(piece)).map((piece) =>
        `${name(piece)} ${percent(piece)}`
      );
      return `${bold(String(i + 1))}  ${text}\n` +
        `   replaced: ${
          replaced.map((piece) => `${name(piece)} for ${piece.original!.trim()}`).join(", ")
        }\n` +
        `   flagged:  ${flags.join(", ") || "nothing"}` +
        (missed.length > 0 ? `\n   missed:   ${missed.join(", ")}` : "");
    });
}

/** The sentences as Markdown, for TensorBoard: replaced pieces are bold, flagged ones have their probability. */
export function sentencesMarkdown(sentences: JudgedSentences): string {
  const escape = (text: string): string => text.replace(/[\\`*_[\]<>|~]/g, "\\$&");
  return sentences.map((pieces) => {
    const shown = pieces.map(({ text, original, probability }) => {
      const now = original === undefined ? escape(text) : `**${escape(text)}**`;
      const flag = probability >= THRESHOLD ? `⟨${Math.round(100 * probability)}%⟩` : "";
      return now + flag + (original === undefined ? "" : `(${escape(original)})`);
    });
    return `- ${shown.join("").trim()}`;
  }).join("\n");
}
