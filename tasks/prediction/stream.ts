/** Requests in, answers out, in order: chunks of lines, within a chunk batches of like length. */

import { collate, featureLength, planEpoch } from "../../pipeline/finetuning/batches.ts";
import type { HasInputs } from "../../pipeline/finetuning/batches.ts";
import type { Answer, Mode } from "./mode.ts";
import {
  BadRequest,
  formatOf,
  lineError,
  readRequest,
  type Request,
  type RequestFormat,
} from "./requests.ts";

/** Characters of a chunk at most, unless one line has more. */
const CHUNK_CHARACTERS = 1 << 20;

/** How requests are answered. */
export interface AnsweringOptions {
  /** Where the lines come from, for messages. */
  readonly source: string;
  /** How they are written; by the first line where left out. */
  readonly format?: RequestFormat;
  /** Lines that are answered together. */
  readonly chunkLines: number;
  /** Sequences of a batch. */
  readonly batchSize: number;
  /** The id of [PAD]. */
  readonly padId: number;
  /** Whether lines that cannot be answered get an error for an answer and do not end the work. */
  readonly skipBad: boolean;
  /** Ends the work between batches. */
  readonly signal: AbortSignal;
}

/** Answers of one chunk. */
export interface AnsweredChunk {
  /** One for each line. */
  readonly answers: readonly Answer[];
  /** How many of them are errors. */
  readonly bad: number;
  /** An error that ends the work behind these answers. */
  readonly error?: Error;
}

/**
 * Answers lines. What meets in a chunk and in a batch depends on the lines alone, so the same lines get the same
 * answers.
 */
export async function* answerLines(
  lines: AsyncIterable<string>,
  mode: Mode,
  options: AnsweringOptions,
): AsyncGenerator<AnsweredChunk> {
  let { format } = options;
  let chunk: Request[] = [], characters = 0, number = 0;
  for await (const text of lines) {
    if (format === undefined && text.trim() !== "") format = formatOf(text);
    const request = readRequest(text, ++number, format ?? "text", mode.columns);
    if (characters + request.size > CHUNK_CHARACTERS && chunk.length > 0) {
      yield await answerChunk(chunk, mode, options);
      [chunk, characters] = [[], 0];
    }
    chunk.push(request);
    characters += request.size;
    if (chunk.length < options.chunkLines) continue;
    yield await answerChunk(chunk, mode, options);
    [chunk, characters] = [[], 0];
  }
  if (chunk.length > 0) yield await answerChunk(chunk, mode, options);
}

async function answerChunk(
  chunk: readonly Request[],
  mode: Mode,
  options: AnsweringOptions,
): Promise<AnsweredChunk> {
  const requests: Request[] = [];
  const features: (readonly HasInputs[])[] = [];
  let bad = 0, error: Error | undefined;
  for (const given of chunk) {
    let request = given, seen: readonly HasInputs[] = [];
    try {
      if (request.fields) seen = mode.features(request.fields);
    } catch (fault) {
      if (!(fault instanceof BadRequest)) throw fault;
      request = { ...request, fault: fault.message };
    }
    if (request.fault !== undefined) {
      if (!options.skipBad) {
        error = lineError(options.source, request);
        break;
      }
      bad++;
    }
    requests.push(request);
    features.push(seen);
  }
  const said = await runAll(features.flat(), mode, options);
  let from = 0;
  const answers = requests.map(({ line, fields, fault }, i): Answer => {
    if (fault !== undefined) return { error: `line ${line}: ${fault}` };
    const own = said.slice(from, from += features[i].length);
    const id = fields?.id === undefined ? {} : { id: fields.id };
    return own.length === 0 ? id : { ...id, ...mode.answer(fields!, features[i], own) };
  });
  return { answers, bad, error };
}

/** What the model says of each feature; the host prepares a batch while the device computes the one before. */
async function runAll(
  features: readonly HasInputs[],
  mode: Mode,
  { batchSize, padId, signal }: AnsweringOptions,
): Promise<unknown[]> {
  const said = new Array<unknown>(features.length);
  let before: Promise<void> = Promise.resolve();
  for (const indices of planEpoch(features.map(featureLength), { batchSize, padId })) {
    const batch = collate(indices.map((i) => features[i]), padId, mode.maxSeqLength);
    const running = mode.run(batch).then((results) => {
      indices.forEach((index, i) => said[index] = results[i]);
    });
    running.catch(() => {});
    await before;
    signal.throwIfAborted();
    before = running;
  }
  await before;
  return said;
}
