/**
 * The order in which an epoch visits its examples, as TensorFlow's reader of the original would:
 * files in random order, four of them open at a time and read in turn, then a buffer from which
 * examples are drawn at random. All of it is a function of (seed, epoch) and of how many examples
 * each file has, so any place in it can be found again without reading what came before.
 */

import { Random } from "./random.ts";

/** An example by where it lies. */
export interface ExampleRef {
  /** Index of its file. */
  file: number;
  /** Its record in that file, from 0 on. */
  record: number;
}

/** How many files are read in turn. */
const OPEN_FILES = 4;

/** Walks the files of one epoch, several in turn. */
class Interleaver {
  readonly #counts: readonly number[];
  readonly #files: number[];
  readonly #open: ExampleRef[] = [];
  #turn = 0;

  constructor(counts: readonly number[], random: Random) {
    this.#counts = counts;
    // Empty files have nothing to take a turn with.
    this.#files = random.shuffle([...counts.keys()].filter((file) => counts[file] > 0)).reverse();
  }

  /** The files that have begun and not ended. */
  get openFiles(): number[] {
    return this.#open.map(({ file }) => file);
  }

  next(): ExampleRef | undefined {
    while (this.#open.length < OPEN_FILES && this.#files.length > 0) {
      this.#open.push({ file: this.#files.pop()!, record: 0 });
    }
    if (this.#open.length === 0) return undefined;
    this.#turn %= this.#open.length;
    const cursor = this.#open[this.#turn];
    const { file, record } = cursor;
    cursor.record++;
    if (cursor.record === this.#counts[file]) this.#open.splice(this.#turn, 1);
    else this.#turn++;
    return { file, record };
  }
}

/** One epoch's order: each example of every file exactly once. */
export class EpochOrder {
  readonly #source: Interleaver;
  readonly #random: Random;
  readonly #bufferSize: number;
  readonly #buffer: ExampleRef[] = [];

  /**
   * The order of epoch `epoch` under `seed` over files of `counts` examples, drawn through a
   * buffer of `bufferSize` examples.
   */
  constructor(counts: readonly number[], seed: number, epoch: number, bufferSize: number) {
    this.#source = new Interleaver(counts, new Random(seed, `files of epoch ${epoch}`));
    this.#random = new Random(seed, `examples of epoch ${epoch}`);
    this.#bufferSize = bufferSize;
  }

  /** The examples that are in the buffer now, in no particular order. */
  get buffered(): readonly ExampleRef[] {
    return this.#buffer;
  }

  /** The files that have been begun and not read to their end. */
  get openFiles(): number[] {
    return this.#source.openFiles;
  }

  /**
   * Puts the next example into the buffer and returns it; undefined if the buffer is full or the
   * files have ended.
   */
  pull(): ExampleRef | undefined {
    if (this.#buffer.length >= this.#bufferSize) return undefined;
    const ref = this.#source.next();
    if (ref !== undefined) this.#buffer.push(ref);
    return ref;
  }

  /** Draws an example; the buffer must be full, or the files at their end. Undefined after it. */
  draw(): ExampleRef | undefined {
    if (this.#buffer.length === 0) return undefined;
    const place = this.#random.integer(0, this.#buffer.length - 1);
    const drawn = this.#buffer[place];
    this.#buffer[place] = this.#buffer[this.#buffer.length - 1];
    this.#buffer.pop();
    return drawn;
  }

  /** Passes over the first `count` examples of the epoch. */
  skip(count: number): void {
    for (let i = 0; i < count; i++) {
      while (this.pull() !== undefined);
      this.draw();
    }
  }
}
