/** What a fine-tuned model is asked: classify, tag and answer. */

import type { FinetuningObjective } from "../../model/finetuning/objective.ts";
import type { Evaluator } from "../../model/training/inference.ts";
import type { FeatureBatch } from "../../pipeline/finetuning/batches.ts";
import { CodePoints } from "../../pipeline/finetuning/code_points.ts";
import type { FinetuningExample, TaskKind } from "../../pipeline/finetuning/example.ts";
import {
  type Feature,
  type FeatureOptions,
  Featurizer,
} from "../../pipeline/finetuning/features.ts";
import {
  type FeatureLogits,
  logitsByFeature,
  type Prediction,
  type PredictionOptions,
  predictionsOf,
  softmax,
} from "../../pipeline/finetuning/predictions.ts";
import type { SpecialIds } from "../../pipeline/examples/builder.ts";
import type { Tokenizer } from "../../pipeline/finetuning/tokens.ts";
import { type FinetuningTask, toBatch } from "../finetuning/data.ts";
import { type Answer, type Mode, shown } from "./mode.ts";
import { BadRequest, type Fields, textOf } from "./requests.ts";

/** The ways of asking a fine-tuned model, and the kinds of tasks that each is for. */
export const KINDS_OF_MODES: Readonly<Record<"classify" | "tag" | "answer", readonly TaskKind[]>> =
  {
    classify: ["classification", "regression", "multiple_choice"],
    tag: ["tagging"],
    answer: ["reading"],
  };

/** A fine-tuned model and its tokenizer. */
export interface TaskModel {
  readonly evaluator: Evaluator<FinetuningObjective>;
  readonly task: FinetuningTask;
  readonly tokenizer: Tokenizer;
  readonly special: SpecialIds;
  readonly features: FeatureOptions;
  readonly prediction: PredictionOptions;
  /** Answers to show. */
  readonly topK: number;
}

/** Asks a fine-tuned model what it was trained to say. */
export class TaskMode implements Mode<Feature, FeatureLogits> {
  readonly columns: readonly string[];
  readonly maxSeqLength: number;
  readonly #model: TaskModel;
  readonly #featurizer: Featurizer;

  constructor(model: TaskModel) {
    const { task: { description: { kind, columns } }, tokenizer, special, features } = model;
    this.#model = model;
    this.#featurizer = new Featurizer(tokenizer, special, features);
    this.maxSeqLength = features.maxSeqLength;
    this.columns = kind === "reading"
      ? ["question", "context"]
      : columns?.second === undefined
      ? ["text"]
      : ["text", "second"];
  }

  get cutTexts(): number {
    return this.#featurizer.counts.cutTexts;
  }

  features(fields: Fields): readonly Feature[] {
    const { task: { labels, tags } } = this.#model;
    const example = this.#example(fields);
    if (example === undefined) return [];
    return this.#featurizer.features(example, 0, labels, tags);
  }

  async run(batch: FeatureBatch): Promise<FeatureLogits[]> {
    const { evaluator, task } = this.#model;
    const { outputs } = await evaluator.evaluateBatch(toBatch(task.name, batch), 1);
    return logitsByFeature(batch, outputs.logits as Float32Array);
  }

  answer(fields: Fields, _: readonly Feature[], said: readonly FeatureLogits[]): Answer {
    const example = this.#example(fields)!;
    const [prediction] = predictionsOf([example], said, this.#model.prediction);
    return this.#shown(example, prediction);
  }

  destroy(): void {
    this.#model.evaluator.destroy();
  }

  /** The request as an example without a label; undefined for one without text. */
  #example(fields: Fields): FinetuningExample | undefined {
    const { description: { kind, columns }, choices } = this.#model.task;
    const common = { id: "", place: { file: "" } };
    switch (kind) {
      case "classification":
      case "regression": {
        const text = textOf(fields, "text", columns?.text);
        const second = columns?.second && textOf(fields, "second", columns.second);
        return text === "" && !second ? undefined : { ...common, kind, text, second };
      }
      case "tagging": {
        const text = textOf(fields, "text", columns?.text);
        return text === "" ? undefined : { ...common, kind, text };
      }
      case "reading": {
        const question = textOf(fields, "question"), context = textOf(fields, "context");
        return context === "" ? undefined : { ...common, kind, question, context };
      }
      case "multiple_choice": {
        const question = textOf(fields, "question", columns?.text);
        const given = fields.choices ?? columns?.choices?.map((name) => fields[name]);
        if (
          !Array.isArray(given) || given.length !== choices ||
          given.some((choice) => typeof choice !== "string")
        ) {
          throw new BadRequest(`"choices" must list ${choices} texts, as many as in training`);
        }
        return { ...common, kind, question, choices: given };
      }
    }
  }

  #shown(example: FinetuningExample, prediction: Prediction): Answer {
    const { task: { labels, description }, topK } = this.#model;
    switch (prediction.kind) {
      case "classification": {
        const named = labels.map((label, i) =>
          [label, shown(prediction.probabilities[i])] as const
        );
        const names = description.labelNames ?? {};
        return {
          label: labels[prediction.label],
          ...(labels[prediction.label] in names ? { name: names[labels[prediction.label]] } : {}),
          probabilities: Object.fromEntries(named),
        };
      }
      case "multiple_choice": {
        const { choices } = example as Extract<FinetuningExample, { kind: "multiple_choice" }>;
        return {
          choice: prediction.label,
          text: choices[prediction.label],
          probabilities: Array.from(prediction.probabilities, shown),
        };
      }
      case "regression":
        return { value: shown(prediction.value) };
      case "tagging": {
        const { text } = example as Extract<FinetuningExample, { kind: "tagging" }>;
        const points = new CodePoints(text);
        return {
          entities: prediction.spans.map(({ start, end, label }) => ({
            start: points.fromUnits(start),
            end: points.fromUnits(end),
            text: text.slice(start, end),
            label,
          })),
        };
      }
      case "reading": {
        const { context } = example as Extract<FinetuningExample, { kind: "reading" }>;
        const points = new CodePoints(context);
        const probabilities = prediction.best.length === 0
          ? []
          : softmax(prediction.best.map(({ score }) => score));
        const best = prediction.best.slice(0, topK).map(({ start, end, text, score }, i) => ({
          text,
          start: points.fromUnits(start),
          end: points.fromUnits(end),
          score: shown(score),
          probability: shown(probabilities[i]),
        }));
        const { answer, noAnswerMargin } = prediction;
        const [first] = best;
        return {
          answer,
          ...(answer === "" ? {} : { start: first.start, end: first.end, score: first.score }),
          no_answer_margin: Number.isFinite(noAnswerMargin) ? shown(noAnswerMargin) : null,
          best,
        };
      }
    }
  }
}
