/** The data sets that are fine-tuned on: examples, labels, features and batches. */

import { join } from "@std/path/mod.js";
import { type FinetuningBatch, NO_LABEL } from "../../model/finetuning/objective.ts";
import type { FinetuningHparams } from "../../model/finetuning/hparams.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import type { SpecialIds } from "../../pipeline/examples/builder.ts";
import { Random } from "../../pipeline/examples/random.ts";
import {
  collate,
  type FeatureBatch,
  featureLength,
  planEpoch,
} from "../../pipeline/finetuning/batches.ts";
import type { TaskDescription } from "../../pipeline/finetuning/description.ts";
import type { FinetuningExample } from "../../pipeline/finetuning/example.ts";
import {
  type Feature,
  type FeatureCounts,
  Featurizer,
} from "../../pipeline/finetuning/features.ts";
import type { OnBadRow } from "../../pipeline/finetuning/formats/report.ts";
import {
  describeTask,
  type FinetuningSplit,
  readSplit,
  type SplitExamples,
} from "../../pipeline/finetuning/read.ts";
import { TagLabels } from "../../pipeline/finetuning/tags.ts";
import type { Tokenizer } from "../../pipeline/finetuning/tokens.ts";

/** A data set and what is known of its labels. */
export interface FinetuningTask {
  /** Its name, of `task_names`. */
  readonly name: string;
  /** Its folder. */
  readonly folder: string;
  /** What is learned. */
  readonly description: TaskDescription;
  /** Classes in order, for classification. */
  readonly labels: readonly string[];
  /** Tags in order, for tagging. */
  readonly tags: TagLabels | undefined;
  /** Answers of a question, for multiple choice; 1 for other kinds. */
  readonly choices: number;
  /** Whether some training questions have no answer, so that none may be given; for reading. */
  readonly unanswerable: boolean;
}

/** A split with what the model sees of it. */
export interface FeaturedSplit extends SplitExamples {
  /** Features in the order of the examples. */
  readonly features: readonly Feature[];
  /** What did not go through unharmed. */
  readonly counts: FeatureCounts;
}

/** Examples of a split in debug runs. */
const DEBUG_EXAMPLES = 64;

/** Where data sets lie, below the data directory. */
export function taskFolder(dataDir: string, name: string): string {
  return join(dataDir, "finetuning_data", name);
}

/** What a data set is, and its labels as its training examples have them. */
export function describeLabels(
  name: string,
  folder: string,
  description: TaskDescription,
  training: readonly FinetuningExample[],
): FinetuningTask {
  const found = new Set<string>();
  let choices = 1, unanswerable = false;
  for (const example of training) {
    if (example.kind === "classification" && example.label !== undefined) found.add(example.label);
    if (example.kind === "tagging") {
      for (const { label } of example.spans ?? []) found.add(label);
    }
    if (example.kind === "reading") unanswerable ||= example.answers?.length === 0;
    if (example.kind === "multiple_choice") choices = example.choices.length;
  }
  const labels = description.labels ?? [...found].sort();
  if (description.kind === "classification" && labels.length < 2) {
    throw new PipelineError(
      `${folder}: the training examples have ${
        labels.length === 1 ? `only the label "${labels[0]}"` : "no label"
      }; ` +
        "there is nothing to tell apart",
    );
  }
  const tags = description.kind === "tagging" ? new TagLabels(labels) : undefined;
  return { name, folder, description, labels, tags, choices, unanswerable };
}

/** Reads a split's examples; in debug runs the first few. */
export async function readExamples(
  dataDir: string,
  name: string,
  split: FinetuningSplit,
  { debug }: Pick<FinetuningHparams, "debug">,
  onBad: OnBadRow,
): Promise<{ description: TaskDescription; split: SplitExamples }> {
  const folder = taskFolder(dataDir, name);
  const description = await describeTask(folder, name);
  const read = await readSplit(folder, description, split, onBad);
  const examples = debug ? read.examples.slice(0, DEBUG_EXAMPLES) : read.examples;
  return { description, split: { ...read, examples } };
}

/** What the model sees of a split. */
export function featurize(
  task: FinetuningTask,
  split: SplitExamples,
  tokenizer: Tokenizer,
  special: SpecialIds,
  hparams: FinetuningHparams,
): FeaturedSplit {
  const featurizer = new Featurizer(tokenizer, special, {
    maxSeqLength: hparams.max_seq_length,
    docStride: hparams.doc_stride,
    maxQueryLength: hparams.max_query_length,
  });
  const features = split.examples.flatMap((example, index) =>
    featurizer.features(example, index, task.labels, task.tags)
  );
  return { ...split, features, counts: featurizer.counts };
}

/** The training examples, pairs without an order both ways. */
export function bothOrders(
  { description }: FinetuningTask,
  split: SplitExamples,
  { double_unordered }: FinetuningHparams,
): SplitExamples {
  if (!description.unordered || !double_unordered) return split;
  const turned = split.examples.flatMap((example): FinetuningExample[] => {
    const isPair = (example.kind === "classification" || example.kind === "regression") &&
      example.second !== undefined;
    return isPair ? [{ ...example, text: example.second!, second: example.text }] : [];
  });
  return { ...split, examples: [...split.examples, ...turned] };
}

/**
 * Fills a batch up to a multiple with copies that have no target, so that it divides into parts of one size and
 * its loss stays what it was.
 */
function fillUp(features: readonly Feature[], multiple: number): Feature[] {
  const missing = (multiple - features.length % multiple) % multiple;
  const blank = (feature: Feature): Feature => {
    if (feature.kind === "tagging") {
      return {
        ...feature,
        target: feature.target.map(() => NO_LABEL),
      };
    }
    if (feature.kind === "reading") return { ...feature, target: [NO_LABEL, NO_LABEL] };
    return { ...feature, target: NaN };
  };
  return [...features, ...new Array<Feature>(missing).fill(blank(features[0]))];
}

/** How much each class counts; undefined where all count alike. */
export function classWeights(
  { labels, description }: FinetuningTask,
  features: readonly Feature[],
  { class_weights }: FinetuningHparams,
): readonly number[] | undefined {
  if (class_weights === null || description.kind !== "classification") return undefined;
  if (class_weights !== "balanced") {
    const unknown = Object.keys(class_weights).find((label) => !labels.includes(label));
    if (unknown !== undefined) {
      throw new PipelineError(
        `hparam class_weights names "${unknown}", but the labels are ${
          labels.map((l) => `"${l}"`).join(", ")
        }`,
      );
    }
    return labels.map((label) => class_weights[label] ?? 1);
  }
  const counts = labels.map(() => 0);
  for (const { target } of features) counts[target as number]++;
  return counts.map((count) => features.length / (labels.length * Math.max(1, count)));
}

/** A batch of features as the objective takes it. */
export function toBatch(
  task: string,
  batch: FeatureBatch,
  weights?: readonly number[],
): FinetuningBatch & { readonly features: readonly Feature[] } {
  const labels = labelsOf(batch);
  return {
    ...batch,
    task,
    labels,
    weights: weights &&
      Float32Array.from(labels, (label) => Number.isNaN(label) ? 0 : weights[label]),
  };
}

function labelsOf({ features, sequence }: FeatureBatch): Float32Array {
  return Float32Array.from(features.flatMap((feature): number[] => {
    if (feature.kind === "reading") return [...feature.target];
    if (feature.kind !== "tagging") return [feature.target];
    return [
      ...feature.target,
      ...new Array<number>(sequence - feature.target.length).fill(NO_LABEL),
    ];
  }));
}

/** Batches of a split for evaluation, those of like length together; order does not matter there. */
export function* evaluationBatches(
  task: string,
  features: readonly Feature[],
  batchSize: number,
  padId: number,
  maxLength: number,
): Generator<FinetuningBatch & { readonly features: readonly Feature[] }> {
  for (const indices of planEpoch(features.map(featureLength), { batchSize, padId })) {
    yield toBatch(task, collate(indices.map((i) => features[i]), padId, maxLength));
  }
}

/** What one task brings to training. */
export interface TrainingTask {
  readonly task: FinetuningTask;
  readonly features: readonly Feature[];
  readonly weights: readonly number[] | undefined;
}

/** The order in which batches are trained on: a function of the seed alone, so that a trial can go on anywhere. */
export class TrainingOrder {
  readonly #tasks: readonly TrainingTask[];
  readonly #lengths: readonly (readonly number[])[];
  readonly #batchSize: number;
  readonly #padId: number;
  readonly #maxLength: number;
  readonly #seed: number;
  readonly #parts: number;
  /** Updates of one epoch. */
  readonly batchesPerEpoch: number;
  #epoch = -1;
  #plan: readonly { readonly task: number; readonly indices: readonly number[] }[] = [];

  constructor(
    tasks: readonly TrainingTask[],
    { train_batch_size, max_seq_length, gradient_accumulation_steps }: FinetuningHparams,
    padId: number,
    seed: number,
  ) {
    this.#tasks = tasks;
    this.#lengths = tasks.map(({ features }) => features.map(featureLength));
    this.#batchSize = train_batch_size;
    this.#padId = padId;
    this.#maxLength = max_seq_length;
    this.#seed = seed;
    this.#parts = gradient_accumulation_steps;
    this.batchesPerEpoch = tasks.reduce(
      (sum, { features }) => sum + Math.ceil(features.length / train_batch_size),
      0,
    );
  }

  /** The batch of an update, counted from 0 over all epochs. */
  batch(update: number): FinetuningBatch & { readonly features: readonly Feature[] } {
    const epoch = Math.floor(update / this.batchesPerEpoch);
    if (epoch !== this.#epoch) this.#planEpoch(epoch);
    const { task, indices } = this.#plan[update % this.batchesPerEpoch];
    const { task: { name }, features, weights } = this.#tasks[task];
    const filled = fillUp(indices.map((i) => features[i]), this.#parts);
    return toBatch(name, collate(filled, this.#padId, this.#maxLength), weights);
  }

  /** Batches of one task in the order of its epoch, and tasks drawn in turn by how many batches they have left. */
  #planEpoch(epoch: number): void {
    const shuffle = { seed: this.#seed, epoch };
    const plan = this.#lengths.flatMap((lengths, task) =>
      planEpoch(lengths, { batchSize: this.#batchSize, padId: this.#padId, shuffle })
        .map((indices) => ({ task, indices }))
    );
    // Each task's batches are in a random order already.
    if (this.#tasks.length > 1) new Random(this.#seed, `tasks of epoch ${epoch}`).shuffle(plan);
    this.#plan = plan;
    this.#epoch = epoch;
  }
}
