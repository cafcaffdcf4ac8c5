/** Whether a run begins anew or goes on from a checkpoint, and what changes where it goes on. */

import type { PretrainingHparams } from "../../model/electra/config.ts";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import { requireSameModel, resumeDifferences, savedHparams } from "../../model/electra/resume.ts";
import { type Checkpoint, decodeCheckpoint } from "../../model/files/checkpoint.ts";
import { ModelError } from "../../model/errors.ts";
import { writeStateDict } from "../../model/parameters/state_dict.ts";
import { readCheckpoint } from "./checkpoint_folder.ts";
import { UsageError } from "./command.ts";
import type { ModelDirectory } from "./model_directory.ts";

/** A checkpoint that a run goes on from. */
export interface Resumption {
  /** Its contents. */
  readonly checkpoint: Checkpoint;
  /** Its folder. */
  readonly source: string;
  /** Examples of the data that are behind it. */
  readonly examples: number;
}

/**
 * The checkpoint that a run goes on from or evaluates; undefined for one that begins anew.
 *
 * @param tell is told what changes.
 * @throws {UsageError} when there is one and the run would begin anew, or none and it needs one.
 * @throws {ModelError} when it is of another model.
 */
export async function findResumption(
  directory: ModelDirectory,
  hparams: PretrainingHparams,
  resume: boolean,
  tell: (line: string) => void = console.error,
): Promise<Resumption | undefined> {
  const steps = await directory.steps();
  if (steps.length > 0 && !resume && hparams.do_train) {
    throw new UsageError(
      `${directory.path} has checkpoints up to step ${steps.at(-1)}: add --resume to go on, or ` +
        "choose another --model-name",
    );
  }
  if (steps.length === 0 && (resume || !hparams.do_train)) {
    const what = hparams.do_train ? "go on from" : "evaluate";
    throw new UsageError(
      `${directory.path} has no checkpoint to ${what}: ` +
        (hparams.do_train ? "leave out --resume to begin" : "pre-train it first") +
        ", or name another model with --model-name",
    );
  }
  const newest = await directory.newestGood();
  if (newest === undefined) return undefined;
  for (const [step, what] of newest.damaged) {
    tell(`${what}; it is ${await directory.setAside(step)} now`);
  }
  if (newest.damaged.size > 0) tell(`going on from step ${newest.step}`);
  const source = directory.checkpoint(newest.step);
  const checkpoint = decodeCheckpoint(newest.files, source);
  const { state } = checkpoint;
  const saved = savedHparams(state, source);
  const differences = resumeDifferences(saved, hparams);
  requireSameModel(differences, source);
  const { accepted, otherData } = differences;
  if (accepted.length > 0 && hparams.do_train) {
    tell(`going on with other settings than before: ${accepted.join("; ")}`);
  }
  const seen = state.examples ?? state.step * saved.train_batch_size;
  if (otherData && hparams.do_train) {
    tell("the examples are others: they are read from their start");
  }
  return { checkpoint, source, examples: otherData ? 0 : seen };
}

/** Lets a training go on from a checkpoint. */
export function resumeTraining(
  training: Pretraining,
  { checkpoint: { state: position, ...tensors }, source }: Resumption,
): void {
  training.restore({ ...tensors, position }, source);
}

/**
 * Gives a new training the weights of a checkpoint, by their names; those that it does not have stay random.
 *
 * @param folder of the checkpoint.
 * @param tell is told what stays random.
 * @throws {ModelError} when it is damaged, has none of the weights or one of another shape.
 */
export async function initialize(
  { store }: Pretraining,
  folder: string,
  tell: (line: string) => void = console.error,
): Promise<void> {
  const { parameters } = decodeCheckpoint(await readCheckpoint(folder), folder);
  const names = store.parameters.map(({ parts: [{ name }] }) => name);
  const there = names.filter((name) => parameters.has(name));
  if (there.length === 0) {
    throw new ModelError(
      `init_checkpoint ${folder} has none of the model's weights; give the folder of a checkpoint of ` +
        "pre-training, such as data/models/electra/checkpoints/step-00001000",
    );
  }
  writeStateDict(store, "parameters", parameters, folder, (name) => parameters.has(name));
  const random = names.filter((name) => !parameters.has(name));
  if (random.length === 0) return;
  const more = random.length > 3 ? ` and ${random.length - 3} more` : "";
  tell(`${folder} does not have ${random.slice(0, 3).join(", ")}${more}: random at first`);
}
