/**
 * Examples to what the model sees: tokens, segments and targets of every kind of task.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import type { SpecialIds } from "../examples/builder.ts";
import {
  type ClassificationExample,
  type FinetuningExample,
  type MultipleChoiceExample,
  placeText,
  type ReadingExample,
  type RegressionExample,
  type TaggingExample,
} from "./example.ts";
import {
  type EncoderInput,
  joinTexts,
  shortenPair,
  type WindowInput,
  windowInput,
} from "./input.ts";
import { labelTokens, type TagLabels } from "./tags.ts";
import { type Token, type Tokenizer, tokensOf } from "./tokens.ts";
import { windowsOver } from "./windows.ts";

/** A text or pair with the number of its class, or its value; NaN where unknown. */
export interface TextFeature {
  readonly kind: "classification" | "regression";
  /** The number of the example. */
  readonly example: number;
  /** One sequence. */
  readonly inputs: readonly [EncoderInput];
  /** The class's number, or the value. */
  readonly target: number;
}

/** One window of a text with a label for each token. */
export interface TaggingFeature {
  readonly kind: "tagging";
  readonly example: number;
  readonly inputs: readonly [WindowInput];
  /** All tokens of the text. */
  readonly tokens: readonly Token[];
  /** For each place of `inputIds` the number of its tag; −100 where none counts. */
  readonly target: readonly number[];
}

/** A question and one window of its context. */
export interface ReadingFeature {
  readonly kind: "reading";
  readonly example: number;
  readonly inputs: readonly [WindowInput];
  /** All tokens of the context. */
  readonly tokens: readonly Token[];
  /** First and last place of the answer in `inputIds`; both 0, [CLS], where this window has none. */
  readonly target: readonly [number, number];
  /** Whether the context has no answer at all. */
  readonly impossible: boolean;
}

/** A question with each of its answers. */
export interface MultipleChoiceFeature {
  readonly kind: "multiple_choice";
  readonly example: number;
  /** A sequence for each answer. */
  readonly inputs: readonly EncoderInput[];
  /** The number of the right one; NaN where unknown. */
  readonly target: number;
}

/** What the model sees of an example of any kind. */
export type Feature = TextFeature | TaggingFeature | ReadingFeature | MultipleChoiceFeature;

/** How examples become features. */
export interface FeatureOptions {
  /** Longest sequence, special tokens included. */
  readonly maxSeqLength: number;
  /** Tokens from one window to the next. */
  readonly docStride: number;
  /** Tokens of a question at most. */
  readonly maxQueryLength: number;
}

/** What did not go through unharmed; a task says so. */
export interface FeatureCounts {
  /** Texts that were cut because they are longer than the model. */
  cutTexts: number;
  /** Tokens lost by that. */
  cutTokens: number;
  /** Spans or answers whose ends lie within a token; they were widened to whole tokens. */
  widenedSpans: number;
  /** Spans that share all their tokens with another, so that they cannot be learned. */
  lostSpans: number;
}

/** Makes features, and counts what is lost. */
export class Featurizer {
  /** What did not go through unharmed so far. */
  readonly counts: FeatureCounts = { cutTexts: 0, cutTokens: 0, widenedSpans: 0, lostSpans: 0 };
  readonly #tokenizer: Tokenizer;
  readonly #special: SpecialIds;
  readonly #options: FeatureOptions;

  /** @throws {PipelineError} when the sequence is too short for a question and a context. */
  constructor(tokenizer: Tokenizer, special: SpecialIds, options: FeatureOptions) {
    this.#tokenizer = tokenizer;
    this.#special = special;
    this.#options = options;
    if (options.maxSeqLength < 8) {
      throw new PipelineError(
        `max_seq_length ${options.maxSeqLength} is too short; give at least 8`,
      );
    }
  }

  /**
   * The features of an example: one, or one for each window of a long text.
   *
   * @param labels the classes in order, for classification.
   * @param tags the tags in order, for tagging.
   * @throws {PipelineError} for a label that is none of them.
   */
  features(
    example: FinetuningExample,
    index: number,
    labels: readonly string[],
    tags: TagLabels | undefined,
  ): Feature[] {
    switch (example.kind) {
      case "classification":
      case "regression":
        return [this.#text(example, index, labels)];
      case "tagging":
        return this.#tagging(example, index, tags!);
      case "reading":
        return this.#reading(example, index);
      case "multiple_choice":
        return [this.#choices(example, index)];
    }
  }

  #pair(first: string, second: string | undefined): EncoderInput {
    const { maxSeqLength } = this.#options;
    const a = this.#tokenizer.encode(first);
    if (second === undefined) {
      const room = maxSeqLength - 2;
      this.#count(a.length - room);
      return joinTexts(this.#special, a.slice(0, room));
    }
    const b = this.#tokenizer.encode(second);
    const shortened = shortenPair(a, b, maxSeqLength - 3);
    this.#count(shortened.cut);
    return joinTexts(this.#special, shortened.first, shortened.second);
  }

  #count(cut: number): void {
    if (cut <= 0) return;
    this.counts.cutTexts++;
    this.counts.cutTokens += cut;
  }

  #text(
    example: ClassificationExample | RegressionExample,
    index: number,
    labels: readonly string[],
  ): TextFeature {
    const inputs = [this.#pair(example.text, example.second)] as const;
    if (example.kind === "regression") {
      return { kind: "regression", example: index, inputs, target: example.label ?? NaN };
    }
    const { label } = example;
    const target = label === undefined ? NaN : labels.indexOf(label);
    if (target < 0) {
      throw new PipelineError(
        `${placeText(example.place)}: the label "${label}" does not occur in training, which has ` +
          `${labels.map((name) => `"${name}"`).join(", ")}`,
      );
    }
    return { kind: "classification", example: index, inputs, target };
  }

  #choices(
    { question, choices, label }: MultipleChoiceExample,
    index: number,
  ): MultipleChoiceFeature {
    const inputs = choices.map((choice) => this.#pair(question, choice));
    return { kind: "multiple_choice", example: index, inputs, target: label ?? NaN };
  }

  #tagging(example: TaggingExample, index: number, tags: TagLabels): TaggingFeature[] {
    const { maxSeqLength, docStride } = this.#options;
    const tokens = this.#tokenizer.encode(example.text);
    const labelled = example.spans && labelTokens(tokens, example.spans, tags, example.place);
    this.counts.widenedSpans += labelled?.widened ?? 0;
    this.counts.lostSpans += labelled?.lost ?? 0;
    return windowsOver(tokens.length, maxSeqLength - 2, docStride).map((window) => {
      const input = windowInput(this.#special, tokens, window);
      // Each token is learned once, in the window that sees most around it.
      const target = input.inputIds.map((_, i) => {
        const token = i - input.offset + window.start;
        const counts = i >= input.offset && token >= window.core[0] && token < window.core[1];
        return counts && labelled ? labelled.tags[token] : -100;
      });
      return { kind: "tagging", example: index, inputs: [input], tokens, target };
    });
  }

  #reading({ question, context, answers }: ReadingExample, index: number): ReadingFeature[] {
    const { maxSeqLength, docStride, maxQueryLength } = this.#options;
    // However short the sequence, half of it is left for the context.
    const longest = Math.min(maxQueryLength, (maxSeqLength - 3) >> 1);
    const asked = this.#tokenizer.encode(question);
    this.#count(asked.length - longest);
    const query = asked.slice(0, longest);
    const tokens = this.#tokenizer.encode(context);
    const answer = answers?.[0];
    const place = answer && tokensOf(tokens, answer.start, answer.start + answer.text.length);
    if (place && !place.exact) this.counts.widenedSpans++;
    if (answer && !place) this.counts.lostSpans++;
    return windowsOver(tokens.length, maxSeqLength - 3 - query.length, docStride).map((window) => {
      const input = windowInput(this.#special, tokens, window, query);
      const within = place && place.first >= window.start && place.last < window.end;
      const shift = input.offset - window.start;
      return {
        kind: "reading",
        example: index,
        inputs: [input],
        tokens,
        target: within ? [place.first + shift, place.last + shift] as const : [0, 0] as const,
        impossible: answers?.length === 0,
      };
    });
  }
}
