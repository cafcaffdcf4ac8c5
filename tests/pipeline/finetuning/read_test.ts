/** Labelled data as it is published: each format, and rows that are not as they should be. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { CodePoints } from "../../../pipeline/finetuning/code_points.ts";
import { parseDescription } from "../../../pipeline/finetuning/description.ts";
import type { FinetuningExample } from "../../../pipeline/finetuning/example.ts";
import { BadRows } from "../../../pipeline/finetuning/formats/report.ts";
import { KNOWN_TASKS } from "../../../pipeline/finetuning/known_tasks.ts";
import {
  describeTask,
  type FinetuningSplit,
  readSplit,
} from "../../../pipeline/finetuning/read.ts";

/** Writes files into a folder named as a task, reads a split of it, and removes it. */
async function read(
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  split: FinetuningSplit = "train",
  bad?: BadRows,
): Promise<{ examples: readonly FinetuningExample[]; cut: boolean }> {
  const root = await Deno.makeTempDir();
  try {
    const folder = join(root, name);
    for (const [file, content] of Object.entries(files)) {
      const path = join(folder, file);
      await Deno.mkdir(join(path, ".."), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(path, content);
      else await Deno.writeFile(path, content);
    }
    return await readSplit(folder, await describeTask(folder, name), split, bad?.add);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const PAIR = `{"kind": "classification", "columns": {"text": "a", "second": "b", "label": "y"}}`;

Deno.test("TSV takes quotes as text and keeps every column by its header's name", async () => {
  const { examples } = await read("mine", {
    "task.json": PAIR,
    "train.tsv": 'y\ta\tb\nはい\t"引用\t二番目\n\nいいえ\tx\ty\r\n',
    "dev.tsv": "y\ta\tb\nはい\tx\ty\n",
  });
  assertEquals(
    examples.map((e) => e.kind === "classification" && [e.text, e.second, e.label, e.place.row]),
    [['"引用', "二番目", "はい", 2], ["x", "y", "いいえ", 4]],
  );
});

Deno.test("CSV fields may hold commas, quotes and line ends", async () => {
  const { examples } = await read("mine", {
    "task.json": PAIR,
    "train.csv": '\ufeffa,b,y\n"一、\n二,三","""引用""",1\n',
    "dev.csv": "a,b,y\nx,y,1\n",
  });
  assertEquals(
    examples.map((e) => e.kind === "classification" && [e.text, e.second, e.label]),
    [["一、\n二,三", '"引用"', "1"]],
  );
});

Deno.test("JSON lines and a JSON list give the same examples", async () => {
  const rows = [{ a: "一", b: "二", y: 1 }, { a: "三", b: "四", y: 0 }];
  const dev = { "dev.jsonl": JSON.stringify(rows[0]) };
  const lines = await read("mine", {
    "task.json": PAIR,
    "train.jsonl": rows.map((row) => JSON.stringify(row)).join("\n"),
    ...dev,
  });
  const list = await read("mine", {
    "task.json": PAIR,
    "train.json": JSON.stringify(rows),
    ...dev,
  });
  const plain = ({ examples }: typeof list): unknown[] =>
    examples.map((e) => e.kind === "classification" && [e.text, e.second, e.label]);
  assertEquals(plain(lines), [["一", "二", "1"], ["三", "四", "0"]]);
  assertEquals(plain(list), plain(lines));
});

Deno.test("JGLUE's files are read under their published names", async () => {
  const jsts = { sentence_pair_id: "7", sentence1: "川", sentence2: "海", label: 3.8 };
  const regression = await read("jsts", {
    "train-v1.3.json": JSON.stringify(jsts) + "\n",
    "valid-v1.3.json": JSON.stringify(jsts) + "\n",
  }, "dev");
  assertEquals(regression.examples[0].kind === "regression" && regression.examples[0].label, 3.8);
  assertEquals([regression.examples[0].id, regression.cut], ["7", false]);
  const choices = Object.fromEntries(
    ["世界", "写真", "絵本", "論文", "図鑑"].map((c, i) => [`choice${i}`, c]),
  );
  const row = JSON.stringify({ q_id: 0, question: "どれ？", ...choices, label: 2 }) + "\n";
  const choice = await read("jcommonsenseqa", { "train-v1.3.json": row, "valid-v1.3.json": row });
  const [example] = choice.examples;
  assert(example.kind === "multiple_choice");
  assertEquals(example.choices[example.label!], "絵本");
});

Deno.test("SQuAD's places count code points, and ours UTF-16 units", async () => {
  const qas = [
    {
      id: "1",
      question: "家?",
      answers: [{ text: "吉野家", answer_start: 2 }],
      is_impossible: false,
    },
    { id: "2", question: "無?", answers: [], is_impossible: true },
  ];
  const file = JSON.stringify({ data: [{ paragraphs: [{ context: "𠮷、吉野家です。", qas }] }] });
  const { examples } = await read("jsquad", { "train-v1.3.json": file, "valid-v1.3.json": file });
  const [first, second] = examples;
  assert(first.kind === "reading" && second.kind === "reading");
  assertEquals(first.answers, [{ text: "吉野家", start: 3 }]);
  assertEquals(first.context.slice(3, 6), "吉野家");
  assertEquals(second.answers, []);
});

Deno.test("entities stand where they are said to, or the row is named", async () => {
  const good = {
    curid: "1",
    text: "𠮷田は京都へ",
    entities: [
      { name: "京都", span: [3, 5], type: "地名" },
      { name: "𠮷田", span: [0, 2], type: "人名" },
    ],
  };
  const wrong = { ...good, entities: [{ name: "京都", span: [2, 4], type: "地名" }] };
  const crossing = {
    ...good,
    entities: [
      { name: "𠮷田", span: [0, 2], type: "人名" },
      { name: "田は", span: [1, 3], type: "人名" },
    ],
  };
  const bad = new BadRows();
  const { examples } = await read(
    "ner-wikipedia",
    {
      "train.json": JSON.stringify([good, wrong, crossing]),
      "dev.json": JSON.stringify([good]),
    },
    "train",
    bad,
  );
  assert(examples.length === 1 && examples[0].kind === "tagging");
  const { text, spans } = examples[0];
  assertEquals(spans!.map(({ start, end }) => text.slice(start, end)), ["𠮷田", "京都"]);
  assertEquals(bad.count, 2);
  assertStringIncludes(
    bad.examples[0],
    `row 2: the entity "京都" is said to stand where the text has "は京"`,
  );
  assertStringIncludes(bad.examples[1], "overlap");
});

Deno.test("tags in columns become spans of the joined text in every scheme", async () => {
  const expected = [["山田", "人名"], ["太郎", "人名"], ["New York", "地名"]];
  const files: Readonly<Record<string, string>> = {
    BIO: "山田\tB-人名\n太郎\tB-人名\nは\tO\nNew\tB-地名\nYork\tI-地名\nへ\tO\n",
    IOB1: "山田\tI-人名\n太郎\tB-人名\nは\tO\nNew\tI-地名\nYork\tI-地名\nへ\tO\n",
    BILOU: "山田 U-人名\n太郎 U-人名\nは O\nNew B-地名\nYork L-地名\nへ O\n",
    IREX: "山田\t人名-B\n太郎\t人名-B\nは\tO\nNew\t地名-B\nYork\t地名-I\nへ\tO\n",
  };
  for (const [scheme, text] of Object.entries(files)) {
    const { examples } = await read("mine", {
      "task.json": JSON.stringify({ kind: "tagging", tag_scheme: scheme }),
      "train.conll": text + "\n" + text,
      "dev.conll": text,
    });
    assertEquals(examples.length, 2, scheme);
    for (const example of examples) {
      assert(example.kind === "tagging");
      assertEquals(example.text, "山田太郎はNew Yorkへ");
      assertEquals(
        example.spans!.map(({ start, end, label }) => [example.text.slice(start, end), label]),
        expected,
        scheme,
      );
    }
  }
});

Deno.test("a line without a tag names its sentence and its line", async () => {
  const error = await assertRejects(
    () =>
      read("mine", {
        "task.json": `{"kind": "tagging"}`,
        "train.conll": "東京\tB-地名\n\n京都\n",
        "dev.conll": "東京\tB-地名\n",
      }),
    PipelineError,
  );
  assertStringIncludes(error.message, "train.conll, row 3: line 3 is no token with a tag");
});

Deno.test("livedoor's articles lose address and date, and keep title and text", async () => {
  const article = (n: number): string =>
    `http://example.com/${n}\n2012-01-01T00:00:00+0900\n題 ${n}\n\n本文\n`;
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`${n % 2 ? "sports" : "movie"}/a-${n}.txt`, article(n)]),
  );
  const all = { ...files, "sports/LICENSE.txt": "x\ny\nz\n", "README.txt": "" };
  const train = await read("livedoor", all), dev = await read("livedoor", all, "dev");
  assertEquals(train.examples.length + dev.examples.length, 40);
  assertEquals([train.cut, dev.cut], [true, true]);
  const [first] = train.examples;
  assert(first.kind === "classification");
  assertEquals([first.text, first.label], ["題 0\n本文", "movie"]);
  const ids = new Set(train.examples.map(({ id }) => id));
  assert(dev.examples.every(({ id }) => !ids.has(id)));
  // a-26.txt has a SHA-256 that is 1 modulo 10; reckoned with another tool.
  for (const { id } of dev.examples) assert(await lastDigit(id) === 1n, id);
});

async function lastDigit(id: string): Promise<bigint> {
  const digest = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)),
  );
  return BigInt("0x" + [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")) %
    10n;
}

Deno.test("a bad row is named by file, row and reason, or counted", async () => {
  const files = {
    "task.json": `{"kind": "regression", "columns": {"text": "a", "label": "y"}, "range": [0, 5]}`,
    "train.tsv": "a\ty\n良い\t4.5\n悪い\tおよそ2\n並み\t7\n短い\n無印\t\n",
    "dev.tsv": "a\ty\nx\t1\n",
  };
  const error = await assertRejects(() => read("mine", files), PipelineError);
  assertStringIncludes(error.message, `train.tsv, row 3: its label is "およそ2", not a number`);
  const bad = new BadRows();
  const { examples } = await read("mine", files, "train", bad);
  assertEquals(examples.map((e) => e.kind === "regression" && e.label), [4.5, undefined]);
  assertEquals(bad.count, 3);
  assertStringIncludes(bad.examples[1], "row 4: its label 7 lies outside of 0 to 5");
  assertStringIncludes(bad.examples[2], "row 5: has 1 fields where the header has 2");
});

Deno.test("what is missing, empty, given twice or not UTF-8 is told in one line", async () => {
  const cases: [string, Readonly<Record<string, string | Uint8Array>>, string][] = [
    ["mine", { "train.tsv": "a\n" }, `write it, for instance {"kind"`],
    [
      "mine",
      { "task.json": PAIR, "train.tsv": "a\ty\n" },
      `has no column "b"; its first row names "a", "y"`,
    ],
    ["mine", { "task.json": PAIR, "train.tsv": "a\tb\ty\n" }, "holds no example"],
    ["mine", { "task.json": PAIR, "other.tsv": "" }, "has no file for the split train"],
    [
      "mine",
      { "task.json": PAIR, "train.tsv": "", "train.csv": "" },
      "several files may be the split train",
    ],
    ["mine", { "task.json": PAIR, "train.jsonl": "{" }, "row 1: not JSON"],
    ["mine", { "task.json": PAIR, "train.tsv": Uint8Array.of(0x82, 0xa0) }, "not UTF-8"],
    ["mine", { "task.json": PAIR, "train.tsv.gz": Uint8Array.of(1, 2, 3) }, "damaged gzip"],
    [
      "jsts",
      { "train.json": '{"sentence1": "x", "label": 1}' },
      `row 1: has no text in "sentence2"`,
    ],
    ["jsquad", { "train.json": "[]", "dev.json": "[]" }, "not SQuAD's layout"],
  ];
  for (const [name, files, message] of cases) {
    const error = await assertRejects(() => read(name, files), PipelineError);
    assertStringIncludes(error.message, message);
  }
  const twice = '{"sentence_pair_id": 1, "sentence1": "x", "sentence2": "y", "label": 1}\n';
  const error = await assertRejects(
    () => read("jsts", { "train.json": twice + twice, "dev.json": twice }),
    PipelineError,
  );
  assertStringIncludes(error.message, `row 2: the id "1" stands in another row too`);
});

Deno.test("task.json is refused by key and value", () => {
  const cases: [string, string][] = [
    ["[]", "task.json: kind is missing"],
    ["{", "not JSON"],
    [`{"kind": "sorting"}`, `kind is "sorting"`],
    [`{"kind": "tagging", "colour": 1}`, "colour"],
    [`{"kind": "classification"}`, "columns is missing"],
    [`{"kind": "classification", "columns": {"text": 1}}`, "columns.text is 1"],
    [`{"kind": "multiple_choice", "columns": {"text": "q"}}`, "columns.choices lists"],
    [`{"kind": "tagging", "labels": ["a", "a"]}`, "the words must differ"],
    [
      `{"kind": "regression", "columns": {"text": "a"}, "range": [5, 0]}`,
      "the lesser must come first",
    ],
    [`{"kind": "tagging", "metric": "accuracy"}`, `metric is "accuracy"; tagging has span_f1`],
    [`{"kind": "tagging", "max_seq_length": 9.5}`, "max_seq_length is 9.5"],
  ];
  for (const [json, message] of cases) {
    const error = assertThrows(() => parseDescription(json, "task.json"), PipelineError);
    assertStringIncludes(error.message, message);
  }
  assertEquals(parseDescription(`{"kind": "reading"}`, "task.json").format, "squad");
  assertEquals(Object.keys(KNOWN_TASKS).length, 8);
});

Deno.test("code points and UTF-16 units convert both ways, and places outside have none", () => {
  const places = new CodePoints("a𠮷b😀");
  assertEquals([0, 1, 2, 3, 4, 5].map((i) => places.toUnits(i)), [0, 1, 3, 4, 6, undefined]);
  assertEquals([0, 1, 2, 3, 4, 5, 6].map((i) => places.fromUnits(i)), [0, 1, 1, 2, 3, 3, 4]);
  assertEquals(new CodePoints("あい").toUnits(2), 2);
  assertEquals(new CodePoints("あい").toUnits(-1), undefined);
});
