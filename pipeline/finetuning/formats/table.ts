/**
 * Tables of texts and labels: TSV, CSV and JSON lines with named columns.
 *
 * TSV is as the original reads it: a tab parts fields, a line end parts rows, quotes are text. CSV is RFC
 * 4180: fields in quotes may hold commas, quotes and line ends. JSON may also be one list of objects.
 *
 * @module
 */
import { parse as parseCsv } from "@std/csv/parse.js";
import { PipelineError } from "../../errors.ts";
import type { ColumnNames, TaskDescription } from "../description.ts";
import type {
  ClassificationExample,
  FinetuningExample,
  MultipleChoiceExample,
  RegressionExample,
} from "../example.ts";
import type { OnBadRow } from "./report.ts";

/** A row by the names of its columns. */
interface Row {
  readonly number: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * The examples of a table.
 *
 * @param text the whole file.
 * @param file its name; the ending tells TSV, CSV and JSON apart.
 * @throws {PipelineError} when a column that the description names is missing.
 */
export function* readTable(
  text: string,
  file: string,
  description: TaskDescription,
  onBad: OnBadRow,
): Generator<FinetuningExample> {
  const columns = description.columns!;
  for (const row of rowsOf(text, file, columns, onBad)) {
    const example = exampleOf(row, file, description, columns, onBad);
    if (example) yield example;
  }
}

function rowsOf(text: string, file: string, columns: ColumnNames, onBad: OnBadRow): Iterable<Row> {
  if (/\.tsv(\.gz)?$/.test(file)) return fieldRows(tsvRows(text), file, columns, onBad);
  if (/\.csv(\.gz)?$/.test(file)) return fieldRows(csvRows(text, file), file, columns, onBad);
  return jsonRows(text, file, onBad);
}

function* tsvRows(text: string): Generator<{ number: number; fields: string[] }> {
  let number = 0;
  for (const line of text.split(/\r?\n/)) {
    number++;
    if (line !== "") yield { number, fields: line.split("\t") };
  }
}

function* csvRows(text: string, file: string): Generator<{ number: number; fields: string[] }> {
  let rows: string[][];
  try {
    rows = parseCsv(text, { fieldsPerRecord: -1 });
  } catch (error) {
    throw new PipelineError(`${file}: not CSV (${(error as Error).message})`);
  }
  let number = 0;
  for (const fields of rows) {
    number++;
    if (fields.length > 1 || fields[0] !== "") yield { number, fields };
  }
}

/** Rows whose first names the columns. */
function* fieldRows(
  rows: Iterable<{ number: number; fields: string[] }>,
  file: string,
  columns: ColumnNames,
  onBad: OnBadRow,
): Generator<Row> {
  let header: string[] | undefined;
  for (const { number, fields } of rows) {
    if (!header) {
      header = fields;
      requireColumns(header, file, columns);
    } else if (fields.length !== header.length) {
      onBad(
        { file, row: number },
        `has ${fields.length} fields where the header has ${header.length}`,
      );
    } else {
      const named = header.map((name, i) => [name, fields[i]] as const);
      yield { number, fields: Object.fromEntries(named) };
    }
  }
}

function requireColumns(header: readonly string[], file: string, columns: ColumnNames): void {
  const { text, second, choices = [] } = columns;
  for (const name of [text, second, ...choices]) {
    if (name === undefined || header.includes(name)) continue;
    throw new PipelineError(
      `${file}: has no column "${name}"; its first row names ${header.map(quote).join(", ")}`,
    );
  }
}

function* jsonRows(text: string, file: string, onBad: OnBadRow): Generator<Row> {
  if (text.trimStart().startsWith("[")) {
    let list: unknown[];
    try {
      list = JSON.parse(text);
    } catch (error) {
      throw new PipelineError(`${file}: not JSON (${(error as Error).message})`);
    }
    for (const [index, value] of list.entries()) yield* objectRow(value, index + 1, file, onBad);
    return;
  }
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      onBad({ file, row: number }, `not JSON (${(error as Error).message})`);
      continue;
    }
    yield* objectRow(value, number, file, onBad);
  }
}

function* objectRow(
  value: unknown,
  number: number,
  file: string,
  onBad: OnBadRow,
): Generator<Row> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    yield { number, fields: value as Record<string, unknown> };
  } else onBad({ file, row: number }, "not a JSON object");
}

function exampleOf(
  { number, fields }: Row,
  file: string,
  description: TaskDescription,
  columns: ColumnNames,
  onBad: OnBadRow,
): FinetuningExample | undefined {
  const place = { file, row: number };
  const missing: string[] = [];
  const word = (name: string): string => {
    const value = fields[name];
    if (typeof value === "string") return value;
    if (typeof value === "number") return String(value);
    missing.push(name);
    return "";
  };
  const id = columns.id !== undefined && fields[columns.id] !== undefined
    ? String(fields[columns.id])
    : String(number);
  const text = word(columns.text);
  const second = columns.second === undefined ? undefined : word(columns.second);
  const choices = columns.choices?.map(word);
  const raw = columns.label === undefined ? undefined : fields[columns.label];
  if (missing.length > 0) {
    onBad(place, `has no text in ${missing.map(quote).join(", ")}`);
    return undefined;
  }
  const unlabelled = raw === undefined || raw === null || raw === "";
  if (choices) {
    return choice({ id, place, kind: "multiple_choice", question: text, choices }, raw, onBad);
  }
  if (description.kind === "regression") {
    const example = { kind: "regression", id, place, text, second } as const;
    return unlabelled ? example : numberOf(example, raw, description, onBad);
  }
  const example: ClassificationExample = { kind: "classification", id, place, text, second };
  if (unlabelled) return example;
  if (typeof raw === "object") {
    onBad(place, `its label is ${JSON.stringify(raw)}, not a word`);
    return undefined;
  }
  return { ...example, label: String(raw) };
}

function numberOf(
  example: RegressionExample,
  raw: unknown,
  { range }: TaskDescription,
  onBad: OnBadRow,
): RegressionExample | undefined {
  const label = typeof raw === "string" ? Number(raw) : raw;
  if (typeof label !== "number" || !Number.isFinite(label)) {
    onBad(example.place, `its label is ${JSON.stringify(raw)}, not a number`);
    return undefined;
  }
  if (range && (label < range[0] || label > range[1])) {
    onBad(example.place, `its label ${label} lies outside of ${range[0]} to ${range[1]}`);
    return undefined;
  }
  return { ...example, label };
}

/** The right answer, by its number from 0. */
function choice(
  example: MultipleChoiceExample,
  raw: unknown,
  onBad: OnBadRow,
): MultipleChoiceExample | undefined {
  if (raw === undefined || raw === null || raw === "") return example;
  const label = typeof raw === "string" ? Number(raw) : raw;
  if (
    Number.isInteger(label) && (label as number) >= 0 && (label as number) < example.choices.length
  ) {
    return { ...example, label: label as number };
  }
  onBad(
    example.place,
    `its label is ${JSON.stringify(raw)}, not the number of an answer from 0 to ${
      example.choices.length - 1
    }`,
  );
  return undefined;
}

function quote(name: string): string {
  return `"${name}"`;
}
