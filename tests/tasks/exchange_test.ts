import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { SLOTS } from "../../model/electra/tensorflow.ts";
import { ModelError } from "../../model/errors.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
} from "../../model/files/checkpoint.ts";
import {
  asFloat32,
  decodeSafeTensors,
  encodeSafeTensors,
  type SafeTensor,
  safeTensor,
} from "../../model/files/safetensors.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { UsageError } from "../../tasks/common/command.ts";
import { exportModel, type ExportOptions } from "../../tasks/common/exporting.ts";
import { importModel, type ImportOptions } from "../../tasks/common/importing.ts";
import { ModelDirectory } from "../../tasks/common/model_directory.ts";
import { randomWeights } from "../model/random_weights.ts";
import {
  batchOf,
  checkpointOf,
  makePretraining,
  restoreFrom,
  smallHparams,
} from "../model/small_electra.ts";
import { tinyModel } from "../pipeline/tiny_model.ts";

const STEP = 1234;

const tokenizer = tinyModel();
const { vocabSize } = SentencePieceProcessor.fromBytes(tokenizer);
const hparams = smallHparams({
  vocab_size: vocabSize,
  model_hparam_overrides: { hidden_size: 128, num_attention_heads: 2 },
  generator_hidden_size: 0.5,
});

/** A folder of data with a model "source", made without training. */
async function withModel(
  body: (dataDir: string, checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  try {
    const parameters = randomWeights(hparams, 8);
    const moments = new Map(
      [...parameters].flatMap(([name, tensor], i) =>
        SLOTS.map((slot, k): [string, SafeTensor] => [
          `${name}/${slot}`,
          safeTensor(asFloat32(name, tensor).map((value) => (value + i) * (k + 1)), tensor.shape),
        ])
      ),
    );
    const checkpoint = { parameters, moments, state: { step: STEP, seed: 5, hparams } };
    const directory = ModelDirectory.of(dataDir, "source");
    await directory.create();
    await directory.save(STEP, encodeCheckpoint(checkpoint), 0);
    await Deno.writeFile(join(dataDir, "wiki-ja.model"), tokenizer);
    await body(dataDir, checkpoint);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function exportTo(
  dataDir: string,
  out: string,
  more: Partial<ExportOptions> = {},
): Promise<string> {
  await exportModel({
    dataDir,
    modelName: "source",
    checkpoint: "latest",
    format: "huggingface",
    part: "both",
    tokenizer: true,
    out: join(dataDir, out),
    ...more,
  });
  return join(dataDir, out);
}

async function importAs(
  dataDir: string,
  modelName: string,
  more: Partial<ImportOptions>,
): Promise<{ lines: string; checkpoint: Checkpoint; hparams: PretrainingHparams }> {
  const lines = await importModel({ dataDir, modelName, hparams: {}, seed: 1, ...more });
  const directory = ModelDirectory.of(dataDir, modelName);
  const files = await directory.load(await directory.find("latest"));
  const checkpoint = decodeCheckpoint(files, modelName);
  const kept = checkpoint.state.hparams as PretrainingHparams;
  return { lines: lines.join("\n"), checkpoint, hparams: kept };
}

function assertSameTensors(
  actual: ReadonlyMap<string, SafeTensor>,
  expected: ReadonlyMap<string, SafeTensor>,
  accept: (name: string) => boolean = () => true,
): void {
  assertEquals([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [name, { shape, bytes }] of expected) {
    if (!accept(name)) continue;
    assertEquals(actual.get(name)!.shape, shape, name);
    assert(bytes.every((byte, i) => byte === actual.get(name)!.bytes[i]), name);
  }
}

Deno.test("export to Hugging Face's layout and import give the same tensors, whole, sharded, f16, bf16", async () => {
  await withModel(async (dataDir, source) => {
    const out = await exportTo(dataDir, "out");
    const folders = {
      generator: join(out, "generator"),
      discriminator: join(out, "discriminator"),
    };
    const whole = await importAs(dataDir, "whole", folders);
    assertSameTensors(whole.checkpoint.parameters, source.parameters);
    assertEquals(whole.checkpoint.state.step, 0);
    for (const tensor of whole.checkpoint.moments.values()) {
      assert(tensor.bytes.every((b) => b === 0));
    }
    for (
      const key of [
        "embedding_size",
        "vocab_size",
        "generator_hidden_size",
        "untied_generator_embeddings",
      ]
    ) {
      assertEquals(whole.hparams[key as "vocab_size"], hparams[key as "vocab_size"], key);
    }
    assertStringIncludes(whole.lines, `go on with`);
    assertEquals(await Deno.readFile(whole.hparams.model_sentencepiece_path), tokenizer);

    // The same tensors in two files with an index, as large models are published.
    const file = join(folders.discriminator, "model.safetensors");
    const { tensors } = decodeSafeTensors(await Deno.readFile(file), file);
    const shards = [new Map<string, SafeTensor>(), new Map<string, SafeTensor>()];
    const weight_map: Record<string, string> = {};
    [...tensors].forEach(([name, tensor], i) => {
      shards[i % 2].set(name, tensor);
      weight_map[name] = `part-${i % 2}.safetensors`;
    });
    for (const [i, tensors] of shards.entries()) {
      const bytes = encodeSafeTensors({ tensors, metadata: {} });
      await Deno.writeFile(join(folders.discriminator, `part-${i}.safetensors`), bytes);
    }
    await Deno.writeTextFile(`${file}.index.json`, JSON.stringify({ metadata: {}, weight_map }));
    await Deno.remove(file);
    const sharded = await importAs(dataDir, "sharded", folders);
    assertSameTensors(sharded.checkpoint.parameters, source.parameters);

    for (const [dtype, tolerance] of [["f16", 2 ** -11], ["bf16", 2 ** -8]] as const) {
      const half = await exportTo(dataDir, dtype, { dtypes: [dtype] });
      const { checkpoint } = await importAs(dataDir, `from-${dtype}`, {
        generator: join(half, "generator"),
        discriminator: join(half, "discriminator"),
      });
      for (const [name, tensor] of source.parameters) {
        const [actual, expected] = [checkpoint.parameters.get(name)!, tensor].map((one) =>
          asFloat32(name, one)
        );
        for (let i = 0; i < expected.length; i++) {
          assert(
            Math.abs(actual[i] - expected[i]) <= tolerance * Math.abs(expected[i]) + 1e-7,
            name,
          );
        }
      }
    }
  });
});

Deno.test("export to TensorFlow's layout and import give the same parameters, moments and step", async () => {
  await withModel(async (dataDir, source) => {
    const out = await exportTo(dataDir, "tf", { format: "tensorflow1" });
    const state = await Deno.readTextFile(join(out, "checkpoint"));
    assertStringIncludes(state, `model_checkpoint_path: "model.ckpt-${STEP}"`);
    const { checkpoint, lines } = await importAs(dataDir, "again", {
      from: join(out, `model.ckpt-${STEP}`),
    });
    assertSameTensors(checkpoint.parameters, source.parameters);
    assertSameTensors(checkpoint.moments, source.moments);
    assertEquals(checkpoint.state.step, STEP);
    assertStringIncludes(lines, "no tokenizer there");
    const four = await importAs(dataDir, "four", {
      from: join(out, `model.ckpt-${STEP}`),
      hparams: { model_hparam_overrides: { num_attention_heads: 4 }, num_train_steps: 9 },
    });
    assertEquals(four.hparams.model_hparam_overrides.num_attention_heads, 4);
    assertEquals(four.hparams.model_hparam_overrides.hidden_size, 128);
    assertEquals(four.hparams.num_train_steps, 9);
    const data = join(out, `model.ckpt-${STEP}.data-00000-of-00001`);
    await Deno.truncate(data, 1000);
    await assertRejects(
      () => importAs(dataDir, "cut", { from: join(out, `model.ckpt-${STEP}`) }),
      ModelError,
      "has 1000 bytes, but a variable ends at byte",
    );
  });
});

Deno.test("one half alone starts the other anew, and says so", async () => {
  await withModel(async (dataDir, source) => {
    const out = await exportTo(dataDir, "out");
    const discriminator = await importAs(dataDir, "d", { from: join(out, "discriminator") });
    assertStringIncludes(discriminator.lines, "the generator was not given and starts anew");
    const embeddings = "discriminator.electra.embeddings.word_embeddings.weight";
    for (const name of [embeddings, "discriminator.discriminator_predictions.dense.weight"]) {
      assertEquals(
        discriminator.checkpoint.parameters.get(name)!.bytes,
        source.parameters.get(name)!.bytes,
      );
    }
    const generator = await importAs(dataDir, "g", {
      from: join(out, "generator"),
      hparams: { num_train_steps: 7 },
    });
    assertStringIncludes(generator.lines, "the discriminator was not given and starts anew");
    assertEquals(generator.hparams.num_train_steps, 7);
    for (const name of [embeddings, "generator.generator_lm_head.bias"]) {
      assertEquals(
        generator.checkpoint.parameters.get(name)!.bytes,
        source.parameters.get(name)!.bytes,
      );
    }
    const encoder = await exportTo(dataDir, "encoder", { part: "encoder" });
    const bare = await importAs(dataDir, "e", { from: encoder });
    assertStringIncludes(bare.lines, "discriminator.discriminator_predictions.dense.weight");
    assertEquals(
      bare.checkpoint.parameters.get(embeddings)!.bytes,
      source.parameters.get(embeddings)!.bytes,
    );
  });
});

Deno.test("what cannot be imported is refused with words that say why", async () => {
  await withModel(async (dataDir) => {
    const out = join(await exportTo(dataDir, "out"), "discriminator");
    const file = join(out, "model.safetensors"), config = join(out, "config.json");
    const described = JSON.parse(await Deno.readTextFile(config));
    const bytes = await Deno.readFile(file);
    const { tensors } = decodeSafeTensors(bytes, file);
    let number = 0;
    const refused = async (
      error: typeof ModelError | typeof UsageError,
      message: string,
    ): Promise<void> => {
      const name = `refused-${number++}`;
      await assertRejects(() => importAs(dataDir, name, { from: out }), error, message);
      assertEquals(await ModelDirectory.of(dataDir, name).steps(), []);
    };

    await Deno.writeTextFile(config, JSON.stringify({ ...described, intermediate_size: 100 }));
    await refused(ModelError, "intermediate.dense.weight is [512×128], not [100×128]");
    await Deno.writeTextFile(config, JSON.stringify({ ...described, model_type: "bert" }));
    await refused(ModelError, 'config.json: model_type is "bert", not "electra"');
    await Deno.writeTextFile(config, JSON.stringify({ ...described, hidden_size: "wide" }));
    await refused(ModelError, "hidden_size");
    await Deno.writeTextFile(config, JSON.stringify(described));

    const without = new Map(tensors);
    without.delete("electra.encoder.layer.1.output.dense.weight");
    await Deno.writeFile(file, encodeSafeTensors({ tensors: without, metadata: {} }));
    await refused(ModelError, "lacks discriminator.electra.encoder.layer.1.output.dense.weight");

    await Deno.remove(file);
    await refused(ModelError, "model.safetensors does not exist");
    await Deno.writeFile(join(out, "pytorch_model.bin"), new Uint8Array(10));
    await refused(ModelError, "pytorch_model.bin is a pickle");
    await Deno.remove(config);
    await refused(UsageError, "config.json does not exist; --from names a folder");
    await Deno.writeFile(file, bytes);
    await Deno.writeTextFile(config, JSON.stringify(described));
    await Deno.writeFile(
      join(out, "spiece.model"),
      tinyModel(["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[X]"]),
    );
    await refused(
      UsageError,
      `has ${vocabSize + 1} pieces, but the model has a vocabulary of ${vocabSize}`,
    );
    await assertRejects(
      () => importAs(dataDir, "source", { from: out }),
      UsageError,
      "has checkpoints",
    );
    await assertRejects(() => importAs(dataDir, "x", {}), UsageError, "name either --from");
  });
});

Deno.test("a tokenizer.json alone becomes a SentencePiece model that cuts alike", async () => {
  await withModel(async (dataDir) => {
    const out = join(await exportTo(dataDir, "out"), "discriminator");
    await Deno.remove(join(out, "spiece.model"));
    const { hparams } = await importAs(dataDir, "json", { from: out });
    const made = await Deno.readFile(hparams.model_sentencepiece_path);
    const [ours, theirs] = [tokenizer, made].map((bytes) =>
      SentencePieceProcessor.fromBytes(bytes)
    );
    for (const line of ["日本語の文。", "  あいう  えお ", "abc 123", "", "知らない字"]) {
      assertEquals([...theirs.encodeIds(line)], [...ours.encodeIds(line)], line);
      assertEquals(theirs.decodeIds(theirs.encodeIds(line)), ours.decodeIds(ours.encodeIds(line)));
    }
  });
});

Deno.test("training goes on from our own export through TensorFlow's layout with the same losses", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const more = {
      model_hparam_overrides: { hidden_size: 64, num_attention_heads: 1, num_hidden_layers: 1 },
    };
    const first = await makePretraining(more);
    for (let i = 1; i <= 3; i++) await first.train(batchOf(3, 19, i));
    const files = await checkpointOf(first);
    const directory = ModelDirectory.of(dataDir, "source");
    await directory.create();
    await directory.save(first.step, files, 0);
    const out = await exportTo(dataDir, "tf", { format: "tensorflow1" });
    const trained = smallHparams(more);
    await importModel({
      dataDir,
      modelName: "again",
      from: join(out, "model.ckpt-3"),
      seed: 7,
      hparams: { ...trained },
    });
    const second = await makePretraining(more);
    restoreFrom(second, await ModelDirectory.of(dataDir, "again").load(3), "again");
    assertEquals(second.step, 3);
    for (let i = 4; i <= 6; i++) {
      const [a, b] = [await first.train(batchOf(3, 19, i)), await second.train(batchOf(3, 19, i))];
      assertEquals((await b.metrics).totalLoss, (await a.metrics).totalLoss, `step ${i}`);
    }
    first.destroy();
    second.destroy();
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
