/**
 * What a data set of fine-tuning is: `task.json`, or one of the published sets known by name.
 *
 * @module
 */
import * as v from "valibot";
import { PipelineError } from "../errors.ts";
import { parseJson } from "../wire/json.ts";
import type { TaskKind } from "./example.ts";

/** How a data set's files are laid out. */
export type DataFormat =
  | "table" // .tsv, .csv or .jsonl with named columns; the file's name says which
  | "columns" // a token and its tag a line, an empty line between sentences (CoNLL)
  | "entities" // JSON: text and entities with spans in code points (ner-wikipedia-dataset)
  | "squad" // SQuAD 1.1 or 2.0 JSON
  | "articles"; // a folder of text files for each class (livedoor news corpus)

/** Names of the columns of a table; `columns[0]`-like names are not needed where a header has them. */
export interface ColumnNames {
  /** The example's id; left out, its row is. */
  readonly id?: string;
  /** The text, or the question. */
  readonly text: string;
  /** The second text of a pair. */
  readonly second?: string;
  /** The label. */
  readonly label?: string;
  /** Answers to choose from. */
  readonly choices?: readonly string[];
}

/** What counts when the best model or trial is chosen; all are printed. */
export type MetricName =
  | "accuracy"
  | "macro_f1"
  | "matthews"
  | "auc"
  | "pearson"
  | "spearman"
  | "span_f1"
  | "exact_match"
  | "f1";

/** A data set and what is learned from it. */
export interface TaskDescription {
  /** What is learned. */
  readonly kind: TaskKind;
  /** How the files are laid out. */
  readonly format: DataFormat;
  /** Columns of a table. */
  readonly columns?: ColumnNames;
  /** All labels in the order of their ids; gathered from the training split where left out. */
  readonly labels?: readonly string[];
  /** Labels as the files have them, and as they are to be called. */
  readonly labelNames?: Readonly<Record<string, string>>;
  /** Least and greatest number of a regression. */
  readonly range?: readonly [number, number];
  /** How spans are written on tokens, in `columns` files. */
  readonly tagScheme?: "BIO" | "IOB1" | "BILOU" | "IREX";
  /** The metric that decides. */
  readonly metric: MetricName;
  /** Whether both orders of a pair are the same example, so that training takes each both ways. */
  readonly unordered?: boolean;
  /** Epochs where nothing else is said; the procedure's own default where left out. */
  readonly epochs?: number;
  /** Longest sequence where nothing else is said. */
  readonly maxSeqLength?: number;
}

/** The metric that decides where a description names none. */
export const DEFAULT_METRIC: Readonly<Record<TaskKind, MetricName>> = {
  classification: "accuracy",
  regression: "spearman",
  tagging: "span_f1",
  reading: "f1",
  multiple_choice: "accuracy",
};

/** Metrics that a kind of task has. */
export const METRICS: Readonly<Record<TaskKind, readonly MetricName[]>> = {
  classification: ["accuracy", "macro_f1", "matthews", "auc"],
  regression: ["pearson", "spearman"],
  tagging: ["span_f1"],
  reading: ["exact_match", "f1"],
  multiple_choice: ["accuracy"],
};

const word = v.pipe(v.string(), v.minLength(1));

const words = v.pipe(
  v.array(v.string()),
  v.minLength(2),
  v.check((list) => new Set(list).size === list.length, "the words must differ"),
);

const columns = v.strictObject({
  id: v.optional(word),
  text: word,
  second: v.optional(word),
  label: v.optional(word),
  choices: v.optional(words),
});

/** `task.json`, key by key; what depends on several keys is checked behind it. */
const DESCRIPTION = v.strictObject({
  kind: v.picklist(["classification", "regression", "tagging", "reading", "multiple_choice"]),
  format: v.optional(v.picklist(["table", "columns", "entities", "squad", "articles"])),
  columns: v.optional(columns),
  labels: v.optional(words),
  label_names: v.optional(v.record(v.string(), v.string())),
  range: v.optional(v.pipe(
    v.tuple([v.number(), v.number()]),
    v.check(([low, high]) => low < high, "the lesser must come first"),
  )),
  tag_scheme: v.optional(v.picklist(["BIO", "IOB1", "BILOU", "IREX"])),
  metric: v.optional(v.string()),
  unordered: v.optional(v.boolean()),
  num_train_epochs: v.optional(v.pipe(v.number(), v.gtValue(0))),
  max_seq_length: v.optional(v.pipe(v.number(), v.integer(), v.minValue(8), v.maxValue(65536))),
});

/**
 * Reads a `task.json`, for example
 *
 * ```json
 * {"kind": "classification", "columns": {"text": "review", "label": "stars"}, "metric": "macro_f1"}
 * ```
 *
 * @param file its name, for messages.
 * @throws {PipelineError} naming the key and what it may be.
 */
export function parseDescription(json: string, file: string): TaskDescription {
  const fault = (what: string): PipelineError => new PipelineError(`${file}: ${what}`);
  const given = parseJson(DESCRIPTION, json, fault);
  const { kind, columns, labels, range } = given;
  const format = given.format ?? defaultFormat(kind);
  const metric = METRICS[kind].find((name) => name === (given.metric ?? DEFAULT_METRIC[kind]));
  if (!metric) throw fault(`metric is "${given.metric}"; ${kind} has ${METRICS[kind].join(", ")}`);
  if (format === "table" && !columns) {
    throw fault(
      `columns is missing; a table needs it, such as {"text": "sentence", "label": "label"}`,
    );
  }
  if ((kind === "multiple_choice") !== (columns?.choices !== undefined)) {
    throw fault(
      "columns.choices lists the columns of the answers, for multiple_choice and it alone",
    );
  }
  return {
    kind,
    format,
    metric,
    columns,
    labels,
    range,
    labelNames: given.label_names,
    tagScheme: given.tag_scheme,
    unordered: given.unordered,
    epochs: given.num_train_epochs,
    maxSeqLength: given.max_seq_length,
  };
}

function defaultFormat(kind: TaskKind): DataFormat {
  if (kind === "tagging") return "columns";
  return kind === "reading" ? "squad" : "table";
}
