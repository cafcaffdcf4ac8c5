/** JSON that a user's disk or editor has damaged is told as such: file, path within, what to do. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import { savedHparams } from "../model/electra/resume.ts";
import { decodeCheckpointState } from "../model/files/checkpoint.ts";
import { decodeSafeTensors, encodeSafeTensors } from "../model/files/safetensors.ts";
import { ModelError } from "../model/errors.ts";
import { resolveHparams } from "../model/electra/config.ts";
import { PipelineError } from "../pipeline/errors.ts";
import { countExamples } from "../pipeline/examples/files.ts";
import { type Manifest, readManifest } from "../pipeline/examples/manifest.ts";
import { noCounts } from "../pipeline/wiki/counts.ts";
import { type ExtractManifest, readExtractManifest } from "../pipeline/wiki/manifest.ts";
import { type ExtractRecipe, PartsFolder } from "../pipeline/wiki/parts.ts";
import { MetricsLog } from "../tasks/common/metrics_log.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));

/** Modules that look at all they parse; others get their JSON from them. */
const PARSERS = [
  "pipeline/finetuning/formats/entities.ts",
  "pipeline/finetuning/formats/squad.ts",
  "pipeline/finetuning/formats/table.ts",
  "pipeline/lock.ts",
  "pipeline/wire/json.ts",
  "tasks/common/hparams.ts",
  "tasks/common/json.ts",
  "tasks/common/json.ts",
  "tasks/common/tuning.ts",
  "tasks/prediction/requests.ts",
];

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A copy with one value replaced, or left out where it is undefined. */
function changed(value: unknown, path: readonly (string | number)[], to: unknown): unknown {
  if (path.length === 0) return to;
  const copy: object = Array.isArray(value) ? [...value] : { ...(value as object) };
  const [key, ...rest] = path;
  Object.assign(copy, { [key]: changed(Reflect.get(copy, key), rest, to) });
  return copy;
}

const SPLIT = {
  documents: 3,
  examples: 4,
  tokens: 40,
  cutTokens: 0,
  lengthHistogram: Array.from({ length: 16 }, () => 0),
};

const MANIFEST: Manifest = {
  format: "kohaku-examples-1",
  recipe: {
    maxSeqLength: 32,
    vocabSize: 100,
    tokenizerSha256: "0".repeat(64),
    encoding: "utf-8",
    doLowerCase: false,
    seed: 1,
    evalFraction: 0.1,
    compress: "none",
    numOutFiles: 1,
    inputs: [{ name: "a.jsonl", bytes: 10, sha256: "0".repeat(64) }],
  },
  textBytes: 10,
  train: {
    ...SPLIT,
    files: [{
      name: "pretrain_data.tfrecord-00000-of-00001",
      bytes: 9,
      examples: 4,
      sha256: "0".repeat(64),
    }],
  },
  eval: { ...SPLIT, files: [] },
};

Deno.test("no module takes parsed JSON for what it should be without looking", () => {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, folder))) {
      const path = `${folder}/${name}`;
      if (isDirectory) walk(path);
      else if (path.endsWith(".ts") && !PARSERS.includes(path)) {
        if (/JSON\.parse\(/.test(Deno.readTextFileSync(join(ROOT, path)))) found.push(path);
      }
    }
  };
  for (const room of ["kernels", "pipeline", "model", "tasks"]) walk(room);
  assertEquals(found, []);
});

Deno.test("a manifest of examples is refused wherever a value cannot be, by its path", async () => {
  await withFolder(async (folder) => {
    const write = (value: unknown): Promise<void> =>
      Deno.writeTextFile(`${folder}/manifest.json`, JSON.stringify(value));
    await write(MANIFEST);
    assertEquals(await readManifest(folder), MANIFEST);
    for (
      const [path, value] of [
        [["train", "files", 0, "examples"], -1],
        [["train", "files", 0, "examples"], null],
        [["train", "files", 0, "examples"], "x"],
        [["train", "files", 0, "examples"], 1.5],
        [["train", "files", 0, "name"], "../../../etc/passwd"],
        [["train", "files", 0, "name"], "/etc/passwd"],
        [["train", "files", 0, "sha256"], "f00"],
        [["train", "lengthHistogram"], [1]],
        [["recipe", "maxSeqLength"], 0],
        [["recipe", "compress"], "zip"],
        [["recipe"], undefined],
        [["eval", "files"], {}],
        [["eval"], null],
        [["format"], "kohaku-examples-2"],
      ] as const
    ) {
      await write(changed(MANIFEST, path, value));
      const error = await assertRejects(() => readManifest(folder), PipelineError);
      assertStringIncludes(error.message, `${folder}/manifest.json: ${path.join(".")}`);
      assertStringIncludes(error.message, "build the examples again");
    }
    for (const text of ["", "{", "null", "[]", "7", "\u0000"]) {
      await Deno.writeTextFile(`${folder}/manifest.json`, text);
      await assertRejects(() => readManifest(folder), PipelineError, `${folder}/manifest.json: `);
    }
  });
});

Deno.test("counts of examples that cannot be never reach the loop that reads them", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, MANIFEST.train.files[0].name);
    await Deno.writeFile(file, new Uint8Array(9));
    const broken = changed(MANIFEST, ["train", "files", 0, "examples"], -1);
    await Deno.writeTextFile(`${folder}/manifest.json`, JSON.stringify(broken));
    await assertRejects(() => countExamples([file]), PipelineError, "train.files.0.examples is -1");
  });
});

const RECIPE: ExtractRecipe = {
  dump: "d.xml",
  dumpBytes: 10,
  dumpHash: "00",
  minLength: 50,
  dropLists: false,
  dropSections: false,
  encoding: "utf-8",
  templates: undefined,
  rules: 1,
  partsOf: "XML",
  partBytes: 100,
};

Deno.test("manifests and counts of an extraction are refused where a value cannot be", async () => {
  await withFolder(async (folder) => {
    const manifest: ExtractManifest = {
      format: "kohaku-text-1",
      recipe: RECIPE,
      deduplicate: "none",
      counts: noCounts(),
      duplicates: { exact: 0, near: 0, characters: 0 },
      files: [{ name: "wiki-00000.jsonl.gz", documents: 1, characters: 2 }],
    };
    await Deno.writeTextFile(`${folder}/manifest.json`, JSON.stringify(manifest));
    assertEquals(await readExtractManifest(folder), manifest);
    for (
      const [path, value] of [
        [["counts", "pages"], "many"],
        [["counts", "dropped", "redirect"], -1],
        [["files", 0, "name"], "../x"],
        [["duplicates"], undefined],
      ] as const
    ) {
      const text = JSON.stringify(changed(manifest, path, value));
      await Deno.writeTextFile(`${folder}/manifest.json`, text);
      await assertRejects(() => readExtractManifest(folder), PipelineError, path.join("."));
    }
  });
  await withFolder(async (folder) => {
    const parts = await PartsFolder.open(folder, RECIPE, false);
    await parts.save({ part: 0, bytes: 10, counts: noCounts() });
    assertEquals((await PartsFolder.open(folder, RECIPE, false)).done.get(0)?.bytes, 10);
    const path = `${folder}/wiki-00000.counts.json`;
    for (const text of ["", "null", "{}", '{"part":0}', JSON.stringify({ recipe: RECIPE })]) {
      await Deno.writeTextFile(path, text);
      await assertRejects(() => PartsFolder.open(folder, RECIPE, false), PipelineError, path);
    }
  });
});

Deno.test("state.json of a checkpoint is refused where a value cannot be", () => {
  // What any training saved, and ELECTRA's hyperparameters in it, as `export` and `--resume` read them.
  const decode = (state: unknown): unknown => {
    const files = new Map([["state.json", new TextEncoder().encode(JSON.stringify(state))]]);
    const decoded = decodeCheckpointState(files, "step-1");
    return { ...decoded, hparams: savedHparams(decoded, "step-1/state.json") };
  };
  const state = { step: 1, seed: 2, hparams: resolveHparams({}).hparams };
  assertEquals(decode(state), state);
  for (
    const [path, value] of [
      [["step"], -20],
      [["step"], 1.5],
      [["seed"], "42"],
      [["hparams"], []],
      [["hparams", "vocab_size"], "many"],
      [["loss_scale"], { scale: 0, goodSteps: 1 }],
      [["loss_scale"], null],
    ] as const
  ) {
    const error = assertThrows(() => decode(changed(state, path, value)), ModelError, "step-1/");
    assertStringIncludes(error.message, path.at(-1)!);
  }
});

/** A file with a header of one's own. */
function safetensors(header: unknown, data: number): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + data);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

Deno.test("safetensors headers that do not fit their data are refused, each with its reason", () => {
  const entry = (start: unknown, end: unknown, shape: unknown = [1], dtype: unknown = "F32") => ({
    dtype,
    shape,
    data_offsets: [start, end],
  });
  const good = decodeSafeTensors(safetensors({ a: entry(0, 4), b: entry(4, 8) }, 8), "f");
  assertEquals([...good.tensors.keys()], ["a", "b"]);
  for (
    const [header, data, reason] of [
      [{ a: entry(-4, 0) }, 4, "data_offsets.0 is -4"],
      [{ a: entry(0, 4), b: entry(2, 6) }, 8, "a and b overlap"],
      [{ a: entry(0, 4) }, 8, "no tensor holds bytes 4 to 8"],
      [{ a: entry(4, 8) }, 8, "no tensor holds bytes 0 to 4"],
      [{ a: entry(0, 8) }, 8, "F32 of shape [1] takes 4"],
      [{ a: entry(0, 8, [2]) }, 4, "ends at byte 8 of the 4 bytes"],
      [{ a: entry(0, 4, [-1]) }, 4, "shape.0 is -1"],
      [{ a: entry(0, 4, "x") }, 4, "shape is"],
      [{ a: entry(0, 4, [1], "toString") }, 4, "dtype is"],
      [{ a: entry(0, null) }, 4, "data_offsets.1 is null"],
      [{ a: null }, 4, "a: the whole is null"],
      [{ a: entry(0, 4), __metadata__: 7 }, 4, "__metadata__: the whole is 7"],
      [{ a: entry(0, 4), __metadata__: { x: 1 } }, 4, "__metadata__: x is 1"],
      [[], 0, "it must be an object"],
      [null, 0, "it must be an object"],
    ] as const
  ) {
    const error = assertThrows(() => decodeSafeTensors(safetensors(header, data), "f"), ModelError);
    assertStringIncludes(error.message, reason);
  }
  const empty = encodeSafeTensors({ tensors: new Map(), metadata: {} });
  assertEquals(decodeSafeTensors(empty, "f").tensors.size, 0);
});

Deno.test("metrics.jsonl keeps what can be read, and says which lines cannot", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/metrics.jsonl`;
    const line = (step: number): string =>
      JSON.stringify({
        step,
        learning_rate: 1,
        masked_lm_loss: null,
        disc_loss: 1,
        loss: 1,
        gradient_norm: 1,
        skipped_steps: 0,
        steps_per_second: 1,
        tokens_per_second: 1,
        of_mine: "kept",
      });
    const broken = ["null", "7", "[]", '{"step":"x"}', '{"step":1}', '{"step":1,"eval":{}}', "{"];
    await Deno.writeTextFile(path, [line(1), ...broken, line(2), '{"step":3,"lo'].join("\n"));
    const told: string[] = [];
    const log = await MetricsLog.open(path, 10, (text) => told.push(text));
    assertEquals(log.lines.map(({ step }) => step), [1, 2]);
    assertEquals(told.length, broken.length);
    assert(told[0].startsWith(`${path}, line 2: `), told[0]);
    const [first] = (await Deno.readTextFile(path)).split("\n");
    assertEquals(JSON.parse(first), JSON.parse(line(1)));
  });
});
