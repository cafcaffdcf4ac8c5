import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert/mod.js";
import { gunzipSync, gzipSync } from "fflate";
import { PipelineError } from "../../../pipeline/errors.ts";
import {
  buildExamples,
  type BuildOptions,
  type BuildProgress,
} from "../../../pipeline/examples/build.ts";
import { cutSentence } from "../../../pipeline/examples/encode.ts";
import { readBatches } from "../../../pipeline/examples/loader.ts";
import { verifyExamples } from "../../../pipeline/examples/verify.ts";
import { decodeExample } from "../../../pipeline/tfrecord/example.ts";
import { readRecords } from "../../../pipeline/tfrecord/reader.ts";
import { Random } from "../../../pipeline/examples/random.ts";
import { tinyModel } from "../tiny_model.ts";

/** Documents of random sentences over the tiny model's alphabet, each with a mark of its own. */
function someText(documents: number): string {
  const random = new Random(1, "text");
  const letters = [..."あいうえおかきくけこさしすせそ日本語文、"];
  const lines = Array.from({ length: documents }, (_, id) => {
    const sentences = Array.from({ length: random.integer(0, 12) }, () => {
      const length = random.integer(1, 40);
      return Array.from({ length }, () => letters[random.integer(0, letters.length - 1)])
        .join("") + "。";
    });
    const text = [String(id), ...sentences].join(random.uniform() < 0.5 ? "\n" : "");
    return JSON.stringify({ id: String(id), title: `題${id}`, text });
  });
  return lines.map((line) => line + "\n").join("");
}

/** Runs `body` in a folder with a model and two files of text. */
async function withText(
  documents: number,
  body: (folder: string, options: BuildOptions) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-build-" });
  try {
    await Deno.mkdir(`${folder}/text`);
    const lines = someText(documents).split("\n").slice(0, -1);
    const half = Math.floor(lines.length / 3);
    for (const [i, part] of [lines.slice(0, half), lines.slice(half)].entries()) {
      const bytes = new TextEncoder().encode(part.map((line) => line + "\n").join(""));
      await Deno.writeFile(`${folder}/text/${i}.jsonl.gz`, gzipSync(bytes));
    }
    await Deno.writeFile(`${folder}/tiny.model`, tinyModel());
    await body(folder, {
      input: `${folder}/text`,
      model: `${folder}/tiny.model`,
      output: `${folder}/examples`,
      maxSeqLength: 32,
      numProcesses: 2,
      numOutFiles: 3,
      compress: "none",
      evalFraction: 0.1,
      seed: 42,
      doLowerCase: false,
      overwrite: false,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const never = new AbortController().signal;
const silent = (): void => {};

/** All files of a folder by name. */
async function contentOf(folder: string): Promise<Map<string, Uint8Array>> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  const content = new Map<string, Uint8Array>();
  for (const name of names.sort()) content.set(name, await Deno.readFile(`${folder}/${name}`));
  return content;
}

Deno.test("a build gives the original's files, features and a manifest that fits them", async () => {
  await withText(300, async (folder, options) => {
    const { manifest, resumedAt } = await buildExamples(options, never, silent);
    assertEquals(resumedAt, 0);
    assertEquals([...(await contentOf(options.output)).keys()], [
      "eval_data.tfrecord-00000-of-00001",
      "manifest.json",
      "pretrain_data.tfrecord-00000-of-00003",
      "pretrain_data.tfrecord-00001-of-00003",
      "pretrain_data.tfrecord-00002-of-00003",
    ]);
    assertEquals(manifest.train.documents + manifest.eval.documents, 300);
    assert(manifest.eval.documents > 15 && manifest.eval.documents < 50);
    const counts = manifest.train.files.map(({ examples }) => examples);
    assert(Math.max(...counts) - Math.min(...counts) <= 1, "examples are dealt in turn");
    assertEquals(counts.reduce((a, b) => a + b), manifest.train.examples);
    assertEquals(manifest.train.lengthHistogram.reduce((a, b) => a + b), manifest.train.examples);
    assertEquals(await verifyExamples(options.output, 2, never, silent), manifest);
    for await (const record of readRecords(`${options.output}/${manifest.train.files[0].name}`)) {
      const features = decodeExample(record, ["input_ids", "input_mask", "segment_ids"]);
      assertEquals([...features.keys()], ["input_ids", "input_mask", "segment_ids"]);
      const length = features.get("input_mask")!.lastIndexOf(1) + 1;
      const ids = features.get("input_ids")!;
      assertEquals([ids.length, ids[0], ids[length - 1]], [32, 2, 3]);
      assert(ids.subarray(length).every((id) => id === 0));
    }
    await assertRejects(() => Deno.stat(`${folder}/examples.part`), Deno.errors.NotFound);
  });
});

Deno.test("the files are the same bytes for any number of workers", async () => {
  await withText(700, async (folder, options) => {
    const built: Map<string, Uint8Array>[] = [];
    for (const numProcesses of [1, 3]) {
      const output = `${folder}/by-${numProcesses}`;
      await buildExamples({ ...options, output, numProcesses }, never, silent);
      built.push(await contentOf(output));
    }
    assertEquals(built[0], built[1]);
    const output = `${folder}/other-seed`;
    await buildExamples({ ...options, output, seed: 43 }, never, silent);
    assertNotEquals((await contentOf(output)).get(built[0].keys().next().value!), undefined);
    assertNotEquals(await contentOf(output), built[0]);
  });
});

Deno.test("gzip wraps the same records, without a time in its header", async () => {
  await withText(100, async (folder, options) => {
    await buildExamples(options, never, silent);
    const zipped = { ...options, output: `${folder}/zipped`, compress: "gzip" as const };
    const { manifest } = await buildExamples(zipped, never, silent);
    assertEquals(await verifyExamples(zipped.output, 2, never, silent), manifest);
    const plain = await contentOf(options.output);
    for (const [name, bytes] of await contentOf(zipped.output)) {
      if (name === "manifest.json") continue;
      assertEquals([...bytes.subarray(4, 8)], [0, 0, 0, 0]);
      assertEquals(gunzipSync(bytes), plain.get(name.replace(/\.gz$/, "")));
    }
  });
});

Deno.test("held-out documents are out of training, and reading them back is exact", async () => {
  await withText(200, async (_folder, options) => {
    const { manifest } = await buildExamples(options, never, silent);
    const read = async (pattern: string): Promise<number> => {
      let examples = 0;
      const files = `${options.output}/${pattern}`;
      const source = { files, batchSize: 8, maxSeqLength: 32, vocabSize: 100 };
      for await (const batch of readBatches(source)) examples += batch.examples;
      return examples;
    };
    assertEquals(await read("pretrain_data.tfrecord*"), manifest.train.examples);
    assertEquals(await read("eval_data.tfrecord*"), manifest.eval.examples);
    const none = { ...options, evalFraction: 0, overwrite: true };
    const all = (await buildExamples(none, never, silent)).manifest;
    assertEquals(all.eval.files, []);
    assertEquals(all.train.examples, manifest.train.examples + manifest.eval.examples);
  });
});

Deno.test("a build stopped anywhere goes on and ends with the same bytes", async () => {
  await withText(1500, async (folder, options) => {
    await buildExamples(options, never, silent);
    const undisturbed = await contentOf(options.output);
    const output = `${folder}/disturbed`;
    const phases = new Set<string>();
    let resumed = 0;
    // Each run may report progress once more than the one before, until one reaches the end.
    for (let run = 0;; run++) {
      assert(run < 50, "the build never ends");
      const controller = new AbortController();
      let reports = 0;
      const onProgress = ({ phase }: BuildProgress): void => {
        if (++reports <= run) return;
        phases.add(phase);
        controller.abort(new PipelineError("stopped"));
      };
      const outcome = await buildExamples({ ...options, output }, controller.signal, onProgress)
        .catch((error) => {
          assertEquals(error.message, "stopped");
          return undefined;
        });
      if (outcome === undefined) {
        await assertRejects(() => Deno.stat(output), Deno.errors.NotFound);
        continue;
      }
      resumed = outcome.resumedAt;
      break;
    }
    assertEquals(resumed, 1500);
    assertEquals([...phases], ["encode", "finish"]);
    assertEquals(await contentOf(output), undisturbed);
  });
});

Deno.test("a build whose worker is killed at any message ends, run again, with the same bytes", async () => {
  await withText(1500, async (folder, options) => {
    await buildExamples(options, never, silent);
    const undisturbed = await contentOf(options.output);
    const output = `${folder}/disturbed`;
    const RealWorker = globalThis.Worker;
    let deaths = 0;
    // Messages 1 and 2 are the setups of two workers; each run lets one message more through.
    for (let mortal = 3;; mortal++) {
      assert(mortal < 50, "the build never ends");
      let sent = 0;
      globalThis.Worker = class extends RealWorker {
        override postMessage(message: unknown, options?: unknown): void {
          if (++sent !== mortal) return super.postMessage(message, options as Transferable[]);
          this.terminate();
          queueMicrotask(() => this.onerror?.(new ErrorEvent("error", { message: "killed" })));
        }
      };
      try {
        await buildExamples({ ...options, output, gatherBytes: 1 }, never, silent);
        if (sent < mortal) break;
      } catch (error) {
        assert(
          error instanceof Error && error.message.includes("a worker died: killed"),
          `${error}`,
        );
        await assertRejects(() => Deno.stat(output), Deno.errors.NotFound);
        deaths++;
      } finally {
        globalThis.Worker = RealWorker;
      }
    }
    assert(deaths > 2, `only ${deaths} deaths`);
    assertEquals(await contentOf(output), undisturbed);
  });
});

Deno.test("what was appended after the last saved state is cut off again", async () => {
  await withText(600, async (folder, options) => {
    await buildExamples(options, never, silent);
    const undisturbed = await contentOf(options.output);
    const output = `${folder}/disturbed`;
    const controller = new AbortController();
    const stop = (): void => controller.abort(new PipelineError("stopped"));
    await assertRejects(() => buildExamples({ ...options, output }, controller.signal, stop));
    // A kill in the middle of a write leaves bytes that no state speaks of.
    const shard = `${output}.part/pretrain_data.tfrecord-00001-of-00003`;
    await Deno.writeFile(shard, new Uint8Array(1000), { append: true });
    const kept = await Deno.readFile(shard);
    // A crash of the whole machine may lose what was written: that cannot be gone on from.
    await Deno.truncate(shard, 10);
    await assertRejects(
      () => buildExamples({ ...options, output }, never, silent),
      PipelineError,
      `has 10 bytes where ${kept.length - 1000} were written before the interruption; remove`,
    );
    await Deno.writeFile(shard, kept);
    await buildExamples({ ...options, output }, never, silent);
    assertEquals(await contentOf(output), undisturbed);
  });
});

Deno.test("finished examples are kept, and replaced only when told to", async () => {
  await withText(100, async (_folder, options) => {
    await buildExamples(options, never, silent);
    const first = await contentOf(options.output);
    const again = await buildExamples(options, never, () => {
      throw new Error("there was nothing to do");
    });
    assertEquals(again.resumedAt, 100);
    const longer = { ...options, maxSeqLength: 48, seed: 2 };
    await assertRejects(
      () => buildExamples(longer, never, silent),
      PipelineError,
      "built otherwise (different: maxSeqLength, seed)",
    );
    assertEquals(await contentOf(options.output), first);
    await buildExamples({ ...longer, overwrite: true }, never, silent);
    assertNotEquals(await contentOf(options.output), first);
    await verifyExamples(options.output, 2, never, silent);
  });
});

Deno.test("a folder with something else in it is left alone, --overwrite or not", async () => {
  await withText(30, async (folder, options) => {
    await Deno.mkdir(options.output);
    await Deno.writeTextFile(`${options.output}/novel.txt`, "吾輩は猫である。");
    for (const overwrite of [false, true]) {
      await assertRejects(
        () => buildExamples({ ...options, overwrite }, never, silent),
        PipelineError,
        "holds novel.txt, which a build did not make",
      );
    }
    assertEquals([...(await contentOf(options.output)).keys()], ["novel.txt"]);
    // The same beside finished examples, and beside those of an interrupted build.
    await Deno.rename(`${options.output}/novel.txt`, `${folder}/novel.txt`);
    await buildExamples(options, never, silent);
    await Deno.rename(`${folder}/novel.txt`, `${options.output}/novel.txt`);
    const before = await contentOf(options.output);
    await assertRejects(
      () => buildExamples({ ...options, seed: 9, overwrite: true }, never, silent),
      PipelineError,
      "holds novel.txt, which a build did not make",
    );
    assertEquals(await contentOf(options.output), before);
  });
});

Deno.test("input that cannot become examples is named", async () => {
  await withText(30, async (folder, options) => {
    const fails = (more: Partial<BuildOptions>, message: string): Promise<unknown> =>
      assertRejects(
        () => buildExamples({ ...options, ...more }, never, silent),
        PipelineError,
        message,
      );
    await fails({ input: `${folder}/nowhere` }, "nowhere does not exist");
    await Deno.mkdir(`${folder}/empty`);
    await fails({ input: `${folder}/empty` }, "holds no .jsonl, .ndjson, .txt, .parquet file");
    await fails({ model: `${folder}/no.model` }, "no.model: no tokenizer model there");
    await fails({ maxSeqLength: 4 }, "max_seq_length is 4");
    await fails({ numOutFiles: 0 }, "the number of files is 0");
    await fails({ evalFraction: 1 }, "the share to hold out is 1");
    await Deno.writeFile(`${folder}/other.model`, tinyModel(["[PAD]", "<s>", "[SEP]"]));
    await fails({ model: `${folder}/other.model` }, "no piece [CLS], [MASK]");
    await Deno.writeFile(`${folder}/cut.model`, tinyModel().subarray(0, 300));
    await fails({ model: `${folder}/cut.model` }, "cut.model");
    const blank = JSON.stringify({ id: "1", title: "", text: " \n" }) + "\n";
    await Deno.writeFile(`${folder}/empty/0.jsonl.gz`, gzipSync(new TextEncoder().encode(blank)));
    await fails({ input: `${folder}/empty` }, "no training examples came of 1 documents");
    await assertRejects(() => Deno.stat(options.output), Deno.errors.NotFound);
  });
});

Deno.test("verifying finds each kind of fault and says where it is", async () => {
  await withText(100, async (_folder, options) => {
    const { manifest } = await buildExamples(options, never, silent);
    const path = `${options.output}/${manifest.train.files[1].name}`;
    const good = await Deno.readFile(path);
    const check = (message: string): Promise<unknown> =>
      assertRejects(() => verifyExamples(options.output, 2, never, silent), PipelineError, message);
    await Deno.writeFile(path, good.with(20, good[20] ^ 1));
    await check(`${manifest.train.files[1].name}: record 1 (at byte 0)`);
    await Deno.writeFile(path, good.subarray(0, good.length - 1));
    await check("the file ends inside it");
    const view = new DataView(good.buffer);
    const first = 16 + view.getUint32(0, true);
    await Deno.writeFile(path, good.subarray(first));
    const { examples } = manifest.train.files[1];
    await check(`holds ${examples - 1} records in ${good.length - first} bytes where the manifest`);
    await check(`the last one there is ${path}: record ${examples - 1} (at byte `);
    const second = first + 16 + view.getUint32(first, true);
    const swapped = new Uint8Array(good);
    swapped.set(good.subarray(first, second));
    swapped.set(good.subarray(0, first), second - first);
    await Deno.writeFile(path, swapped);
    await check("another SHA-256");
    await Deno.remove(path);
    await check("the manifest names it, but it is not there");
    await Deno.writeFile(path, good);
    const stranger = `${options.output}/pretrain_data.tfrecord-00000-of-00009`;
    await Deno.writeFile(stranger, good);
    await check("of-00009: not in manifest.json, but training would read it");
    await Deno.remove(stranger);
    await verifyExamples(options.output, 2, never, silent);
    const changed = structuredClone(manifest);
    changed.train.tokens++;
    await Deno.writeTextFile(`${options.output}/manifest.json`, JSON.stringify(changed));
    await check(`says tokens ${changed.train.tokens} for train`);
    await Deno.remove(`${options.output}/manifest.json`);
    await check("no manifest.json there");
  });
});

Deno.test("an interrupted build of another recipe is kept until told to drop it", async () => {
  await withText(600, async (_folder, options) => {
    const controller = new AbortController();
    const stop = (): void => controller.abort(new PipelineError("stopped"));
    await assertRejects(() => buildExamples(options, controller.signal, stop));
    const part = await contentOf(`${options.output}.part`);
    await assertRejects(
      () => buildExamples({ ...options, seed: 7 }, never, silent),
      PipelineError,
      "holds an interrupted build made otherwise (different: seed)",
    );
    assertEquals(await contentOf(`${options.output}.part`), part);
    await buildExamples({ ...options, seed: 7, overwrite: true }, never, silent);
    await verifyExamples(options.output, 2, never, silent);
  });
});

Deno.test("two builds never work on the same output", async () => {
  await withText(600, async (_folder, options) => {
    let refused: Promise<unknown> | undefined;
    await buildExamples(options, never, () => {
      refused ??= assertRejects(
        () => buildExamples(options, never, silent),
        PipelineError,
        "`deno task build` is writing there",
      );
    });
    await refused;
    await verifyExamples(options.output, 2, never, silent);
  });
});

Deno.test("a kill while the finished folder takes its name leaves nothing behind", async () => {
  await withText(100, async (folder, options) => {
    await buildExamples(options, never, silent);
    const finished = await contentOf(options.output);
    // Killed after the last rename: the state and the replaced examples are still inside.
    await Deno.writeTextFile(`${options.output}/state.json`, "{}");
    await Deno.mkdir(`${options.output}/replaced`);
    await Deno.writeTextFile(`${options.output}/replaced/manifest.json`, "{}");
    // A folder of somebody's own beside it is none of ours.
    await Deno.mkdir(`${folder}/examples.old`);
    assertEquals((await buildExamples(options, never, silent)).resumedAt, 100);
    assertEquals(await contentOf(options.output), finished);
    await Deno.stat(`${folder}/examples.old`);
  });
});

Deno.test("odd documents become examples like any other: NUL, lone surrogates, no end, links", async () => {
  await withText(30, async (folder, options) => {
    await Deno.mkdir(`${folder}/odd 文章`);
    const endless = "あいうえお".repeat(40_000);
    const texts = [
      "",
      "い\0う。",
      "\ud83dあ。\udc00",
      endless,
      " \n\n",
      "あ".repeat(8191) + "𠮷い",
    ];
    const lines = texts.map((text, id) => JSON.stringify({ id, text }));
    await Deno.writeTextFile(`${folder}/elsewhere`, lines.join("\r\n"));
    await Deno.symlink(`${folder}/elsewhere`, `${folder}/odd 文章/a b.jsonl`);
    const odd = { ...options, input: `${folder}/odd 文章`, evalFraction: 0 };
    const { manifest } = await buildExamples(odd, never, silent);
    assertEquals(manifest.train.documents, texts.length);
    // A sentence without end is cut into parts, each of which begins an example.
    assert(manifest.train.examples > endless.length / 8192);
    await verifyExamples(options.output, 1, never, silent);
  });
});

Deno.test("a sentence is cut between characters, and nothing of it is lost", () => {
  const long = "あ".repeat(8191) + "𠮷".repeat(9000) + "い";
  const parts = [...cutSentence(long)];
  assertEquals(parts.join(""), long);
  assertEquals(parts[0].length, 8191);
  assert(parts.every((part) => part.length <= 8192 && part.isWellFormed()));
  assertEquals([...cutSentence("短い。")], ["短い。"]);
});
