/**
 * Locks on what a task writes or reads, so that no second run changes it meanwhile.
 *
 * Whoever uses a file or folder puts a small file near it, `.kohaku-locks/NAME-…`, that says who it is, and
 * then looks at the others that are there: a writer suffers nobody else, readers suffer each other, and so do
 * the shards of one work. Who meets an unsuitable one withdraws. Because every holder has a file of its own,
 * making and removing it are the only steps, which any file system does whole, those of a network too.
 *
 * A holder that was killed leaves its file. On the same machine, the system tells whether it lives: it
 * keeps its file locked. On other machines, and where files cannot be locked, it is dead when it has not
 * renewed its file for a while.
 *
 * @module
 */

import { basename, dirname, join } from "@std/path/mod.js";
import * as v from "valibot";
import { PipelineError } from "./errors.ts";
import { count, type Schema } from "./wire/json.ts";

/** How something is used. */
export interface LockUse {
  /** The task, as it is called after `deno task`. */
  readonly task: string;
  /** Whether it is changed. */
  readonly mode: "write" | "read";
  /** Which share of a work that several runs do together; `of` tells one work from another. */
  readonly share?: { readonly index: number; readonly count: number; readonly of: string };
}

/** What a lock file says. */
interface Holder extends LockUse {
  /** Whether it has looked at the others and stays; else it may be about to withdraw. */
  readonly settled: boolean;
  readonly pid: number;
  readonly host: string;
  /** When it began, in ISO 8601. */
  readonly since: string;
}

const holderSchema: Schema<Holder> = v.object({
  task: v.string(),
  mode: v.picklist(["read", "write"]),
  share: v.optional(v.object({ index: count, count, of: v.string() })),
  settled: v.boolean(),
  pid: count,
  host: v.string(),
  since: v.string(),
});

/** How often a holder renews its file. */
const RENEW_MS = 20_000;

/** A holder of another machine that has not renewed its file for so long is dead. */
const DEAD_AFTER_MS = 5 * 60_000;

/** Lock files are filled up to this, so that one can be written over another. */
const HOLDER_LENGTH = 4000;

/** Two that begin at the same moment both withdraw and try again, after a time left to chance. */
const ATTEMPTS = 8;

/** Locks of this process: an exit in the middle of work gives them back as well. */
const held = new Set<Lock>();
globalThis.addEventListener("unload", () => held.forEach((lock) => lock.release()));

/** A lock that is held until it is released, or the process ends. */
export class Lock implements Disposable {
  readonly #path: string | undefined;
  readonly #file: Deno.FsFile | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  readonly #lost = new AbortController();
  #holder: Holder;

  /** @param path of the lock file; undefined where none can be made. */
  private constructor(holder: Holder, path?: string, file?: Deno.FsFile) {
    this.#holder = holder;
    this.#path = path;
    this.#file = file;
    if (path === undefined) return;
    const timer = setInterval(() => this.#renew(path), RENEW_MS);
    Deno.unrefTimer(timer);
    this.#timer = timer;
    held.add(this);
  }

  /** Aborts when another machine has taken this process for dead, such as after a long sleep. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Puts down a lock file, seen under its name once it is written and locked. */
  static async place(target: string, use: LockUse): Promise<Lock> {
    const since = new Date().toISOString();
    const holder: Holder = { ...use, settled: false, pid: Deno.pid, host: host(), since };
    const path = lockPrefix(target) + crypto.randomUUID().slice(0, 13);
    const draft = `${path}.part`;
    let file: Deno.FsFile | undefined;
    try {
      file = await createIn(lockFolder(target), draft, use.mode === "write");
      // Where files cannot be locked, the time of the last renewal must do.
      await file.tryLock(true).catch(() => false);
      writeHolder(file, holder);
      await Deno.rename(draft, path);
      return new Lock(holder, path, file);
    } catch (error) {
      file?.close();
      if (file !== undefined) await Deno.remove(draft).catch(() => {});
      // What is not there, or nobody may write, needs no lock to be read.
      if (use.mode === "read" && mayNotBeWritten(error)) return new Lock(holder);
      throw error;
    }
  }

  /** Another that lives and with which this use does not go; files of the dead are removed. */
  async rival(target: string): Promise<Rival | undefined> {
    if (this.#path === undefined) return undefined;
    const prefix = lockPrefix(target), folder = dirname(prefix);
    const now = await timeOf(this.#path);
    for (const { name } of [...Deno.readDirSync(folder)]) {
      const path = join(folder, name);
      if (!path.startsWith(prefix) || path === this.#path) continue;
      const holder = await readHolder(path);
      if (holder === undefined) continue;
      const age = now - await timeOf(path);
      if (!await isAlive(path, holder, age)) await Deno.remove(path).catch(() => {});
      else if (!name.endsWith(".part") && !suits(this.#holder, holder)) return { holder, path };
    }
    return undefined;
  }

  /** Says that this one stays. */
  settle(): void {
    this.#change({ settled: true });
  }

  /** Turns a writer's lock into a reader's. */
  share(): void {
    this.#change({ mode: "read" });
  }

  /** Gives the lock back. */
  release(): void {
    if (!held.delete(this)) return;
    clearInterval(this.#timer);
    // Somebody may have removed the file; the folder may hold other locks.
    for (const path of [this.#path!, dirname(this.#path!)]) {
      try {
        Deno.removeSync(path);
      } catch {
        continue;
      }
    }
    this.#file?.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #change(what: Partial<Holder>): void {
    this.#holder = { ...this.#holder, ...what };
    if (this.#file) writeHolder(this.#file, this.#holder);
  }

  #renew(path: string): void {
    try {
      Deno.statSync(path);
      this.#change({});
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return;
      this.#lost.abort(new PipelineError(`${path} was removed: another run may be at work there`));
    }
  }
}

/** One in the way, and its lock file. */
interface Rival {
  readonly holder: Holder;
  readonly path: string;
}

/**
 * Locks a file or folder, which need not be there yet.
 *
 * @throws {PipelineError} saying who uses it, when that does not go together.
 */
export async function lock(path: string, use: LockUse): Promise<Lock> {
  const target = await resolve(path);
  for (let attempt = 1;; attempt++) {
    const mine = await Lock.place(target, use);
    let rival: Rival | undefined;
    try {
      rival = await mine.rival(target);
      if (rival === undefined) {
        mine.settle();
        return mine;
      }
    } catch (error) {
      mine.release();
      throw error;
    }
    mine.release();
    if (rival.holder.settled || attempt === ATTEMPTS) throw refusal(path, use, rival);
    await new Promise((resolve) => setTimeout(resolve, 20 + 150 * Math.random()));
  }
}

function refusal(
  path: string,
  use: LockUse,
  { holder, path: file }: Rival,
): PipelineError {
  const elsewhere = holder.host !== host();
  const what = holder.mode === "read" && use.mode === "write" ? "reading" : "writing";
  return new PipelineError(
    `${path}: \`deno task ${holder.task}\` is ${what} there (process ${holder.pid} on ` +
      `${holder.host}, since ${holder.since}); wait for its end or stop it` +
      (elsewhere ? `, or remove ${file} if that machine is gone` : ""),
  );
}

/** Whether two uses go together. */
function suits(a: LockUse, b: LockUse): boolean {
  if (a.mode === "read" && b.mode === "read") return true;
  if (a.share === undefined || b.share === undefined) return false;
  return a.share.of === b.share.of && a.share.count === b.share.count &&
    a.share.index !== b.share.index;
}

/** Whether the process that made a lock file still runs. */
async function isAlive(path: string, holder: Holder, age: number): Promise<boolean> {
  if (holder.host === host()) {
    try {
      using file = await Deno.open(path, { read: true });
      return !await file.tryLock(false);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
    }
  }
  return age < DEAD_AFTER_MS;
}

/** Reads a lock file; undefined where it is gone. One that is not written yet is of no known machine. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const unknown: Holder = {
    settled: false,
    task: "?",
    mode: "write",
    pid: 0,
    host: "",
    since: "?",
  };
  try {
    const holder = v.safeParse(holderSchema, JSON.parse(await Deno.readTextFile(path)));
    return holder.success ? holder.output : unknown;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? undefined : unknown;
  }
}

/** When a file was last written, by the clock of its disk. */
async function timeOf(path: string): Promise<number> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.mtime?.getTime() ?? 0;
}

/** The folder of the lock files of a target and of what lies beside it. */
export function lockFolder(target: string): string {
  return join(dirname(target), ".kohaku-locks");
}

/** How the lock files of a target begin. */
function lockPrefix(target: string): string {
  return join(lockFolder(target), `${basename(target)}-lock-`);
}

/** Creates a lock file in a folder which another process may remove meanwhile, when it is empty. */
async function createIn(folder: string, path: string, deep: boolean): Promise<Deno.FsFile> {
  for (let attempt = 1;; attempt++) {
    await Deno.mkdir(folder, { recursive: deep }).catch((error) => {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    });
    try {
      return await Deno.open(path, { write: true, createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The same name for the same thing, also where a link leads to it. */
async function resolve(path: string): Promise<string> {
  const whole = path.startsWith("/") ? path : join(Deno.cwd(), path);
  return await Deno.realPath(whole).catch(async () => {
    const folder = await Deno.realPath(dirname(whole)).catch(() => dirname(whole));
    return join(folder, basename(whole));
  });
}

function writeHolder(file: Deno.FsFile, holder: Holder): void {
  const content = new TextEncoder().encode(JSON.stringify(holder).padEnd(HOLDER_LENGTH) + "\n");
  file.seekSync(0, Deno.SeekMode.Start);
  for (let at = 0; at < content.length;) at += file.writeSync(content.subarray(at));
}

function mayNotBeWritten(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable ||
    (error as { code?: unknown }).code === "EROFS";
}

/** The machine's name; without the permission to know it, all are taken for one. */
function host(): string {
  try {
    return Deno.hostname();
  } catch {
    return "?";
  }
}
