/** `finetune` on made-up data of every kind, and what `predict` and `evaluate` then say of what it made. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { labelledData, runTaskIn, startTask, tinyPretrained } from "./tiny_pretrained.ts";

const KINDS = ["class", "pair", "entity", "squad", "choice"];

function hparams(more: Readonly<Record<string, unknown>>): string[] {
  const given = {
    max_seq_length: 32,
    train_batch_size: 8,
    eval_batch_size: 8,
    doc_stride: 8,
    ...more,
  };
  return ["--hparams", JSON.stringify(given)];
}

/** Files of a folder by their names, with their contents; what only tells the time is left out. */
function contents(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) {
      for (const [below, text] of contents(path)) found.set(join(name, below), text);
    } else if (name !== "metrics.jsonl" && !path.includes(".kohaku-locks")) {
      const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
      found.set(name, text.replace(/"trainSeconds": .*/, ""));
    }
  }
  return found;
}

Deno.test("finetune, predict and evaluate agree about made-up data of every kind", async (t) => {
  const cwd = await Deno.makeTempDir();
  await tinyPretrained(join(cwd, "data"));
  await labelledData(join(cwd, "data"));
  const trials = join(cwd, "data/models/electra/finetuning_models");
  const scores = new Map<string, Record<string, number>>();

  await t.step("five kinds are learned on one encoder, and results are written", async () => {
    const { code, out, err } = await runTaskIn(cwd, "finetune", hparams({ task_names: KINDS }));
    assertEquals(code, 0, err);
    for (const name of KINDS) assertStringIncludes(out, `${name}: 9 examples of dev`);
    const base = join(cwd, "data/models/electra/results", KINDS.join(",") + "_results");
    const results = JSON.parse(await Deno.readTextFile(`${base}.json`));
    assertEquals(Object.keys(results.tasks), KINDS);
    assert((await Deno.readTextFile(`${base}.svg`)).startsWith("<svg"));
    assertEquals((await Deno.readFile(`${base}.png`)).slice(1, 4), new TextEncoder().encode("PNG"));
    for (const name of KINDS) scores.set(name, results.trials[0].tasks[name].scores);
  });

  await t.step("evaluate gives the same scores, as a table and as JSON", async () => {
    for (const name of ["class", "squad"]) {
      const { code, out, err } = await runTaskIn(cwd, "evaluate", ["--task", name, "--json"]);
      assertEquals(code, 0, err);
      const { scores: again, split, task } = JSON.parse(out);
      assertEquals([split, task], ["dev", name]);
      for (const [metric, score] of Object.entries(scores.get(name)!)) {
        if (score !== null) assertAlmostEquals(again[metric], score, 1e-6, `${name} ${metric}`);
      }
    }
    const table = await runTaskIn(cwd, "evaluate", ["--task", "entity", "--split", "train"]);
    assertEquals(table.code, 0, table.err);
    assertStringIncludes(table.out, "entity: 24 examples of train, 1 trial");
    assertStringIncludes(table.out, "span_f1 *");
  });

  await t.step("predict says what the scores were counted from", async () => {
    const rows = (await Deno.readTextFile(join(cwd, "data/finetuning_data/class/dev.tsv")))
      .trim().split("\n").slice(1).map((row) => row.split("\t"));
    const { code, out, err } = await runTaskIn(
      cwd,
      "predict",
      ["--mode", "classify", "--task", "class"],
      rows.map(([text]) => text + "\n").join(""),
    );
    assertEquals(code, 0, err);
    const answers = out.trim().split("\n").map((line) => JSON.parse(line));
    const right = answers.filter(({ label }, i) => label === rows[i][1]).length;
    assertAlmostEquals(right / rows.length, scores.get("class")!.accuracy, 1e-12);
    for (const { probabilities } of answers) {
      assertEquals(Object.keys(probabilities), ["no", "yes"]);
      assertAlmostEquals(probabilities.no + probabilities.yes, 1, 1e-6);
    }
    const choices = await Deno.readTextFile(join(cwd, "data/finetuning_data/choice/dev.jsonl"));
    const chosen = await runTaskIn(
      cwd,
      "predict",
      ["--mode", "classify", "--task", "choice"],
      choices,
    );
    assertEquals(chosen.code, 0, chosen.err);
    const hits = chosen.out.trim().split("\n").map((line) => JSON.parse(line).choice)
      .filter((choice, i) => choice === i % 3).length;
    assertAlmostEquals(hits / 9, scores.get("choice")!.accuracy, 1e-12);
  });

  await t.step(
    "entities and answers have places in the text as written, also of long texts",
    async () => {
      const long = "𠮷" + "あい".repeat(60) + "日本";
      const tagged = await runTaskIn(cwd, "predict", ["--mode", "tag"], `${long}\n\n日本\n`);
      assertEquals(tagged.code, 0, tagged.err);
      const [first, empty, last] = tagged.out.split("\n");
      assertEquals(empty, "{}");
      for (const [text, line] of [[long, first], ["日本", last]]) {
        const { entities } = JSON.parse(line);
        for (const { start, end, text: words } of entities) {
          assertEquals([...text].slice(start, end).join(""), words);
        }
      }
      const request = { id: "q", question: "どこ", context: long };
      const asked = await runTaskIn(
        cwd,
        "predict",
        ["--mode", "answer", "--top-k", "3"],
        JSON.stringify(request) + "\n",
      );
      assertEquals(asked.code, 0, asked.err);
      const { id, best } = JSON.parse(asked.out);
      assertEquals([id, best.length], ["q", 3]);
      for (const { start, end, text } of best) {
        assertEquals([...long].slice(start, end).join(""), text);
      }
      const value = await runTaskIn(
        cwd,
        "predict",
        ["--mode", "classify", "--task", "pair"],
        "あい\tうえ\nあい\n",
      );
      assertEquals([value.code, value.out.split("\n").length], [1, 2]);
      assert(Number.isFinite(JSON.parse(value.out).value));
      assertStringIncludes(value.err, 'standard input, line 2: has no "second", only "text"');
    },
  );

  await t.step("a head, task, model or tokenizer that is not there is told in a line", async () => {
    const faults = [
      [["predict", "--mode", "tag", "--task", "class"], "no model has the head for this"],
      [["predict", "--mode", "classify", "--task", "jnli"], 'no model of "jnli"'],
      [["predict", "--mode", "classify"], "say which with --task: class, pair, choice"],
      [["predict", "--mode", "embed", "--model-name", "other"], "data/models has electra"],
      [["finetune", ...hparams({ task_names: ["nosuch"] })], "does not exist"],
    ] as const;
    for (const [[task, ...args], message] of faults) {
      const { code, out, err } = await runTaskIn(cwd, task, args, "あ\n");
      assert(code === 1 || code === 2, `${args}: ${code} ${err}`);
      assertStringIncludes(err, message);
      assertEquals(out, "");
      assertEquals(/\n {4}at /.test(err), false, err);
    }
    assertEquals([...Deno.readDirSync(trials)].length, 1);
  });
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("an interrupted trial goes on to the same bytes, with early stopping and bad rows", async (t) => {
  const cwd = await Deno.makeTempDir();
  const data = join(cwd, "data");
  await tinyPretrained(data);
  await labelledData(data);
  const train = join(data, "finetuning_data/class/train.tsv");
  await Deno.writeTextFile(train, "one field\n", { append: true });
  const given = hparams({
    task_names: ["class"],
    num_train_epochs: 40,
    early_stopping: 30,
    learning_rate: 1e-3,
    metric_for_best_model: "macro_f1",
  });

  await t.step("a bad row is named, and left out where that is asked for", async () => {
    const { code, err } = await runTaskIn(cwd, "finetune", given);
    assertEquals(code, 1);
    assertStringIncludes(err, "train.tsv, row 26: has 1 fields where the header has 2");
  });

  const trial = join(data, "models/electra/finetuning_models/class_1");
  let whole = new Map<string, string>();
  await t.step("a whole trial keeps the best model", async () => {
    const { code, err } = await runTaskIn(cwd, "finetune", ["--skip-bad", ...given]);
    assertEquals(code, 0, err);
    assertStringIncludes(err, "left 1 bad rows out");
    whole = contents(trial);
    const { step } = JSON.parse(whole.get("result.json")!);
    assertEquals(JSON.parse(whole.get("best/best.json")!).step, step);
  });

  await t.step("Ctrl-C saves, and the same command ends with the same files", async () => {
    await Deno.remove(trial, { recursive: true });
    const child = startTask("finetune", cwd, ["--skip-bad", ...given]);
    await child.stdin.close();
    const metrics = join(trial, "metrics.jsonl");
    for (let tries = 0; tries < 600; tries++) {
      const text = await Deno.readTextFile(metrics).catch(() => "");
      if (text.includes("eval")) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    const said = new TextDecoder().decode(stderr);
    assertEquals(code, 130, said);
    assertStringIncludes(said, "the same command goes on from there");
    const again = await runTaskIn(cwd, "finetune", ["--skip-bad", ...given]);
    assertEquals(again.code, 0, again.err);
    const files = contents(trial);
    assertEquals([...files.keys()].sort(), [...whole.keys()].sort());
    for (const [name, text] of whole) assert(files.get(name) === text, `${name} differs`);
  });

  await t.step("a trial that is done is not run again", async () => {
    const { code, err } = await runTaskIn(cwd, "finetune", ["--skip-bad", ...given]);
    assertEquals(code, 0, err);
    assertStringIncludes(err, "trial 1 is done already");
  });
  await Deno.remove(cwd, { recursive: true });
});
