/**
 * The curves of a run, read from its `metrics.jsonl` while training writes it.
 *
 * A log of a million lines is thinned as it is read: lines are found as bytes, and of the usual ones only every
 * n-th is parsed, so that about {@link POINTS} remain. Lines that begin otherwise than most (evaluations, marks)
 * are all parsed.
 */

import { anyObject, parseJson } from "../../pipeline/wire/json.ts";

/** Points of training that are kept at least, where the log has as many; twice as many at most. */
const POINTS = 4000;

/** Bytes read at a time. */
const CHUNK_BYTES = 1 << 22;

/** A line longer than this is no metrics. */
const LONGEST_LINE = 1 << 20;

const NEWLINE = 10, COMMA = 44;

/** Numbers over steps; a series has null where its line had no number. */
export interface CurveTable {
  /** Steps, rising. */
  readonly step: number[];
  /** A value for each step, by the names of the log. */
  readonly values: Record<string, (number | null)[]>;
}

/** What was new in a log. */
export interface NewPoints {
  /** Whether the log was begun anew, so that what was known before is void. */
  readonly reset: boolean;
  /** Points of training. */
  readonly train: CurveTable;
  /** Points of evaluations on held-out text. */
  readonly held: CurveTable;
  /** Lines that were no metrics. */
  readonly damaged: number;
}

/** Follows one log. */
export class CurveReader {
  readonly #path: string;
  #offset = 0;
  #modified = 0;
  #rest = new Uint8Array();
  #usual: Uint8Array | undefined;
  #stride = 1;
  #line = 0;

  /**
   * @param path of `metrics.jsonl`; it may not exist yet.
   * @param offset the byte from which on its lines are new.
   */
  constructor(path: string, offset = 0) {
    this.#path = path;
    this.#offset = offset;
  }

  /** The byte up to which the log has been read, whole lines alone. */
  get offset(): number {
    return this.#offset - this.#rest.length;
  }

  /** Reads what was written since the last call; the first call reads all. */
  async read(): Promise<NewPoints> {
    const found = { reset: false, train: emptyTable(), held: emptyTable(), damaged: 0 };
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      found.reset = this.#offset > 0;
      this.#forget();
      return found;
    }
    try {
      const { size, mtime } = await file.stat();
      const modified = mtime?.getTime() ?? 0;
      // A resumed run cuts its log back, so a shorter file is another one.
      if (size < this.#offset) {
        found.reset = true;
        this.#forget();
      }
      if (size === this.#offset && modified === this.#modified) return found;
      this.#modified = modified;
      await file.seek(this.#offset, Deno.SeekMode.Start);
      await this.#readFrom(file, size, found);
    } finally {
      file.close();
    }
    return found;
  }

  #forget(): void {
    this.#offset = 0;
    this.#line = 0;
    this.#stride = 1;
    this.#rest = new Uint8Array();
    this.#usual = undefined;
  }

  async #readFrom(
    file: Deno.FsFile,
    size: number,
    found: { train: CurveTable; held: CurveTable; damaged: number },
  ): Promise<void> {
    const decoder = new TextDecoder();
    const unread = size - this.#offset;
    const take = (bytes: Uint8Array): void => {
      if (bytes.length === 0) return;
      if (!this.#isWanted(bytes, unread)) return;
      if (!addLine(decoder.decode(bytes), found)) found.damaged++;
    };
    const chunk = new Uint8Array(CHUNK_BYTES);
    while (this.#offset < size) {
      const count = await file.read(chunk.subarray(0, Math.min(CHUNK_BYTES, size - this.#offset)));
      if (!count) break;
      this.#offset += count;
      const bytes = chunk.subarray(0, count);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        const line = bytes.subarray(start, end);
        take(this.#rest.length > 0 ? joined(this.#rest, line) : line);
        if (this.#rest.length > 0) this.#rest = new Uint8Array();
        start = end + 1;
      }
      if (this.#rest.length + count - start > LONGEST_LINE) {
        found.damaged++;
        this.#rest = new Uint8Array();
      } else if (start < count) {
        this.#rest = joined(this.#rest, bytes.subarray(start));
      }
    }
  }

  /** Of lines that begin as the first does every n-th, and all others. */
  #isWanted(line: Uint8Array, unread: number): boolean {
    const key = secondKey(line);
    if (!this.#usual) {
      this.#usual = key.slice();
      this.#stride = Math.max(1, Math.floor(unread / (line.length + 1) / POINTS));
    }
    if (!equal(key, this.#usual)) return true;
    return this.#line++ % this.#stride === 0;
  }
}

/** The bytes behind a line's first comma, as many as tell its kind. */
function secondKey(line: Uint8Array): Uint8Array {
  const comma = line.indexOf(COMMA);
  return comma < 0 ? line.subarray(0, 8) : line.subarray(comma + 1, comma + 9);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

/** An empty table. */
export function emptyTable(): CurveTable {
  return { step: [], values: {} };
}

/** Adds a line's numbers; whether it was metrics. */
function addLine(text: string, { train, held }: { train: CurveTable; held: CurveTable }): boolean {
  let line: Record<string, unknown>;
  try {
    line = parseJson(anyObject, text, Error);
  } catch {
    return false;
  }
  const { step, eval: evaluation, ...numbers } = line;
  if (typeof step !== "number" || !Number.isFinite(step)) return false;
  if (typeof evaluation === "object" && evaluation !== null) addRow(held, step, evaluation);
  else addRow(train, step, numbers);
  return true;
}

function addRow({ step: steps, values }: CurveTable, step: number, numbers: object): void {
  const row = steps.push(step) - 1;
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== "number" && value !== null) continue;
    const series = values[name] ??= new Array(row).fill(null);
    series[row] = value;
  }
  for (const series of Object.values(values)) if (series.length === row) series.push(null);
}

/** Joins what is new to what is known, and thins the whole where it has grown to twice its size. */
export function extend(known: CurveTable, more: CurveTable): void {
  const rows = known.step.length;
  known.step.push(...more.step);
  for (const name of new Set([...Object.keys(known.values), ...Object.keys(more.values)])) {
    const series = known.values[name] ??= new Array(rows).fill(null);
    const added = more.values[name] ?? new Array(more.step.length).fill(null);
    for (const value of added) series.push(value);
  }
  if (known.step.length < 2 * POINTS) return;
  const every = Math.ceil(known.step.length / POINTS);
  const kept = <T>(all: T[]): void => {
    const thinned = all.filter((_, i) => i % every === 0 || i === all.length - 1);
    all.splice(0, all.length, ...thinned);
  };
  kept(known.step);
  for (const series of Object.values(known.values)) kept(series);
}
