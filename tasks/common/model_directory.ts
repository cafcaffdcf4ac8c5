/** Where a model lives: `DATA/models/NAME` with its configuration, checkpoints and metrics. */

import { join } from "@std/path/mod.js";
import { CHECKPOINT_FILES, type CheckpointFiles } from "../../model/files/checkpoint.ts";
import { ModelError } from "../../model/errors.ts";
import { writeFileAtomic } from "./files.ts";

const CHECKPOINT = /^step-(\d{8,})$/;

/** The folder of one model. */
export class ModelDirectory {
  /** Its path. */
  readonly path: string;

  /** @param path `DATA/models/NAME`. */
  constructor(path: string) {
    this.path = path;
  }

  /** Makes the folders. */
  async create(): Promise<void> {
    await Deno.mkdir(join(this.path, "checkpoints"), { recursive: true });
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
    try {
      for await (const { name, isDirectory } of Deno.readDir(this.file("checkpoints"))) {
        const match = CHECKPOINT.exec(name);
        if (isDirectory && match) steps.push(Number(match[1]));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return steps.sort((a, b) => a - b);
  }

  /** The folder of a step's checkpoint. */
  checkpoint(step: number): string {
    return join(this.path, "checkpoints", `step-${String(step).padStart(8, "0")}`);
  }

  /** Writes a checkpoint: seen under its name once it is whole. Keeps the newest `most` (0: all). */
  async save(step: number, files: CheckpointFiles, most: number): Promise<void> {
    const folder = this.checkpoint(step), part = `${folder}.part`;
    await Deno.remove(part, { recursive: true }).catch(() => {});
    await Deno.mkdir(part, { recursive: true });
    for (const [name, bytes] of files) await writeFileAtomic(join(part, name), bytes);
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.rename(part, folder);
    const steps = await this.steps();
    for (const old of most > 0 ? steps.slice(0, -most) : []) {
      await Deno.remove(this.checkpoint(old), { recursive: true });
    }
  }

  /**
   * Reads a checkpoint.
   *
   * @throws {ModelError} when one of its files is missing.
   */
  async load(step: number): Promise<CheckpointFiles> {
    const folder = this.checkpoint(step);
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const name of CHECKPOINT_FILES) {
      const path = join(folder, name);
      const bytes = await Deno.readFile(path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        throw new ModelError(`${path} is missing; remove ${folder} to use an older checkpoint`);
      });
      files.set(name, bytes);
    }
    return files;
  }

  /**
   * The step of "latest" or of a number.
   *
   * @throws {ModelError} naming the checkpoints there are.
   */
  async find(which: string): Promise<number> {
    const steps = await this.steps();
    const step = which === "latest" ? steps.at(-1) : steps.find((one) => String(one) === which);
    if (step !== undefined) return step;
    throw new ModelError(
      `${this.path} has no checkpoint ${which}; ` +
        (steps.length > 0 ? `there are ${steps.join(", ")}` : "pre-train it first"),
    );
  }
}
