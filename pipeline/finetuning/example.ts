/**
 * Labelled examples of fine-tuning, as they stand in data: text, labels and places in the text, no tokens.
 *
 * All places count UTF-16 units of the text as written, as JavaScript does; readers of files that count
 * code points convert.
 *
 * @module
 */

/** What a model learns to do with a text. */
export type TaskKind =
  | "classification" // one label for a text or a pair
  | "regression" // one number for a text or a pair
  | "tagging" // labelled spans of a text
  | "reading" // the answer to a question, as a span of a context
  | "multiple_choice"; // the right one of several answers

/** Where an example comes from, for messages. */
export interface Place {
  /** The file, or folder. */
  readonly file: string;
  /** Its row or line, from 1; undefined where a file is one example. */
  readonly row?: number;
}

/** What every example has. */
interface Example {
  /** Its id in the data, or one made from its place. */
  readonly id: string;
  /** Where it comes from. */
  readonly place: Place;
}

/** A text, or a pair, and its class; without one it can only be predicted. */
export interface ClassificationExample extends Example {
  readonly kind: "classification";
  readonly text: string;
  readonly second?: string;
  readonly label?: string;
}

/** A text, or a pair, and its number. */
export interface RegressionExample extends Example {
  readonly kind: "regression";
  readonly text: string;
  readonly second?: string;
  readonly label?: number;
}

/** A run of a text with a label. */
export interface Span {
  /** First UTF-16 unit. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  /** What it is, such as 人名. */
  readonly label: string;
}

/** A text and its labelled spans, in order, none within another. */
export interface TaggingExample extends Example {
  readonly kind: "tagging";
  readonly text: string;
  readonly spans?: readonly Span[];
}

/** One accepted answer. */
export interface Answer {
  /** Its words. */
  readonly text: string;
  /** Where in the context they stand, in UTF-16 units. */
  readonly start: number;
}

/** A question about a context. */
export interface ReadingExample extends Example {
  readonly kind: "reading";
  readonly question: string;
  readonly context: string;
  /** Accepted answers; empty where the context has none; undefined where unknown. */
  readonly answers?: readonly Answer[];
}

/** A question with several answers of which one is right. */
export interface MultipleChoiceExample extends Example {
  readonly kind: "multiple_choice";
  readonly question: string;
  readonly choices: readonly string[];
  /** The number of the right one, from 0. */
  readonly label?: number;
}

/** An example of any kind. */
export type FinetuningExample =
  | ClassificationExample
  | RegressionExample
  | TaggingExample
  | ReadingExample
  | MultipleChoiceExample;

/** "train.tsv, row 7", for messages. */
export function placeText({ file, row }: Place): string {
  return row === undefined ? file : `${file}, row ${row}`;
}
