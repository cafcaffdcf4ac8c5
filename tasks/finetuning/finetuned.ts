/** A fine-tuned model that is asked or scored: which trial, and its weights without what training needs. */

import { join } from "@std/path/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import { ModelError } from "../../model/errors.ts";
import { WEIGHTS_FILE } from "../../model/files/checkpoint.ts";
import { decodeSafeTensors } from "../../model/files/safetensors.ts";
import { FinetuningObjective } from "../../model/finetuning/objective.ts";
import { writeStateDict } from "../../model/parameters/state_dict.ts";
import { ParameterStore } from "../../model/parameters/store.ts";
import { Evaluator } from "../../model/training/inference.ts";
import type { TaskKind } from "../../pipeline/finetuning/example.ts";
import { UsageError } from "../common/command.ts";
import type { ModelDirectory } from "../common/model_directory.ts";
import type { Tokenizer } from "../common/tokenizer.ts";
import type { FinetuningTask } from "./data.ts";
import { modelOfTrial, RESULT_FILE } from "./folders.ts";
import { type FinetunedConfig, headsOf, readFinetunedConfig, savedTasks } from "./model.ts";

/** A trial and the task that is meant. */
export interface FoundTrial {
  /** The trial's folder. */
  readonly folder: string;
  /** What it says of itself. */
  readonly config: FinetunedConfig;
  /** The task. */
  readonly task: FinetuningTask;
}

/**
 * The trial that is meant: `NAME_TRIAL` is one, `NAME` the newest of that task, and nothing the newest of the only
 * task that is of some kinds.
 *
 * @throws {UsageError} naming the tasks that there are, or when the task is of another kind.
 */
export async function findTrial(
  directory: ModelDirectory,
  wanted: string | undefined,
  kinds?: readonly TaskKind[],
): Promise<FoundTrial> {
  const folder = join(directory.path, "finetuning_models");
  const trials = await trialsIn(folder);
  const known = [...new Set(trials.flatMap(({ tasks }) => tasks))];
  if (trials.length === 0) {
    throw new UsageError(
      `${directory.path} has no fine-tuned models; make one with \`deno task finetune\``,
    );
  }
  const named = trials.filter(({ name, tasks }) =>
    wanted === undefined || name === wanted || tasks.includes(wanted)
  );
  if (named.length === 0) {
    throw new UsageError(
      `${folder} has no model of "${wanted}"; there are ${
        trials.map(({ name }) => name).join(", ")
      }`,
    );
  }
  const fitting: FoundTrial[] = [];
  let other: string | undefined;
  for (const { name, tasks } of named) {
    const path = join(folder, name);
    const config = await readFinetunedConfig(path);
    for (const task of savedTasks(config)) {
      if (wanted !== undefined && tasks.includes(wanted) && task.name !== wanted) continue;
      if (kinds && !kinds.includes(task.description.kind)) {
        other = `${task.name} (${task.description.kind})`;
      } else fitting.push({ folder: path, config, task });
    }
  }
  if (fitting.length === 0) {
    throw new UsageError(
      `${directory.path}: no model has the head for this; ${other} was trained for something else, ` +
        `and there are models of ${known.join(", ")}`,
    );
  }
  const names = new Set(fitting.map(({ task }) => task.name));
  if (names.size === 1) return fitting[0];
  throw new UsageError(`say which with --task: ${[...names].join(", ")}`);
}

/** The trials of a model, those that are done first, and the newest first among them. */
async function trialsIn(
  folder: string,
): Promise<{ readonly name: string; readonly tasks: readonly string[] }[]> {
  const found: { name: string; tasks: string[]; time: number; number: number }[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      const match = /^(.+)_(\d+)$/.exec(name);
      if (isFile || !match || !await timeOf(join(folder, name, "config.json"))) continue;
      const time = await timeOf(join(folder, name, RESULT_FILE)) ?? 0;
      found.push({ name, tasks: match[1].split(","), time, number: Number(match[2]) });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((a, b) => b.time - a.time || b.number - a.number || (a.name < b.name ? -1 : 1));
}

async function timeOf(path: string): Promise<number | undefined> {
  return await Deno.stat(path).then(({ mtime }) => mtime?.getTime() ?? 1, () => undefined);
}

/** A fine-tuned model that can be run. */
export interface Finetuned {
  /** Runs it. */
  readonly evaluator: Evaluator<FinetuningObjective>;
  /** Where its weights come from. */
  readonly source: string;
  /** Updates of the weights. */
  readonly step: number;
  /** Frees its device memory. */
  destroy(): void;
}

/**
 * Loads a trial's model: the best, where evaluations between epochs chose it, else the last.
 *
 * @throws {ModelError} when there is no checkpoint, or the tokenizer is another.
 */
export async function loadFinetuned(
  gpu: Gpu,
  { folder, config }: FoundTrial,
  tokenizer: Tokenizer,
): Promise<Finetuned> {
  if (tokenizer.sha256 !== config.tokenizerSha256) {
    throw new ModelError(
      `${tokenizer.path} is not the tokenizer that ${folder} was trained with (SHA-256 ` +
        `${tokenizer.sha256.slice(0, 12)}…, not ${
          config.tokenizerSha256.slice(0, 12)
        }…): name that ` +
        "one with --tokenizer",
    );
  }
  const directory = await modelOfTrial(folder);
  const good = await directory.newestGood();
  if (!good) throw new ModelError(`${folder} has no checkpoint; \`deno task finetune\` makes one`);
  const source = directory.checkpoint(good.step);
  const { tensors } = decodeSafeTensors(good.files.get(WEIGHTS_FILE)!, join(source, WEIGHTS_FILE));
  const store = new ParameterStore();
  const heads = headsOf(savedTasks(config));
  const objective = new FinetuningObjective(store, { encoder: config.encoder, heads });
  store.allocate(gpu);
  writeStateDict(store, "parameters", tensors, source);
  const evaluator = new Evaluator(gpu, objective, store);
  const destroy = (): void => {
    evaluator.destroy();
    store.destroy();
  };
  return { evaluator, source, step: good.step, destroy };
}
