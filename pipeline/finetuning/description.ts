/**
 * What a data set of fine-tuning is: `task.json`, or one of the published sets known by name.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
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

const KINDS = Object.keys(DEFAULT_METRIC) as TaskKind[];
const FORMATS: readonly DataFormat[] = ["table", "columns", "entities", "squad", "articles"];
const SCHEMES = ["BIO", "IOB1", "BILOU", "IREX"] as const;

/** Metrics that a kind of task has. */
export const METRICS: Readonly<Record<TaskKind, readonly MetricName[]>> = {
  classification: ["accuracy", "macro_f1", "matthews", "auc"],
  regression: ["pearson", "spearman"],
  tagging: ["span_f1"],
  reading: ["exact_match", "f1"],
  multiple_choice: ["accuracy"],
};

const KEYS = [
  "kind",
  "format",
  "columns",
  "labels",
  "label_names",
  "range",
  "tag_scheme",
  "metric",
  "unordered",
  "num_train_epochs",
  "max_seq_length",
];

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
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new PipelineError(`${file}: not JSON (${(error as Error).message})`);
  }
  const fail = (message: string): never => {
    throw new PipelineError(`${file}: ${message}`);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail(`a JSON object is expected, such as {"kind": "classification"}`);
  }
  const given = value as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (!KEYS.includes(key)) fail(`unknown key "${key}"; known are ${KEYS.join(", ")}`);
  }
  const oneOf = <T extends string>(key: string, valid: readonly T[], missing?: T): T => {
    const word = given[key] ?? missing;
    const found = valid.find((candidate) => candidate === word);
    return found ?? fail(`"${key}" must be one of ${valid.join(", ")}, not ${show(word)}`);
  };
  const kind = oneOf("kind", KINDS);
  const format = oneOf("format", FORMATS, defaultFormat(kind));
  const metric = oneOf("metric", METRICS[kind], DEFAULT_METRIC[kind]);
  const columns = given.columns === undefined ? undefined : columnNames(given.columns, kind, fail);
  if (format === "table" && !columns) fail(`"columns" must name the columns of the table`);
  const labels = given.labels;
  if (labels !== undefined && !isStrings(labels)) {
    fail(`"labels" must be a list of different words, not ${show(labels)}`);
  }
  const range = given.range;
  if (range !== undefined && !isRange(range)) {
    fail(`"range" must be two numbers, the lesser first, not ${show(range)}`);
  }
  const names = given.label_names;
  if (names !== undefined && !isStringRecord(names)) {
    fail(`"label_names" must map words to words, not ${show(names)}`);
  }
  const unordered = given.unordered ?? false;
  if (typeof unordered !== "boolean") fail(`"unordered" must be true or false`);
  const positive = (key: string, integer: boolean): number | undefined => {
    const number = given[key];
    if (number === undefined) return undefined;
    if (typeof number === "number" && number > 0 && (!integer || Number.isInteger(number))) {
      return number;
    }
    return fail(`"${key}" must be a positive ${integer ? "integer" : "number"}`);
  };
  return {
    kind,
    format,
    metric,
    columns,
    labels: labels as readonly string[] | undefined,
    labelNames: names as Readonly<Record<string, string>> | undefined,
    range: range as readonly [number, number] | undefined,
    tagScheme: given.tag_scheme === undefined ? undefined : oneOf("tag_scheme", SCHEMES),
    unordered: unordered as boolean,
    epochs: positive("num_train_epochs", false),
    maxSeqLength: positive("max_seq_length", true),
  };
}

function defaultFormat(kind: TaskKind): DataFormat {
  if (kind === "tagging") return "columns";
  return kind === "reading" ? "squad" : "table";
}

function columnNames(
  value: unknown,
  kind: TaskKind,
  fail: (message: string) => never,
): ColumnNames {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail(`"columns" must be an object, such as {"text": "sentence", "label": "label"}`);
  }
  const { id, text, second, label, choices, ...unknown } = value as Record<string, unknown>;
  for (const key of Object.keys(unknown)) {
    fail(`"columns" has no "${key}"; it may have id, text, second, label and choices`);
  }
  for (const [key, name] of Object.entries({ id, second, label })) {
    if (name !== undefined && typeof name !== "string") fail(`"columns.${key}" must be a word`);
  }
  if (typeof text !== "string") return fail(`"columns.text" must name the column of the text`);
  if (kind === "multiple_choice" ? !isStrings(choices) : choices !== undefined) {
    fail(
      kind === "multiple_choice"
        ? `"columns.choices" must list the columns of the answers`
        : `"columns.choices" is for kind multiple_choice`,
    );
  }
  return { id, text, second, label, choices } as ColumnNames;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 1 &&
    value.every((word) => typeof word === "string") && new Set(value).size === value.length;
}

function isRange(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) &&
    value[0] < value[1];
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((word) => typeof word === "string");
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
