/**
 * Batches of training examples, for ever and in random order, or once and in file order.
 *
 * What batch number N holds is a function of the files, the seed and N alone. A run that goes on
 * from a checkpoint therefore sees exactly what it would have seen: the loader replays the order
 * up to there (which needs no data), then reads only the examples that were in its buffer.
 */

import { PipelineError } from "../errors.ts";
import { RecordReader } from "../tfrecord/reader.ts";
import { countExamples, expandPatterns } from "./files.ts";
import { EpochOrder, type ExampleRef } from "./order.ts";
import { decodeRecord } from "./record.ts";

/** A batch of examples; lists are [batchSize × maxSeqLength], row by row. */
export interface ExampleBatch {
  /** Token ids. */
  inputIds: Int32Array;
  /** 1 for real tokens, 0 for padding. */
  attentionMask: Int32Array;
  /** 0 for the first segment, 1 for the second. */
  tokenTypeIds: Int32Array;
  /** Number of this batch, from 0 on. */
  step: number;
  /** Rows that hold an example; the others, all zeros, only fill the batch. */
  examples: number;
  /** Where each of these examples is, for messages: its file, record and byte. */
  records: string[];
}

/** What both ways of reading need to know. */
export interface ExampleSource {
  /** Comma-separated patterns of files, as pretrain_tfrecords. */
  files: string;
  /** Examples in a batch. */
  batchSize: number;
  /** Tokens in each example, as the files have them. */
  maxSeqLength: number;
  /** Pieces of the vocabulary; an id that is not below this is an error. */
  vocabSize: number;
  /** Segments that the model knows, 2 by default; a segment id that is not below this is an error. */
  typeVocabSize?: number;
}

/** How {@linkcode ExampleLoader} reads. */
export interface LoaderOptions extends ExampleSource {
  /** Seed of the order. */
  seed: number;
  /** Examples that wait to be drawn; 2048 by default (the original has 100). */
  shuffleBuffer?: number;
  /** Batches that are made ahead; 2 by default. */
  prefetch?: number;
}

/** Puts examples one by one into batches. */
class BatchAssembler {
  readonly #source: ExampleSource;

  constructor(source: ExampleSource) {
    this.#source = source;
  }

  empty(step: number): ExampleBatch {
    const size = this.#source.batchSize * this.#source.maxSeqLength;
    return {
      inputIds: new Int32Array(size),
      attentionMask: new Int32Array(size),
      tokenTypeIds: new Int32Array(size),
      step,
      examples: 0,
      records: [],
    };
  }

  add(batch: ExampleBatch, record: Uint8Array, where: () => string): void {
    const [ids, mask, segments] = decodeRecord(record, this.#source, where);
    const at = batch.examples++ * this.#source.maxSeqLength;
    batch.inputIds.set(ids, at);
    batch.attentionMask.set(mask, at);
    batch.tokenTypeIds.set(segments, at);
    batch.records.push(where());
  }
}

/** A record's data, and how to name it in messages. */
interface FetchedRecord {
  data: Uint8Array;
  where: string;
}

/** Reads single records of files that are each asked for in ascending order. */
class RecordFetcher {
  readonly #files: readonly string[];
  readonly #readers = new Map<number, RecordReader>();

  constructor(files: readonly string[]) {
    this.#files = files;
  }

  async fetch({ file, record }: ExampleRef): Promise<FetchedRecord> {
    let reader = this.#readers.get(file);
    if (reader === undefined) {
      reader = await RecordReader.open(this.#files[file]);
      this.#readers.set(file, reader);
    }
    let data: Uint8Array | undefined;
    while (reader.records <= record) {
      data = await reader.next();
      if (data === undefined) {
        throw new PipelineError(
          `${reader.path}: ends after ${reader.records} records, fewer than were counted; ` +
            `the file changed, start again`,
        );
      }
    }
    return { data: data!.slice(), where: reader.describeLast() };
  }

  /** Closes all files but those in `keep`. */
  async closeExcept(keep: readonly number[]): Promise<void> {
    for (const [file, reader] of this.#readers) {
      if (keep.includes(file)) continue;
      this.#readers.delete(file);
      await reader.close();
    }
  }
}

/** The examples of one epoch with their data, from some place in it on. */
class EpochStream {
  readonly #order: EpochOrder;
  readonly #fetcher: RecordFetcher;
  readonly #data = new Map<ExampleRef, FetchedRecord>();

  private constructor(order: EpochOrder, fetcher: RecordFetcher) {
    this.#order = order;
    this.#fetcher = fetcher;
  }

  static async open(
    files: readonly string[],
    order: EpochOrder,
    skip: number,
  ): Promise<EpochStream> {
    const stream = new EpochStream(order, new RecordFetcher(files));
    order.skip(skip);
    const buffered = [...order.buffered]
      .sort((a, b) => a.file - b.file || a.record - b.record);
    try {
      for (const ref of buffered) stream.#data.set(ref, await stream.#fetcher.fetch(ref));
      await stream.#fetcher.closeExcept(order.openFiles);
      return stream;
    } catch (error) {
      await stream.close();
      throw error;
    }
  }

  async next(): Promise<FetchedRecord | undefined> {
    for (let ref = this.#order.pull(); ref !== undefined; ref = this.#order.pull()) {
      this.#data.set(ref, await this.#fetcher.fetch(ref));
      const open = this.#order.openFiles;
      if (!open.includes(ref.file)) await this.#fetcher.closeExcept(open);
    }
    const ref = this.#order.draw();
    if (ref === undefined) return undefined;
    const record = this.#data.get(ref);
    this.#data.delete(ref);
    return record;
  }

  async close(): Promise<void> {
    await this.#fetcher.closeExcept([]);
  }
}

/** A place in the endless order of examples. */
interface Place {
  /** Number of the batch that begins there. */
  readonly step: number;
  /** Examples before it. */
  readonly example: number;
}

/** Makes the batches from one place on, until it is closed. */
class BatchStream {
  readonly #options: LoaderOptions;
  readonly #files: readonly string[];
  readonly #counts: readonly number[];
  readonly #assembler: BatchAssembler;
  #epoch: number;
  #skip: number;
  #examples: EpochStream | undefined;
  #step: number;

  constructor(
    options: LoaderOptions,
    files: readonly string[],
    counts: readonly number[],
    { step, example }: Place,
  ) {
    this.#options = options;
    this.#files = files;
    this.#counts = counts;
    this.#assembler = new BatchAssembler(options);
    const total = counts.reduce((sum, count) => sum + count, 0);
    this.#epoch = Math.floor(example / total);
    this.#skip = example % total;
    this.#step = step;
  }

  async next(): Promise<ExampleBatch> {
    const batch = this.#assembler.empty(this.#step++);
    while (batch.examples < this.#options.batchSize) {
      this.#examples ??= await this.#openEpoch();
      const record = await this.#examples.next();
      if (record === undefined) {
        await this.#examples.close();
        this.#examples = undefined;
        this.#epoch++;
        this.#skip = 0;
      } else this.#assembler.add(batch, record.data, () => record.where);
    }
    return batch;
  }

  async close(): Promise<void> {
    await this.#examples?.close();
  }

  #openEpoch(): Promise<EpochStream> {
    const { seed, shuffleBuffer = 2048 } = this.#options;
    const order = new EpochOrder(this.#counts, seed, this.#epoch, shuffleBuffer);
    return EpochStream.open(this.#files, order, this.#skip);
  }
}

/** The files of a source and how many examples each has; an error if there is none at all. */
async function openSource(source: ExampleSource): Promise<{ files: string[]; counts: number[] }> {
  const files = await expandPatterns(source.files);
  const counts = await countExamples(files);
  if (counts.every((count) => count === 0)) {
    throw new PipelineError(`${source.files}: the files hold no examples; build them again`);
  }
  return { files, counts };
}

/** Random batches without end, each epoch visiting every example once; see the top of this file. */
export class ExampleLoader {
  readonly #options: LoaderOptions;
  #source: Promise<{ files: string[]; counts: number[] }> | undefined;
  #place: Place = { step: 0, example: 0 };
  #stream: BatchStream | undefined;
  #ahead: Promise<ExampleBatch>[] = [];
  /** The batch begun last: the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  /** Opens nothing yet; faults of the files surface in {@linkcode open} or {@linkcode next}. */
  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Number of the batch that {@linkcode next} gives next. */
  get position(): number {
    return this.#place.step;
  }

  /** Examples in the batches before that. */
  get examples(): number {
    return this.#place.example;
  }

  /**
   * Finds the files and counts their examples. Throws a PipelineError for a folder or file that is
   * missing, damaged or empty.
   */
  async open(): Promise<{ files: string[]; examples: number }> {
    this.#source ??= openSource(this.#options);
    const { files, counts } = await this.#source;
    return { files, examples: counts.reduce((sum, count) => sum + count, 0) };
  }

  /**
   * Makes batch number `step` the next one.
   *
   * @param example examples before it, where the batches before it had another size.
   */
  async seek(step: number, example: number = step * this.#options.batchSize): Promise<void> {
    await this.close();
    this.#place = { step, example };
  }

  /**
   * The next batch. Throws a PipelineError for a record that is damaged, of another length than
   * maxSeqLength, or with ids outside the vocabulary, naming file and record.
   */
  async next(): Promise<ExampleBatch> {
    await this.open();
    if (this.#stream === undefined) {
      const { files, counts } = await this.#source!;
      this.#stream = new BatchStream(this.#options, files, counts, this.#place);
    }
    this.#fillAhead(this.#stream);
    const batch = await this.#ahead.shift()!;
    const { batchSize } = this.#options;
    this.#place = { step: batch.step + 1, example: this.#place.example + batchSize };
    this.#fillAhead(this.#stream);
    return batch;
  }

  /** Closes the files; {@linkcode next} opens them again where it stopped. */
  async close(): Promise<void> {
    this.#ahead = [];
    await Promise.allSettled([this.#last]);
    this.#last = Promise.resolve();
    await this.#stream?.close();
    this.#stream = undefined;
  }

  #fillAhead(stream: BatchStream): void {
    const { prefetch = 2 } = this.#options;
    while (this.#ahead.length < Math.max(1, prefetch)) {
      const batch = this.#last.then(() => stream.next());
      // A fault is thrown by the `next` whose turn it is.
      batch.catch(() => {});
      this.#last = batch;
      this.#ahead.push(batch);
    }
  }
}

/**
 * All examples of the files once, in file order, for evaluation: the same for every call. The
 * last batch may be short of examples; its `examples` says how many rows are real. Throws as
 * {@linkcode ExampleLoader.next} does.
 */
export async function* readBatches(source: ExampleSource): AsyncGenerator<ExampleBatch> {
  const { files } = await openSource(source);
  const assembler = new BatchAssembler(source);
  let batch = assembler.empty(0);
  for (const file of files) {
    const reader = await RecordReader.open(file);
    try {
      for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
        assembler.add(batch, record, () => reader.describeLast());
        if (batch.examples < source.batchSize) continue;
        yield batch;
        batch = assembler.empty(batch.step + 1);
      }
    } finally {
      await reader.close();
    }
  }
  if (batch.examples > 0) yield batch;
}
