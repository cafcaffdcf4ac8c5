/** From documents to framed records: what one worker of `build` does to its share. */

import { PipelineError } from "../errors.ts";
import type { SentencePieceProcessor } from "../sentencepiece/mod.ts";
import type { Document } from "../text/documents.ts";
import { splitSentences } from "../text/sentences.ts";
import { encodeExample } from "../tfrecord/example.ts";
import { RecordBuffer } from "../tfrecord/writer.ts";
import { ExampleBuilder, type SpecialIds, type TrainingExample } from "./builder.ts";
import type { Split, SplitTotals } from "./manifest.ts";
import { hash32, Random } from "./random.ts";
import { countExample, emptyTotals } from "./totals.ts";

/** Keeps the choice of the held-out documents apart from every other use of the seed. */
const SPLIT_STREAM = 0x51ab3e07;

/**
 * UTF-16 units of text after which a sentence that never ends is cut, so that one strange document
 * neither takes memory without bound nor becomes one example cut short.
 */
const LONGEST_SENTENCE = 8192;

/** How documents are turned into examples. */
export interface EncodeOptions {
  /** Tokens of each example, padding included. */
  maxSeqLength: number;
  /** Whether to lower-case text before encoding it. */
  doLowerCase: boolean;
  /** Seed of every chance. */
  seed: number;
  /** Share of documents that is held out, chosen by a hash of their ids. */
  evalFraction: number;
}

/** The examples of some documents that belong to one split. */
export interface EncodedSplit {
  /** Framed records, one after the other. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Where in `bytes` each record ends. */
  ends: Uint32Array<ArrayBuffer>;
  /** Counts over these examples. */
  totals: SplitTotals;
}

/** What came of some documents. */
export interface EncodedDocuments {
  /** How many documents there were. */
  documents: number;
  /** Bytes of their text, as UTF-8. */
  textBytes: number;
  /** Their examples by split. */
  splits: Record<Split, EncodedSplit>;
}

/**
 * Looks up the pieces that ELECTRA needs. Throws a PipelineError that names those the model lacks
 * ([MASK] among them, though it first appears when the examples are masked).
 */
export function findSpecialIds(processor: SentencePieceProcessor, name: string): SpecialIds {
  const pieces = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"];
  const ids = pieces.map((piece) => processor.pieceToId(piece));
  const missing = pieces.filter((piece, i) => processor.idToPiece(ids[i]) !== piece);
  if (missing.length > 0) {
    throw new PipelineError(
      `${name}: the model has no piece ${missing.join(", ")}; train it with ` +
        `\`deno task sentencepiece\`, or spm_train --control_symbols=[PAD],[CLS],[SEP],[MASK]`,
    );
  }
  return { pad: ids[0], cls: ids[1], sep: ids[2] };
}

/** A sentence in parts of bounded length, no character torn apart; nearly always in one. */
export function* cutSentence(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > LONGEST_SENTENCE) {
    let end = start + LONGEST_SENTENCE;
    const last = text.charCodeAt(end - 1);
    if (last >= 0xd800 && last < 0xdc00) end--;
    yield text.slice(start, end);
    start = end;
  }
  yield start === 0 ? text : text.slice(start);
}

/** Says to which split a document belongs: a function of seed and id alone. */
export function splitOf(id: string, options: EncodeOptions): Split {
  const draw = hash32(id, options.seed ^ SPLIT_STREAM) / 2 ** 32;
  return draw < options.evalFraction ? "eval" : "train";
}

/** Turns documents into framed records, each document independently of all others. */
export class ExampleEncoder {
  readonly #processor: SentencePieceProcessor;
  readonly #options: EncodeOptions;
  readonly #special: SpecialIds;

  /** `name` is the model's, for messages. Throws a PipelineError for a model without [CLS] etc. */
  constructor(processor: SentencePieceProcessor, name: string, options: EncodeOptions) {
    this.#processor = processor;
    this.#options = options;
    this.#special = findSpecialIds(processor, name);
  }

  /** Makes the examples of `documents`, in their order. */
  encode(documents: readonly Document[]): EncodedDocuments {
    const records = { train: new RecordBuffer(), eval: new RecordBuffer() };
    const totals = { train: emptyTotals(), eval: emptyTotals() };
    const utf8 = new TextEncoder();
    let textBytes = 0;
    for (const document of documents) {
      const split = splitOf(document.id, this.#options);
      // What is held out is counted once, however often its source is read.
      if (split === "eval" && document.copy) continue;
      textBytes += utf8.encode(document.text).length;
      this.#encodeDocument(document, records[split], totals[split]);
    }
    return {
      documents: documents.length,
      textBytes,
      splits: {
        train: { ...records.train.take(), totals: totals.train },
        eval: { ...records.eval.take(), totals: totals.eval },
      },
    };
  }

  #encodeDocument(document: Document, records: RecordBuffer, totals: SplitTotals): void {
    const { maxSeqLength, seed, doLowerCase } = this.#options;
    const builder = new ExampleBuilder(
      maxSeqLength,
      this.#special,
      new Random(seed, document.copy ? `${document.id}#${document.copy}` : document.id),
    );
    const write = (example: TrainingExample | undefined): void => {
      if (example === undefined) return;
      records.append(encodeExample({
        input_ids: example.inputIds,
        input_mask: example.inputMask,
        segment_ids: example.segmentIds,
      }));
      countExample(totals, example.length, maxSeqLength);
    };
    for (const sentence of splitSentences(document.text)) {
      const text = doLowerCase ? sentence.toLowerCase() : sentence;
      for (const part of cutSentence(text)) write(builder.add(this.#processor.encodeIds(part)));
    }
    write(builder.end());
    totals.documents++;
    totals.cutTokens += builder.cutTokens;
  }
}
