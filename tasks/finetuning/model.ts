/** A fine-tuned model: an encoder, its heads, and the folder that they are kept in. */

import { join } from "@std/path/mod.js";
import * as v from "valibot";
import type { Gpu } from "../../kernels/device.ts";
import { ModelError } from "../../model/errors.ts";
import { classificationHead, regressionHead } from "../../model/finetuning/classification.ts";
import type { DeclareHead } from "../../model/finetuning/head.ts";
import type { FinetuningHparams } from "../../model/finetuning/hparams.ts";
import { multipleChoiceHead } from "../../model/finetuning/multiple_choice.ts";
import { FinetuningObjective } from "../../model/finetuning/objective.ts";
import { readingHead } from "../../model/finetuning/reading.ts";
import { taggingHead } from "../../model/finetuning/tagging.ts";
import { learningRate } from "../../model/training/schedule.ts";
import { Training } from "../../model/training/training.ts";
import type { EncoderConfig } from "../../model/transformer/config.ts";
import { parseDescription, type TaskDescription } from "../../pipeline/finetuning/description.ts";
import { TagLabels } from "../../pipeline/finetuning/tags.ts";
import { anyObject, parseJson } from "../../pipeline/wire/json.ts";
import type { FinetuningTask } from "./data.ts";

/** What `config.json` of a fine-tuned model says. */
export interface FinetunedConfig {
  /** The model it was made from. */
  readonly pretrained: string;
  /** Shape of the encoder, dropout as in training. */
  readonly encoder: EncoderConfig;
  /** Hyperparameters of fine-tuning. */
  readonly hparams: FinetuningHparams;
  /** Seed of the trial. */
  readonly seed: number;
  /** Storage of activations in training. */
  readonly precision: "f32" | "f16";
  /** SHA-256 of the tokenizer's file. */
  readonly tokenizerSha256: string;
  /** Whether text is lower-cased. */
  readonly lowerCase: boolean;
  /** What was learned, with its labels. */
  readonly tasks: readonly Pick<
    FinetuningTask,
    "name" | "description" | "labels" | "choices" | "unanswerable"
  >[];
}

/** The head of a task. */
export function headOf(
  { description: { kind }, labels, tags, choices }: FinetuningTask,
): DeclareHead {
  switch (kind) {
    case "classification":
      return classificationHead(labels.length);
    case "regression":
      return regressionHead();
    case "tagging":
      return taggingHead(tags!.names.length);
    case "reading":
      return readingHead();
    case "multiple_choice":
      return multipleChoiceHead(choices);
  }
}

/** Heads of several tasks by their names. */
export function headsOf(tasks: readonly FinetuningTask[]): Record<string, DeclareHead> {
  return Object.fromEntries(tasks.map((task) => [task.name, headOf(task)]));
}

/** Begins a training of an encoder under the heads of some tasks. */
export async function createFinetuning(
  gpu: Gpu,
  encoder: EncoderConfig,
  tasks: readonly FinetuningTask[],
  hparams: FinetuningHparams,
  totalSteps: number,
  options: { readonly seed: number; readonly precision: "f32" | "f16" },
): Promise<Training<FinetuningObjective>> {
  const schedule = {
    learning_rate: hparams.learning_rate,
    lr_decay_power: 1,
    num_train_steps: totalSteps,
    num_warmup_steps: Math.floor(totalSteps * hparams.warmup_proportion),
  };
  return await Training.create(
    gpu,
    (store) =>
      new FinetuningObjective(store, {
        encoder,
        heads: headsOf(tasks),
        layerwiseDecay: hparams.layerwise_lr_decay,
        freezeLayers: hparams.freeze_layers,
      }),
    {
      ...options,
      learningRate: (updates) => learningRate(schedule, updates),
      weightDecay: hparams.weight_decay_rate,
      accumulationSteps: hparams.gradient_accumulation_steps,
    },
  );
}

/** What the tasks of a saved model are, with their tags. */
export function savedTasks({ tasks }: FinetunedConfig): FinetuningTask[] {
  return tasks.map((task) => ({
    ...task,
    folder: "",
    tags: task.description.kind === "tagging" ? new TagLabels(task.labels) : undefined,
  }));
}

const word = v.string();

const CONFIG = v.object({
  pretrained: word,
  encoder: anyObject,
  hparams: anyObject,
  seed: v.number(),
  precision: v.picklist(["f32", "f16"]),
  tokenizerSha256: word,
  lowerCase: v.boolean(),
  tasks: v.pipe(
    v.array(v.object({
      name: word,
      description: anyObject,
      labels: v.array(word),
      choices: v.number(),
      unanswerable: v.optional(v.boolean(), false),
    })),
    v.minLength(1),
  ),
});

/**
 * Reads the `config.json` of a fine-tuned model.
 *
 * @throws {ModelError} when it is not there or damaged.
 */
export async function readFinetunedConfig(folder: string): Promise<FinetunedConfig> {
  const path = join(folder, "config.json");
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ModelError(`${path} does not exist; fine-tune a model with \`deno task finetune\``);
  });
  const fault = (what: string): ModelError => new ModelError(`${path}: ${what}`);
  const config = parseJson(CONFIG, text, fault);
  return {
    ...config,
    encoder: config.encoder as unknown as EncoderConfig,
    hparams: config.hparams as unknown as FinetuningHparams,
    tasks: config.tasks.map((task) => ({
      ...task,
      description: savedDescription(task.description, path),
    })),
  };
}

/** A description is checked as a `task.json` is; it is saved under the same names. */
function savedDescription(saved: Record<string, unknown>, path: string): TaskDescription {
  const { labelNames, tagScheme, epochs, maxSeqLength, ...rest } = saved;
  const given = {
    ...rest,
    label_names: labelNames,
    tag_scheme: tagScheme,
    num_train_epochs: epochs,
    max_seq_length: maxSeqLength,
  };
  return parseDescription(JSON.stringify(given), path);
}
