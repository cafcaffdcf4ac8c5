/** A data directory with a tiny tokenizer, a tiny pre-trained model, and labelled data of every kind. */
import { fromFileUrl, join } from "@std/path/mod.js";
import { type PretrainingHparams, resolveHparams } from "../../model/electra/config.ts";
import { createPretraining } from "../../model/electra/pretraining.ts";
import { encodeCheckpoint } from "../../model/files/checkpoint.ts";
import type { SafeTensor } from "../../model/files/safetensors.ts";
import { Random } from "../../pipeline/examples/random.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { ModelDirectory } from "../../tasks/common/model_directory.ts";
import { testGpu } from "../kernels/harness.ts";
import { tinyModel } from "../pipeline/tiny_model.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** A model as it was saved. */
export interface TinyPretrained {
  readonly dataDir: string;
  readonly hparams: PretrainingHparams;
  readonly parameters: ReadonlyMap<string, SafeTensor>;
}

/** Pre-trains a tiny model for a few steps on random sentences. */
export async function tinyPretrained(
  dataDir: string,
  name = "electra",
  more: Readonly<Record<string, unknown>> = {},
): Promise<TinyPretrained> {
  await Deno.mkdir(dataDir, { recursive: true });
  const bytes = tinyModel();
  await Deno.writeFile(join(dataDir, "wiki-ja.model"), bytes);
  const processor = SentencePieceProcessor.fromBytes(bytes);
  const id = (piece: string): number => processor.pieceToId(piece);
  const special = {
    cls: id("[CLS]"),
    sep: id("[SEP]"),
    mask: id("[MASK]"),
    vocabSize: processor.vocabSize,
  };
  const { hparams } = resolveHparams({
    model_hparam_overrides: {
      hidden_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      max_position_embeddings: 48,
    },
    embedding_size: 16,
    generator_hidden_size: 0.5,
    vocab_size: processor.vocabSize,
    max_seq_length: 32,
    train_batch_size: 4,
    eval_batch_size: 4,
    num_train_steps: 4,
    num_warmup_steps: 1,
    num_eval_steps: 2,
    learning_rate: 1e-2,
    ...more,
  });
  const training = await createPretraining(await testGpu(), { hparams, special, seed: 3 });
  const random = new Random(3, "tokens");
  for (let step = 0; step < 4; step++) {
    const size = 4 * 32;
    const inputIds = Int32Array.from(
      { length: size },
      (_, i) =>
        i % 32 === 0
          ? special.cls
          : i % 32 === 31
          ? special.sep
          : random.integer(5, special.vocabSize - 1),
    );
    await training.train({
      inputIds,
      attentionMask: new Int32Array(size).fill(1),
      tokenTypeIds: new Int32Array(size),
    });
  }
  const { position, ...tensors } = await training.state();
  const directory = ModelDirectory.of(dataDir, name);
  await directory.create();
  await directory.save(
    training.step,
    encodeCheckpoint({ ...tensors, state: { ...position, hparams } }),
    1,
  );
  training.destroy();
  return { dataDir, hparams, parameters: tensors.parameters };
}

/** Labelled data of a made-up language: what a text begins with decides. */
export async function labelledData(dataDir: string): Promise<void> {
  const random = new Random(5, "labelled");
  const letters = [..."あいうえおかきくけこ"];
  const words = (length: number): string =>
    Array.from({ length }, () => letters[random.integer(0, letters.length - 1)]).join("");
  const write = async (task: string, file: string, text: string): Promise<void> => {
    const folder = join(dataDir, "finetuning_data", task);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, file), text);
  };
  const rows = (count: number, row: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => row(i) + "\n").join("");
  const describe = async (task: string, description: object): Promise<void> =>
    await write(task, "task.json", JSON.stringify(description));

  await describe("class", {
    kind: "classification",
    columns: { text: "sentence", label: "label" },
  });
  await describe("pair", {
    kind: "regression",
    columns: { text: "one", second: "other", label: "score" },
    range: [0, 5],
  });
  await describe("entity", { kind: "tagging", format: "entities" });
  await describe("squad", { kind: "reading", max_seq_length: 32 });
  await describe("choice", {
    kind: "multiple_choice",
    columns: { text: "question", choices: ["a", "b", "c"], label: "label" },
  });
  for (const [split, count] of [["train", 24], ["dev", 9]] as const) {
    await write(
      "class",
      `${split}.tsv`,
      "sentence\tlabel\n" +
        rows(
          count,
          (i) => `${i % 2 ? "日本" : "文語"}${words(3 + i % 5)}\t${i % 2 ? "yes" : "no"}`,
        ),
    );
    await write(
      "pair",
      `${split}.jsonl`,
      rows(count, (i) => JSON.stringify({ one: words(3), other: words(4), score: i % 6 })),
    );
    await write(
      "entity",
      `${split}.json`,
      JSON.stringify(Array.from({ length: count }, (_, i) => {
        const before = words(i % 3);
        return {
          curid: String(i),
          text: `${before}日本${words(3)}`,
          entities: [{ name: "日本", span: [before.length, before.length + 2], type: "地名" }],
        };
      })),
    );
    await write(
      "squad",
      `${split}.json`,
      JSON.stringify({
        data: Array.from({ length: count }, (_, i) => {
          const before = words(i % 4 + 1);
          return {
            paragraphs: [{
              context: `${before}日本語${words(20)}`,
              qas: [{
                id: String(i),
                question: "どこ",
                answers: i % 5 === 4 ? [] : [{ text: "日本語", answer_start: before.length }],
                is_impossible: i % 5 === 4,
              }],
            }],
          };
        }),
      }),
    );
    await write(
      "choice",
      `${split}.jsonl`,
      rows(count, (i) =>
        JSON.stringify({
          question: words(3),
          a: i % 3 === 0 ? "日本" : words(2),
          b: i % 3 === 1 ? "日本" : words(2),
          c: i % 3 === 2 ? "日本" : words(2),
          label: i % 3,
        })),
    );
  }
}

/** How a task ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Starts a task. */
export function startTask(name: string, cwd: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      `--config=${join(ROOT, "deno.json")}`,
      "--allow-read=/",
      "--allow-write=/",
      "--allow-sys=hostname",
      join(ROOT, `tasks/${name}.ts`),
      ...args,
    ],
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

/** Runs a task to its end. */
export async function runTaskIn(
  cwd: string,
  name: string,
  args: readonly string[],
  input: string | Uint8Array = "",
): Promise<Outcome> {
  const child = startTask(name, cwd, args);
  const writer = child.stdin.getWriter();
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  // A task that ends without reading closes the pipe.
  const written = writer.write(bytes).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}
