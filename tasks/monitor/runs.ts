/** The runs below a folder: every folder that holds a `metrics.jsonl`, of pre-training and fine-tuning. */

import { join } from "@std/path/mod.js";
import { anyObject, parseJson } from "../../pipeline/wire/json.ts";
import { CurveReader, type CurveTable, emptyTable, extend } from "./curves.ts";

/** Folders below the models' folder in which runs are looked for: NAME/finetuning_models/TASK_TRIAL. */
const DEEPEST = 3;

/** Seconds without a write after which a run counts as ended. */
const QUIET_SECONDS = 120;

/** Largest file beside the metrics that is shown. */
const LARGEST_FILE = 1 << 22;

/** A run as the list shows it. */
export interface RunSummary {
  /** Its folder below the models' folder, such as "electra/finetuning_models/jsts_1". */
  readonly id: string;
  /** When its log was last written, in milliseconds since 1970; 0 before its first line. */
  readonly updated: number;
  /** Whether it has been written lately. */
  readonly live: boolean;
}

/** All that is known of a run. */
export interface RunDetails extends RunSummary {
  /** `config.json`, where it can be read. */
  readonly config: unknown;
  /** `samples.json`: corrupted sentences and what the model makes of them. */
  readonly samples: unknown;
  /** Training. */
  readonly train: CurveTable;
  /** Evaluations. */
  readonly held: CurveTable;
  /** Lines of the log that are no metrics. */
  readonly damaged: number;
  /** The byte of the log up to which this is known; follow it from there. */
  readonly offset: number;
}

interface Run {
  readonly reader: CurveReader;
  train: CurveTable;
  held: CurveTable;
  damaged: number;
}

/** Finds runs, reads them, and follows them. Nothing outside of the folder is read. */
export class Runs {
  readonly #folder: string;
  readonly #open = new Map<string, Run>();
  #reading: Promise<unknown> = Promise.resolve();

  /** @param folder of models; it may not exist yet. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The runs there are, the latest written first. */
  async list(): Promise<RunSummary[]> {
    const found: RunSummary[] = [];
    await this.#find("", 0, found);
    for (const id of this.#open.keys()) {
      if (!found.some((run) => run.id === id)) this.#open.delete(id);
    }
    return found.sort((a, b) => b.updated - a.updated || (a.id < b.id ? -1 : 1));
  }

  async #find(below: string, depth: number, found: RunSummary[]): Promise<void> {
    const folder = join(this.#folder, below);
    const entries: Deno.DirEntry[] = [];
    try {
      for await (const entry of Deno.readDir(folder)) entries.push(entry);
    } catch (error) {
      // A run that is deleted while it is looked at is no run.
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return;
      }
      throw error;
    }
    if (below !== "" && entries.some(({ name, isFile }) => isFile && name === "metrics.jsonl")) {
      const info = await Deno.stat(join(folder, "metrics.jsonl")).catch(() => undefined);
      const updated = info?.mtime?.getTime() ?? 0;
      found.push({ id: below, updated, live: Date.now() - updated < QUIET_SECONDS * 1000 });
    }
    if (depth === DEEPEST) return;
    for (const { name, isDirectory } of entries) {
      if (isDirectory && name !== "checkpoints" && !name.startsWith(".")) {
        await this.#find(below === "" ? name : `${below}/${name}`, depth + 1, found);
      }
    }
  }

  /** A run whole; undefined where there is none of that name. */
  async details(id: string): Promise<RunDetails | undefined> {
    const summary = (await this.list()).find((run) => run.id === id);
    if (!summary) return undefined;
    const { reader, train, held, damaged } = await this.#update(id);
    return {
      ...summary,
      config: await this.#json(id, "config.json"),
      samples: await this.#json(id, "samples.json"),
      train,
      held,
      damaged,
      offset: reader.offset,
    };
  }

  /** Follows a run from a byte of its log on, for one listener. */
  follow(id: string, offset: number): CurveReader {
    return new CurveReader(join(this.#folder, id, "metrics.jsonl"), offset);
  }

  /** Reads what is new of a run, one reading at a time. */
  #update(id: string): Promise<Run> {
    const update = this.#reading.then(async () => {
      let run = this.#open.get(id);
      if (!run) {
        run = { reader: this.follow(id, 0), train: emptyTable(), held: emptyTable(), damaged: 0 };
        this.#open.set(id, run);
      }
      const news = await run.reader.read();
      if (news.reset) [run.train, run.held, run.damaged] = [emptyTable(), emptyTable(), 0];
      extend(run.train, news.train);
      extend(run.held, news.held);
      run.damaged += news.damaged;
      return run;
    });
    this.#reading = update.catch(() => {});
    return update;
  }

  /** The corrupted sentences of a run. */
  samples(id: string): Promise<unknown> {
    return this.#json(id, "samples.json");
  }

  async #json(id: string, name: string): Promise<unknown> {
    const path = join(this.#folder, id, name);
    try {
      const { size, isFile } = await Deno.stat(path);
      if (!isFile || size > LARGEST_FILE) return undefined;
      return parseJson(anyObject, await Deno.readTextFile(path), Error);
    } catch {
      // Not there, half-written or damaged: the page does without it.
      return undefined;
    }
  }
}
