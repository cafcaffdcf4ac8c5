/** Where a model lives: `DATA/models/NAME` with its configuration, checkpoints and metrics. */

import { join } from "@std/path/mod.js";
import {
  CHECKPOINT_FILES,
  type CheckpointFiles,
  decodeCheckpointState,
} from "../../model/files/checkpoint.ts";
import { ModelError } from "../../model/errors.ts";
import { type Lock, lock } from "../../pipeline/lock.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint_folder.ts";
import { UsageError } from "./command.ts";
import { writeFileAtomic } from "./files.ts";

const CHECKPOINT = /^step-(\d{8,})$/;
const LEFT_OVER = /^step-\d{8,}\.part$/;

/** A checkpoint that can be used, and what was wrong with newer ones. */
export interface GoodCheckpoint {
  /** Updates done. */
  readonly step: number;
  /** Its files. */
  readonly files: CheckpointFiles;
  /** Steps of newer ones that are damaged, and why, one line each. */
  readonly damaged: ReadonlyMap<number, string>;
}

/** The folder of one model. */
export class ModelDirectory {
  /** Its path. */
  readonly path: string;
  readonly #saved = new Set<number>();

  /** @param path `DATA/models/NAME`. */
  constructor(path: string) {
    this.path = path;
  }

  /**
   * The folder of the model called `name`.
   *
   * @throws {UsageError} for a name that is none of a single folder.
   */
  static of(dataDir: string, name: string): ModelDirectory {
    if (/^[^./\\\0][^/\\\0]*$/.test(name)) return new ModelDirectory(join(dataDir, "models", name));
    throw new UsageError(
      `--model-name ${JSON.stringify(name)}: a name of one folder is needed, without / and not ` +
        "beginning with a dot, such as electra",
    );
  }

  /** Makes the folders. */
  async create(): Promise<void> {
    await Deno.mkdir(join(this.path, "checkpoints"), { recursive: true });
  }

  /**
   * Keeps every other run from changing the model until the lock is released.
   *
   * @throws {PipelineError} saying who is at work there.
   */
  async lock(task: string): Promise<Lock> {
    return await lock(this.path, { task, mode: "write" });
  }

  /** A file of the model. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file of the model whole. */
  async write(name: string, content: Uint8Array | string): Promise<void> {
    await writeFileAtomic(this.file(name), content);
  }

  /** Steps that have a checkpoint, rising. */
  async steps(): Promise<number[]> {
    const steps: number[] = [];
    for (const name of await this.#folders()) {
      const match = CHECKPOINT.exec(name);
      if (match) steps.push(Number(match[1]));
    }
    return steps.sort((a, b) => a - b);
  }

  /** The folder of a step's checkpoint. */
  checkpoint(step: number): string {
    return join(this.path, "checkpoints", `step-${String(step).padStart(8, "0")}`);
  }

  /**
   * Writes a checkpoint: seen under its name once it is whole and on the disk; one that is whole already is
   * kept as it is. Only then older ones go that need not be kept, and what a run that was killed had begun.
   *
   * @param most newest checkpoints that are kept; 0 keeps all.
   * @param everyHours of older ones the first is kept, and each so many hours after the last one kept; with 0
   * none is.
   * @throws {ModelError} when weights or moments are not finite.
   * @throws {PipelineError} when the disk is full.
   */
  async save(
    step: number,
    files: CheckpointFiles,
    most: number,
    everyHours: number = 0,
  ): Promise<void> {
    if (this.#saved.has(step)) return;
    await writeCheckpoint(this.checkpoint(step), files);
    this.#saved.add(step);
    const steps = (await this.steps()).filter((one) => one <= step);
    let lastKept = -Infinity;
    for (const old of most > 0 ? steps.slice(0, -most) : []) {
      if (everyHours > 0) {
        const hours = await this.#writtenAt(old) / 3_600_000;
        if (hours - lastKept >= everyHours) {
          lastKept = hours;
          continue;
        }
      }
      await Deno.remove(this.checkpoint(old), { recursive: true });
    }
    for (const name of (await this.#folders()).filter((name) => LEFT_OVER.test(name))) {
      await Deno.remove(join(this.path, "checkpoints", name), { recursive: true });
    }
  }

  /**
   * Reads a checkpoint and checks every byte of it.
   *
   * @throws {ModelError} saying what is missing or damaged.
   */
  async load(step: number): Promise<CheckpointFiles> {
    const folder = this.checkpoint(step);
    const files = await readCheckpoint(folder);
    const missing = CHECKPOINT_FILES.find((name) => !files.has(name));
    if (missing !== undefined) throw new ModelError(`${folder}: its manifest names no ${missing}`);
    const said = decodeCheckpointState(files, folder).step;
    if (said === step) return files;
    throw new ModelError(`${folder}/state.json is of step ${said}, which is not the folder's`);
  }

  /**
   * The newest checkpoint that can be used; undefined where there is none at all.
   *
   * @throws {ModelError} when all there are are damaged, saying what is wrong with each.
   */
  async newestGood(): Promise<GoodCheckpoint | undefined> {
    const damaged = new Map<number, string>();
    for (const step of (await this.steps()).reverse()) {
      try {
        return { step, files: await this.load(step), damaged };
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        damaged.set(step, error.message);
      }
    }
    if (damaged.size === 0) return undefined;
    throw new ModelError(
      `${this.path} has no checkpoint that can be used: ${[...damaged.values()].join("; ")}`,
    );
  }

  /** Gives a damaged checkpoint another name, so that it is not in the way; returns its path. */
  async setAside(step: number): Promise<string> {
    const aside = `${this.checkpoint(step)}.damaged`;
    await Deno.remove(aside, { recursive: true }).catch(() => {});
    await Deno.rename(this.checkpoint(step), aside);
    return aside;
  }

  /**
   * The step of "latest" or of a number; `tell` hears of damaged ones that latest skips.
   *
   * @throws {ModelError} naming the checkpoints there are.
   */
  async find(which: string, tell: (line: string) => void = console.error): Promise<number> {
    if (which === "latest") {
      const good = await this.newestGood();
      for (const what of good?.damaged.values() ?? []) tell(`passed over: ${what}`);
      if (good !== undefined) return good.step;
    }
    const steps = await this.steps();
    const step = steps.find((one) => String(one) === which);
    if (step !== undefined) return step;
    throw new ModelError(
      `${this.path} has no checkpoint ${which}; ` +
        (steps.length > 0 ? `there are ${steps.join(", ")}` : "pre-train it first"),
    );
  }

  /** When a checkpoint was written, in milliseconds since 1970. */
  async #writtenAt(step: number): Promise<number> {
    const { mtime } = await Deno.stat(join(this.checkpoint(step), "manifest.json"));
    return mtime?.getTime() ?? 0;
  }

  /** Names of folders among the checkpoints, also where a link leads to them. */
  async #folders(): Promise<string[]> {
    const names: string[] = [];
    try {
      for await (const { name, isDirectory, isSymlink } of Deno.readDir(this.file("checkpoints"))) {
        if (isDirectory) names.push(name);
        else if (isSymlink) {
          const target = await Deno.stat(join(this.file("checkpoints"), name)).catch(() =>
            undefined
          );
          if (target?.isDirectory) names.push(name);
        }
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return names;
  }
}
