/** TensorBoard's event file of a run: `events.out.tfevents.TIME.kohaku` beside `metrics.jsonl`. */

import { join } from "@std/path/mod.js";
import { ModelError } from "../../model/errors.ts";
import {
  encodeEvent,
  encodeFileVersion,
  encodeHparams,
  type HparamValue,
  stepOfEvent,
  type Summary,
} from "../../model/files/tensorboard/event.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { namesIn } from "../../pipeline/own_files.ts";
import { RecordReader } from "../../pipeline/tfrecord/reader.ts";
import { FRAME_BYTES, RecordBuffer } from "../../pipeline/tfrecord/writer.ts";

const NAME = /^events\.out\.tfevents\.\d+\.kohaku$/;

/** Appends events to a run's file. */
export class EventLog {
  /** Its file. */
  readonly path: string;
  readonly #tell: (line: string) => void;
  readonly #waiting = new RecordBuffer();
  /** Bytes of the file that are whole. */
  #size: number;
  #failing = false;

  private constructor(path: string, size: number, tell: (line: string) => void) {
    this.path = path;
    this.#size = size;
    this.#tell = tell;
  }

  /**
   * Opens the file of a run's folder, or begins one. What it says of steps after `step` is of a run that was
   * not saved, and goes, with all that is behind damage.
   */
  static async open(
    folder: string,
    step: number,
    hparams: Readonly<Record<string, HparamValue>>,
    tell: (line: string) => void = console.error,
  ): Promise<EventLog> {
    const name = (await namesIn(folder)).filter((name) => NAME.test(name)).sort().at(-1);
    const seconds = now();
    const path = join(folder, name ?? `events.out.tfevents.${Math.floor(seconds)}.kohaku`);
    const size = name === undefined ? 0 : await wholeUpTo(path, step, tell);
    if (name !== undefined) await Deno.truncate(path, size);
    const log = new EventLog(path, size, tell);
    if (size === 0) {
      await log.#append(encodeFileVersion(seconds));
      await log.#append(encodeHparams(seconds, hparams));
    }
    return log;
  }

  /** Appends what is known of a step. Where that fails, as on a full disk, it waits for the next one. */
  async add(step: number, summaries: readonly Summary[]): Promise<void> {
    if (summaries.length > 0) await this.#append(encodeEvent(now(), step, summaries));
  }

  async #append(event: Uint8Array): Promise<void> {
    this.#waiting.append(event);
    const bytes = this.#waiting.bytes;
    try {
      await Deno.writeFile(this.path, bytes, { append: true });
      this.#size += bytes.length;
      this.#waiting.take();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.#tell(`${this.path}: ${(error as Error).message}; its events wait in memory`);
      }
      this.#failing = true;
      // Part of it may be in.
      await Deno.truncate(this.path, this.#size).catch(() => {});
    }
  }
}

function now(): number {
  return Date.now() / 1000;
}

/** The bytes of a file up to its first event of a later step, or its first damage. */
async function wholeUpTo(
  path: string,
  step: number,
  tell: (line: string) => void,
): Promise<number> {
  const reader = await RecordReader.open(path);
  let bytes = 0;
  try {
    for (let event = await reader.next(); event; event = await reader.next()) {
      if (stepOfEvent(event, reader.describeLast()) > step) break;
      bytes += event.length + FRAME_BYTES;
    }
  } catch (error) {
    if (!(error instanceof PipelineError || error instanceof ModelError)) throw error;
    tell(`${error.message}; events from there on are left out`);
  } finally {
    await reader.close();
  }
  return bytes;
}
