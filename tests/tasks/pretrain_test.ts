/** `pretrain` on a corpus of a few made-up documents: what its hyperparameters do, and how runs end. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import { decodeSafeTensors, type SafeTensor } from "../../model/files/safetensors.ts";
import { Random } from "../../pipeline/examples/random.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { decodeJson } from "../../tasks/common/json.ts";
import { tinyModel } from "../pipeline/tiny_model.ts";
import { type ReadEvent, readEvents, scalarOf } from "./event_reader.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

const HPARAMS = {
  model_hparam_overrides: {
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    max_position_embeddings: 16,
  },
  embedding_size: 8,
  generator_hidden_size: 0.5,
  max_seq_length: 16,
  train_batch_size: 2,
  eval_batch_size: 2,
  num_train_steps: 6,
  num_warmup_steps: 1,
  save_checkpoints_steps: 2,
};

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(name: string, cwd: string, ...args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      `--config=${join(ROOT, "deno.json")}`,
      "--allow-read",
      "--allow-write",
      "--allow-env",
      join(ROOT, `tasks/${name}.ts`),
      ...args,
    ],
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

async function pretrain(
  cwd: string,
  model: string | undefined,
  hparams: Record<string, unknown>,
  ...flags: string[]
): Promise<Outcome> {
  const given = JSON.stringify({ ...HPARAMS, ...hparams });
  const name = model === undefined ? [] : ["--model-name", model];
  return await run("pretrain", cwd, "--tune", "off", "--hparams", given, ...name, ...flags);
}

async function metricsOf(cwd: string, model: string): Promise<Record<string, unknown>[]> {
  const text = await Deno.readTextFile(join(cwd, "data/models", model, "metrics.jsonl"));
  return text.trim().split("\n").map((line) => {
    JSON.parse(line);
    return decodeJson(line) as Record<string, unknown>;
  });
}

function checkpointsOf(cwd: string, model: string): string[] {
  const folder = join(cwd, "data/models", model, "checkpoints");
  return [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name.startsWith("step")
  ).sort();
}

Deno.test("pretrain does what its hyperparameters say, and ends as the run went", async (t) => {
  const cwd = await Deno.makeTempDir();
  const data = join(cwd, "data");
  await Deno.mkdir(join(data, "text"), { recursive: true });
  const model = tinyModel();
  await Deno.writeFile(join(data, "wiki-ja.model"), model);
  const processor = SentencePieceProcessor.fromBytes(model);
  const pieces = Array.from({ length: processor.vocabSize }, (_, id) => processor.idToPiece(id));
  await Deno.writeTextFile(join(data, "vocab.txt"), pieces.map((piece) => piece + "\n").join(""));
  const random = new Random(1, "text");
  const letters = [..."あいうえおかきくけこさしすせそ"];
  const sentence = (): string =>
    Array.from({ length: 4 }, () => letters[random.integer(0, 14)]).join("") + "。";
  const documents = Array.from({ length: 30 }, (_, id) =>
    JSON.stringify({
      id: String(id),
      url: "",
      title: `${id}`,
      text: Array.from({ length: 8 }, sentence).join("\n"),
    }) + "\n");
  await Deno.writeTextFile(join(data, "text/a.jsonl"), documents.join(""));
  const built = await run("build", cwd, "--max-seq-length", "16", "--eval-fraction", "0.2");
  assertEquals(built.code, 0, built.err);

  await t.step("paths, names, checkpoints and evaluations are as the keys say", async () => {
    const { code, out, err } = await pretrain(cwd, undefined, {
      model_name: "keys",
      keep_checkpoint_max: 2,
      do_eval: true,
      num_eval_steps: 1,
      vocab_file: "data/vocab.txt",
      model_sentencepiece_path: "data/wiki-ja.model",
      pretrain_tfrecords: "data/pretrain_tfrecords/pretrain_data*",
      do_lower_case: false,
      model_dir: "elsewhere",
      results_txt: "results.txt",
    });
    assertEquals(code, 0, err);
    assertStringIncludes(err, "without effect here: model_dir, results_txt");
    assertStringIncludes(out, "masked_lm_loss");
    assertEquals(checkpointsOf(cwd, "keys"), ["step-00000004", "step-00000006"]);
    const lines = await metricsOf(cwd, "keys");
    assertEquals(lines.filter((line) => line.eval).length, 1);
    const config = JSON.parse(await Deno.readTextFile(join(data, "models/keys/config.json")));
    assertEquals([config.precision, typeof config.device], ["f32", "string"]);
    assert(lines.some(({ step_ms }) => step_ms as number > 0));
    for (const { idle_share, padding_share } of lines.filter((line) => !line.eval)) {
      for (const share of [idle_share, padding_share] as number[]) assert(share >= 0 && share < 1);
    }
  });

  await t.step(
    "what is watched is whole and without repetition when a run is stopped",
    async () => {
      const hparams = { eval_steps: 2, do_eval: true };
      const first = await pretrain(cwd, "watched", { ...hparams, num_train_steps: 4 });
      assertEquals(first.code, 0, first.err);
      const second = await pretrain(cwd, "watched", hparams, "--resume");
      assertEquals(second.code, 0, second.err);
      const lines = await metricsOf(cwd, "watched");
      const steps = (held: boolean): number[] =>
        lines.filter((line) => "eval" in line === held).map(({ step }) => step as number);
      assertEquals(steps(false), [1, 2, 3, 4, 5, 6]);
      assertEquals(steps(true), [0, 2, 4, 6]);

      const folder = join(data, "models/watched");
      const [name, ...others] = [...Deno.readDirSync(folder)].map(({ name }) => name)
        .filter((name) => name.startsWith("events.out.tfevents."));
      assertEquals(others, []);
      const events = readEvents(await Deno.readFile(join(folder, name)));
      const tagged = (tag: string): ReadEvent[] => events.filter(({ values }) => values.has(tag));
      assertEquals(tagged("loss").map(({ step }) => step), steps(false));
      assertEquals(tagged("disc_auc").map(({ step }) => step), steps(true));
      assertEquals(tagged("weights/discriminator/layer 0").map(({ step }) => step), [2, 4, 6]);
      assertEquals(tagged("gradients/generator/head").map(({ step }) => step), [2, 4, 6]);
      const last = lines.findLast((line) => !line.eval)!;
      assertEquals(scalarOf(tagged("loss").at(-1)!, "loss"), Math.fround(last.loss as number));

      const samples = JSON.parse(await Deno.readTextFile(join(folder, "samples.json")));
      assertEquals([samples.step, samples.threshold], [6, 0.5]);
      assert(samples.sentences.length > 0);
      for (const pieces of samples.sentences) {
        assert(pieces.at(-1).text.endsWith("。") || pieces.at(-1).original.endsWith("。"));
        for (const { text, probability } of pieces) {
          assert(typeof text === "string" && probability > 0 && probability < 1);
        }
      }
    },
  );

  await t.step(
    "a run may begin with another's weights, and keep an average of its own",
    async () => {
      const from = "data/models/watched/checkpoints/step-00000006";
      const hparams = {
        init_checkpoint: from,
        ema_decay: 0.5,
        learning_rate: 0,
        num_train_steps: 2,
      };
      const { code, err } = await pretrain(cwd, "begun", hparams);
      assertEquals(code, 0, err);
      const weights = (folder: string, name: string): Map<string, SafeTensor> => {
        const path = join(cwd, folder, name);
        return new Map(decodeSafeTensors(Deno.readFileSync(path), path).tensors);
      };
      const begun = "data/models/begun/checkpoints/step-00000002";
      const expected = weights(from, "model.safetensors");
      assertEquals(weights(begun, "model.safetensors"), expected);
      assertEquals([...weights(begun, "ema.safetensors").keys()], [...expected.keys()]);
      const wide = { init_checkpoint: from, embedding_size: 4 };
      const refused = await pretrain(cwd, "refused", wide);
      assertEquals(refused.code, 1, refused.err);
      assertStringIncludes(refused.err, "does not fit this model");
      const mlm = await pretrain(cwd, "mlm", {
        init_checkpoint: from,
        uniform_generator: true,
        num_train_steps: 1,
      });
      assertEquals(mlm.code, 0, mlm.err);
      const nothing = await pretrain(cwd, "refused", { init_checkpoint: "data/none" });
      assertStringIncludes(nothing.err, "data/none/manifest.json is missing");
    },
  );

  await t.step("null keeps all checkpoints, and without do_eval nothing is held out", async () => {
    const { code, out, err } = await pretrain(cwd, "all", { keep_checkpoint_max: null });
    assertEquals(code, 0, err);
    assert(!out.includes("held out"), out);
    assertEquals(checkpointsOf(cwd, "all").length, 3);
  });

  await t.step("what an objective lacks is null, and not shown as a number", async () => {
    const uniform = await pretrain(cwd, "uniform", { uniform_generator: true, do_eval: true });
    assertEquals(uniform.code, 0, uniform.err);
    assert(!uniform.err.includes("mlm"), uniform.err);
    assert(/masked_lm_loss +–/.test(uniform.out), uniform.out);
    const [first] = await metricsOf(cwd, "uniform");
    assertEquals(first.masked_lm_loss, null);
    assert(Number.isFinite(first.disc_loss));
    const bert = await pretrain(cwd, "bert", { electra_objective: false, do_eval: true });
    assertEquals(bert.code, 0, bert.err);
    assert(/disc_auc +–/.test(bert.out) && !bert.err.includes("disc"), bert.out);
    assertEquals((await metricsOf(cwd, "bert"))[0].disc_loss, null);
  });

  await t.step("values that do not fit the data are refused in words", async () => {
    await Deno.writeTextFile(join(data, "other.txt"), "a\nb\n");
    const swapped = [...pieces];
    [swapped[7], swapped[8]] = [swapped[8], swapped[7]];
    await Deno.writeTextFile(join(data, "swapped.txt"), swapped.join("\n"));
    const two = { ...HPARAMS.model_hparam_overrides, type_vocab_size: 1 };
    const cases: [Record<string, unknown>, string[], string][] = [
      [{ vocab_file: "data/none.txt" }, [], "data/none.txt does not exist"],
      [{ vocab_file: "data/other.txt" }, [], `it has 2 pieces, not ${pieces.length}`],
      [{ vocab_file: "data/swapped.txt" }, [], `line 8 is "${pieces[8]}", not "${pieces[7]}"`],
      [{ do_lower_case: true }, [], "build them again with --do-lower-case"],
      [{ model_hparam_overrides: two }, [], "the model has type_vocab_size = 1"],
      [{ pretrain_tfrecords: "data/nowhere/*" }, [], "data/nowhere"],
      [{ model_sentencepiece_path: "data/none.model" }, [], "data/none.model does not exist"],
      [{}, ["--seed", "4294967296"], "An integer from 0 to 4294967295 is needed"],
    ];
    for (const [hparams, flags, message] of cases) {
      const { code, err } = await pretrain(cwd, "refused", hparams, ...flags);
      assert(code === 1 || code === 2, `${message}: ${err}`);
      assertStringIncludes(err, message);
      assert(!err.includes("    at "), err);
    }
  });

  await t.step("a short run that diverged fails, and its log is JSON that says so", async () => {
    const wild = { learning_rate: 1e20, num_warmup_steps: 0 };
    const { code, err } = await pretrain(cwd, "wild", wild);
    assertEquals(code, 1, err);
    assertStringIncludes(err, "the run diverged: at step 6");
    const lines = await metricsOf(cwd, "wild");
    assert(lines.some(({ loss }) => typeof loss === "number" && !Number.isFinite(loss)));
    const svg = await Deno.readTextFile(join(data, "models/wild/loss.svg"));
    assertStringIncludes(svg, "not finite, first at step");
    assert(!/NaN|Infinity/.test(svg), svg);
    if (checkpointsOf(cwd, "wild").length === 0) return;
    const judge = { ...wild, do_train: false, do_eval: true };
    const judged = await pretrain(cwd, "wild", judge);
    assertEquals(judged.code, 1, judged.err);
    assertStringIncludes(judged.err, "the evaluation is not finite in");
  });

  await t.step(
    "a run whose gradients are not finite any more stops, with records and a trace",
    async () => {
      const hparams = { learning_rate: 1e20, num_warmup_steps: 0, num_train_steps: 400 };
      const { code, err } = await pretrain(cwd, "stuck", hparams);
      assertEquals(code, 1, err);
      assertStringIncludes(err, "not been finite for 100 steps in a row");
      const path = join(data, "models/stuck/not-finite.safetensors");
      assertStringIncludes(err, "not-finite.safetensors shows all of such a step");
      const { tensors } = decodeSafeTensors(await Deno.readFile(path), path);
      assert(tensors.has("grad_norm") && tensors.has("batch/input_ids"));
      const skipped = (await metricsOf(cwd, "stuck")).filter((line) => line.skipped);
      assert(skipped.length >= 100, `${skipped.length}`);
      for (const { skipped: records } of skipped) {
        assertEquals((records as string[]).length, 2);
        assert(/pretrain_data\.tfrecord.*: record \d+ /.test((records as string[])[0]));
      }
    },
  );

  await Deno.remove(cwd, { recursive: true });
});
