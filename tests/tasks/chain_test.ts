import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import { decodeSafeTensors } from "../../model/files/safetensors.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** Articles of the sample that the chain is run on. */
const ARTICLES = 24;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function door(name: string, cwd: string, args: readonly string[]): Deno.ChildProcess {
  const flags = ["--no-prompt", "--allow-read", "--allow-write", "--allow-env"];
  return new Deno.Command("deno", {
    args: [
      "run",
      `--config=${join(ROOT, "deno.json")}`,
      ...flags,
      join(ROOT, `tasks/${name}.ts`),
      ...args,
    ],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

async function finish(child: Deno.ChildProcess): Promise<Outcome> {
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

async function run(name: string, cwd: string, ...args: string[]): Promise<Outcome> {
  return await finish(door(name, cwd, args));
}

async function succeed(name: string, cwd: string, ...args: string[]): Promise<Outcome> {
  const outcome = await run(name, cwd, ...args);
  assertEquals(outcome.code, 0, `${name}: ${outcome.err}${outcome.out}`);
  return outcome;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const HPARAMS = {
  model_hparam_overrides: { hidden_size: 32, num_hidden_layers: 2, max_position_embeddings: 64 },
  embedding_size: 16,
  generator_hidden_size: 0.5,
  vocab_size: 1500,
  max_seq_length: 32,
  train_batch_size: 4,
  eval_batch_size: 4,
  num_train_steps: 20,
  num_warmup_steps: 5,
  save_checkpoints_steps: 10,
  do_eval: true,
};

function hparams(more: Record<string, unknown> = {}): string[] {
  return ["--hparams", JSON.stringify({ ...HPARAMS, ...more })];
}

Deno.test("the whole chain, from a dump to an exported model, with stops, resumption and bad input", async (t) => {
  const cwd = await Deno.makeTempDir();
  const sample = await Deno.readTextFile(join(ROOT, "pipeline/sample/jawiki-sample.xml"));
  const pages = sample.split("  </page>\n");
  const dump = [...pages.slice(0, ARTICLES), "</mediawiki>\n"].join("  </page>\n");
  await Deno.writeTextFile(join(cwd, "dump.xml"), dump);
  const model = join(cwd, "data/models/electra");

  await t.step("extract, sentencepiece and build make what pretrain needs", async () => {
    await succeed("extract", cwd, "--dump", "dump.xml");
    await succeed("sentencepiece", cwd, "--vocab-size", "1500", "--character-coverage", "0.98");
    await succeed("build", cwd, "--max-seq-length", "32", "--eval-fraction", "0.2");
    for (
      const name of [
        "wiki-ja.model",
        "wiki-ja.vocab",
        "vocab.txt",
        "pretrain_tfrecords/manifest.json",
      ]
    ) {
      assert(await exists(join(cwd, "data", name)), name);
    }
    assertEquals((await Deno.readTextFile(join(cwd, "data/vocab.txt"))).split("\n").length, 1501);
  });

  await t.step("encode and decode are each other's inverse through the model", async () => {
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        `echo 日本の山は高い。 | deno run --allow-read --config="$1/deno.json" "$1/tasks/encode.ts" ` +
        `--output-format id | deno run --allow-read --config="$1/deno.json" "$1/tasks/decode.ts" --input-format id`,
        "sh",
        ROOT,
      ],
      cwd,
    });
    assertEquals(new TextDecoder().decode((await child.output()).stdout), "日本の山は高い。\n");
  });

  await t.step("pretrain takes 20 steps, evaluates, checkpoints and draws", async () => {
    const { out } = await succeed(
      "pretrain",
      cwd,
      ...hparams(),
      "--trace",
      "trace",
      "--trace-steps",
      "2",
    );
    assertStringIncludes(out, "disc_auc");
    assertEquals([...Deno.readDirSync(join(model, "checkpoints"))].map(({ name }) => name).sort(), [
      "step-00000010",
      "step-00000020",
    ]);
    const lines = (await Deno.readTextFile(join(model, "metrics.jsonl"))).trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.filter((line) => !line.eval).map((line) => line.step).length, 20);
    assert(lines.every((line) => line.eval || Number.isFinite(line.masked_lm_loss)));
    const png = await Deno.readFile(join(model, "loss.png"));
    assertEquals([...png.subarray(1, 4)], [0x50, 0x4e, 0x47]);
    const trace = decodeSafeTensors(
      await Deno.readFile(join(cwd, "trace/step-00000002.safetensors")),
      "trace",
    );
    assertEquals(trace.tensors.get("batch/input_ids")!.shape, [4, 32]);
  });

  await t.step("a model that has checkpoints is not overwritten, and resumes", async () => {
    const again = await run("pretrain", cwd, ...hparams());
    assertEquals(again.code, 2);
    assertStringIncludes(again.err, "--resume");
    await succeed("pretrain", cwd, ...hparams({ num_train_steps: 24 }), "--resume");
    assert(await exists(join(model, "checkpoints/step-00000024")));
  });

  await t.step(
    "a run goes on with other settings, which it names, at its place in the data",
    async () => {
      const stateAt = async (step: number): Promise<Record<string, unknown>> =>
        JSON.parse(
          await Deno.readTextFile(join(model, `checkpoints/step-000000${step}/state.json`)),
        );
      assertEquals((await stateAt(24)).examples, 24 * 4);
      const { model_hparam_overrides: overrides, ...rest } = HPARAMS;
      const turned = Object.fromEntries(Object.entries(overrides).reverse());
      const spelled = { ...turned, num_attention_heads: 1, intermediate_size: 128 };
      const again = {
        mask_prob: 0.15,
        ...rest,
        model_hparam_overrides: spelled,
        num_train_steps: 26,
      };
      const same = await succeed("pretrain", cwd, "--resume", "--hparams", JSON.stringify(again));
      assertStringIncludes(
        same.err,
        "going on with other settings than before: num_train_steps: 24 → 26\n",
      );
      const more = { train_batch_size: 8, gradient_accumulation_steps: 2, num_train_steps: 28 };
      const other = await succeed(
        "pretrain",
        cwd,
        "--resume",
        ...hparams({ ...more, recompute: "layers" }),
      );
      for (const part of ["train_batch_size: 4 → 8", "recompute: none → layers"]) {
        assertStringIncludes(other.err, part);
      }
      assertEquals((await stateAt(28)).examples, 26 * 4 + 2 * 8);
    },
  );

  await t.step("an interrupted run saves, exits 130, and goes on", async () => {
    const long = [
      ...hparams({ num_train_steps: 100_000, save_checkpoints_steps: 50_000 }),
      "--model-name",
      "long",
    ];
    const child = door("pretrain", cwd, long);
    const log = join(cwd, "data/models/long/metrics.jsonl");
    while (!(await Deno.readTextFile(log).catch(() => "")).includes('"step":')) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGINT");
    const { code, err } = await finish(child);
    assertEquals(code, 130, err);
    const [saved] = [...Deno.readDirSync(join(cwd, "data/models/long/checkpoints"))];
    assertStringIncludes(err, saved.name);
    assert(!err.includes("    at "), "no stack trace");
  });

  await t.step("each kind of bad input gives one clear line and no stack trace", async () => {
    const cases: [string, string[], number, string][] = [
      ["pretrain", hparams({ max_seq_lenght: 3 }), 2, 'did you mean "max_seq_length"'],
      ["pretrain", hparams({ max_seq_length: 128 }), 2, "max_position_embeddings = 64"],
      ["pretrain", hparams({ vocab_size: 1400 }).concat("--model-name", "other"), 1, "1500 pieces"],
      ["pretrain", hparams({ do_train: false, do_eval: false }), 2, "nothing to do"],
      [
        "pretrain",
        hparams({ do_train: false }).concat("--model-name", "none"),
        2,
        "none has no checkpoint to evaluate",
      ],
      [
        "pretrain",
        hparams().concat("--model-name", "none", "--resume"),
        2,
        "none has no checkpoint to go on from",
      ],
      [
        "pretrain",
        hparams({ do_train: false, pretrain_tfrecords: "missing/x.tfrecord*" }),
        1,
        "missing: no such folder",
      ],
      [
        "pretrain",
        hparams({ do_train: false, pretrain_tfrecords: "data/pretrain_tfrecords/no*" }),
        1,
        "data/pretrain_tfrecords/no*: no file matches",
      ],
      ["pretrain", ["--hparams", "{"], 2, "not JSON"],
      ["pretrain", ["--data-dir", "nowhere"], 2, "nowhere does not exist"],
      ["pretrain", ["--mode-name", "x"], 2, "--model-name"],
      [
        "pretrain",
        hparams({ embedding_size: 24 }).concat("--resume"),
        1,
        "embedding_size: 16 in the checkpoint",
      ],
      [
        "pretrain",
        hparams({ learning_rate: 1e30, num_train_steps: 400 }).concat("--model-name", "diverged"),
        1,
        "not been finite for 100 steps in a row",
      ],
      ["extract", ["--dump", "dump.xml", "--min-length", "9"], 1, "--overwrite"],
      ["extract", ["--dump", "dump.xml", "--shard", "3/2"], 2, "Two numbers like 3/8"],
      ["extract", ["--dump", "dump.xml", "--decompressor", "lbzip2"], 2, "--allow-run=lbzip2"],
      ["extract", ["--report", "--out", "x"], 1, "x/manifest.json does not exist"],
      ["extract", ["--dump", "missing.xml", "--out", "x"], 1, "missing.xml does not exist"],
      ["sentencepiece", ["--vocab-size", "40", "--model-prefix", "tiny"], 1, "raise --vocab-size"],
      ["sentencepiece", ["--vocab-size", "1500"], 2, "add --overwrite"],
      ["export", ["--checkpoint", "7", "--out", "y"], 1, "there are 10, 20, 24, 26, 28"],
    ];
    for (const [task, args, code, message] of cases) {
      const outcome = await run(task, cwd, ...args);
      assertEquals(outcome.code, code, `${task} ${args.join(" ")}: ${outcome.err}`);
      assertStringIncludes(outcome.err, message);
      assert(!outcome.err.includes("    at "), outcome.err);
    }
    assert(!await exists(join(cwd, "tiny.model")));
    assert(!await exists(join(cwd, "data/models/none")));
  });

  await t.step(
    "export writes both parts in the Hugging Face layout, and never over another",
    async () => {
      await succeed("export", cwd, "--part", "both", "--dtype", "f16", "--out", "out");
      for (const part of ["discriminator", "generator"]) {
        const folder = join(cwd, "out", part);
        const bytes = await Deno.readFile(join(folder, "model.safetensors"));
        const { tensors } = decodeSafeTensors(bytes, part);
        assert(tensors.size > 20);
        assert([...tensors.values()].every(({ dtype }) => dtype === "F16"));
        const config = JSON.parse(await Deno.readTextFile(join(folder, "config.json")));
        assertEquals(config.hidden_size, part === "generator" ? 16 : 32);
        assertEquals(config.torch_dtype, "float16");
        const card = await Deno.readTextFile(join(folder, "README.md"));
        assertStringIncludes(card, `after 28 steps of pre-training: the ${part}`);
        assertStringIncludes(card, "| num_train_steps |");
        const model = await Deno.readFile(join(folder, "spiece.model"));
        assertEquals(model, await Deno.readFile(join(cwd, "data", "wiki-ja.model")));
        assert(await exists(join(folder, "tokenizer.json")));
      }
      const again = await run("export", cwd, "--part", "generator", "--out", "out/generator");
      assertEquals(again.code, 2, again.err);

      await succeed("export", cwd, "--format", "onnx", "--part", "encoder", "--out", "onnx");
      const sizes = await Promise.all(
        ["model", "model_fp16", "model_quantized"].map((name) =>
          Deno.stat(join(cwd, "onnx", "onnx", `${name}.onnx`)).then(({ size }) => size)
        ),
      );
      assert(sizes[0] > sizes[1] && sizes[1] > sizes[2], String(sizes));
      const mixed = await run("export", cwd, "--dtype", "int8", "--out", "y");
      assertEquals(mixed.code, 2);
      assertStringIncludes(mixed.err, "huggingface knows f32, f16, bf16");
    },
  );

  await Deno.remove(cwd, { recursive: true });
});
