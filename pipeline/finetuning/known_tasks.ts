/**
 * Published Japanese data sets, read as they are published.
 *
 * @module
 */
import type { TaskDescription } from "./description.ts";

const PAIR_COLUMNS = {
  id: "sentence_pair_id",
  text: "sentence1",
  second: "sentence2",
  label: "label",
} as const;

/** Data sets by the names that `task_names` takes. */
export const KNOWN_TASKS: Readonly<Record<string, TaskDescription>> = {
  // JGLUE (Kurihara et al., LREC 2022).
  "jsts": {
    kind: "regression",
    format: "table",
    columns: PAIR_COLUMNS,
    range: [0, 5],
    metric: "spearman",
    unordered: true,
    epochs: 10,
  },
  "jnli": {
    kind: "classification",
    format: "table",
    columns: PAIR_COLUMNS,
    labels: ["entailment", "contradiction", "neutral"],
    metric: "accuracy",
  },
  "jsquad": {
    kind: "reading",
    format: "squad",
    metric: "f1",
    epochs: 2,
    maxSeqLength: 512,
  },
  "jcommonsenseqa": {
    kind: "multiple_choice",
    format: "table",
    columns: {
      id: "q_id",
      text: "question",
      choices: ["choice0", "choice1", "choice2", "choice3", "choice4"],
      label: "label",
    },
    metric: "accuracy",
    maxSeqLength: 64,
  },
  // JCoLA (Someya et al., 2024): acceptability, with JGLUE from version 1.2 on.
  "jcola": {
    kind: "classification",
    format: "table",
    columns: { id: "uid", text: "sentence", label: "label" },
    labels: ["0", "1"],
    labelNames: { "0": "unacceptable", "1": "acceptable" },
    metric: "accuracy",
  },
  "marc-ja": {
    kind: "classification",
    format: "table",
    columns: { id: "review_id", text: "sentence", label: "label" },
    labels: ["positive", "negative"],
    metric: "accuracy",
    maxSeqLength: 512,
  },
  // The livedoor news corpus (RONDHUIT), nine-way as in yoheikikuta/bert-japanese.
  "livedoor": {
    kind: "classification",
    format: "articles",
    metric: "accuracy",
    maxSeqLength: 512,
  },
  // stockmarkteam/ner-wikipedia-dataset.
  "ner-wikipedia": {
    kind: "tagging",
    format: "entities",
    metric: "span_f1",
  },
};
