/** `predict` asking pre-trained models: numbers, order, broken input, and which model is asked. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { discriminatorConfig, generatorConfig } from "../../model/electra/config.ts";
import { ModelError } from "../../model/errors.ts";
import { asFloat32 } from "../../model/files/safetensors.ts";
import { encodeMasked } from "../../pipeline/finetuning/masks.ts";
import { Tokenizer } from "../../pipeline/finetuning/tokens.ts";
import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { findModel } from "../../tasks/common/find_model.ts";
import { type AskOptions, openModel } from "../../tasks/prediction/open.ts";
import { type AnsweringOptions, answerLines } from "../../tasks/prediction/stream.ts";
import { testGpu } from "../kernels/harness.ts";
import {
  discriminatorLogitsReference,
  encodeReference,
  generatorLogitsReference,
  type NamedParameters,
} from "../model/reference_step.ts";
import { tinyModel } from "../pipeline/tiny_model.ts";
import { runTaskIn, type TinyPretrained, tinyPretrained } from "./tiny_pretrained.ts";

type Json = Record<string, unknown>;

/** Asks a model without a process of its own. */
async function ask(
  dataDir: string,
  options: Partial<AskOptions> & Pick<AskOptions, "mode">,
  lines: readonly string[],
  answering: Partial<AnsweringOptions> = {},
): Promise<{ answers: Json[]; error?: Error; cutTexts: number }> {
  const found = await findModel({ dataDir });
  const { mode, padId } = await openModel(await testGpu(), found, {
    checkpoint: "latest",
    topK: 5,
    threshold: 0.5,
    pooling: "mean",
    normalize: false,
    ...options,
  });
  const answers: Json[] = [];
  const source = async function* (): AsyncGenerator<string> {
    yield* lines;
  };
  const given = {
    source: "lines",
    chunkLines: 1024,
    batchSize: 32,
    padId,
    skipBad: false,
    signal: new AbortController().signal,
    ...answering,
  };
  let error: Error | undefined;
  for await (const chunk of answerLines(source(), mode, given)) {
    answers.push(...chunk.answers);
    error = chunk.error;
    if (error) break;
  }
  mode.destroy();
  return { answers, error, cutTexts: mode.cutTexts };
}

/** The model's own float64 forward pass. */
function reference({ hparams, parameters: saved }: TinyPretrained): {
  hidden: (part: "discriminator" | "generator", ids: readonly number[]) => Float64Array[];
  judge: (states: Float64Array[]) => number[];
  fill: (state: Float64Array) => Float64Array;
} {
  const parameters: NamedParameters = new Map(
    Array.from(saved, ([name, tensor]) => [name, Float64Array.from(asFloat32(name, tensor))]),
  );
  const configs = {
    discriminator: discriminatorConfig(hparams),
    generator: generatorConfig(hparams),
  };
  return {
    hidden: (part, ids) =>
      encodeReference(
        parameters,
        `${part}.`,
        configs[part],
        ids,
        ids.map(() => 1),
        ids.map(() => 0),
      ),
    judge: (states) => discriminatorLogitsReference(parameters, states),
    fill: (state) => generatorLogitsReference(parameters, configs.generator, [state])[0],
  };
}

const LINES = ["日本語。", "", "あいうえおかきくけこ", "文語の日本", "あ", "さしすせそabc"];

Deno.test("answers are those of a float64 forward pass over the same tokens", async () => {
  const dataDir = await Deno.makeTempDir();
  const model = await tinyPretrained(dataDir);
  const { hidden, judge, fill } = reference(model);
  const processor = SentencePieceProcessor.fromBytes(tinyModel());
  const id = (piece: string): number => processor.pieceToId(piece);
  const [cls, sep, mask] = ["[CLS]", "[SEP]", "[MASK]"].map(id);
  const idsOf = (text: string): number[] => [cls, ...processor.encodeIds(text), sep];

  const embedded = await ask(dataDir, { mode: "embed" }, LINES);
  const firsts = await ask(dataDir, { mode: "embed", pooling: "first", normalize: true }, LINES);
  const tokens = await ask(dataDir, { mode: "embed", pooling: "tokens" }, LINES);
  const detected = await ask(dataDir, { mode: "detect", threshold: 0 }, LINES);
  assertEquals(embedded.answers.length, LINES.length);
  LINES.forEach((text, i) => {
    if (text === "") {
      assertEquals([embedded.answers[i], detected.answers[i]], [{}, {}]);
      return;
    }
    const states = hidden("discriminator", idsOf(text));
    const mean = Array.from(
      states[0],
      (_, k) => states.reduce((sum, state) => sum + state[k], 0) / states.length,
    );
    closeTo(embedded.answers[i].embedding as number[], mean);
    const length = Math.hypot(...states[0]);
    closeTo(firsts.answers[i].embedding as number[], [...states[0]].map((x) => x / length));
    const own = tokens.answers[i].tokens as { embedding: number[]; start: number; end: number }[];
    own.forEach(({ embedding }, k) => closeTo(embedding, [...states[k + 1]]));
    const logits = judge(states);
    const shown = detected.answers[i].replaced as { probability: number; start: number }[];
    // The token before the first character stands for nothing.
    const places = own.flatMap(({ start, end }, k) => end > start ? [k + 1] : []);
    closeTo(
      shown.map(({ probability }) => probability),
      places.map((k) => 1 / (1 + Math.exp(-logits[k]))),
    );
  });

  const text = "日[MASK][MASK]。あ[MASK]";
  const { answers: [filled] } = await ask(dataDir, { mode: "fill-mask", topK: 3 }, [text]);
  const seen = [cls, ...["▁", "日"].map(id), mask, mask, ...["。", "あ"].map(id), mask, sep];
  const states = hidden("generator", seen);
  const masks = filled.masks as {
    start: number;
    end: number;
    best: { piece: string; probability: number }[];
  }[];
  assertEquals(masks.map(({ start, end }) => [start, end]), [[1, 7], [7, 13], [15, 21]]);
  [3, 4, 7].forEach((place, i) => {
    const powers = fill(states[place]).map(Math.exp);
    const sum = powers.reduce((total, power) => total + power, 0);
    const order = Array.from(powers.keys()).sort((a, b) => powers[b] - powers[a]).slice(0, 3);
    closeTo(masks[i].best.map(({ probability }) => probability), order.map((k) => powers[k] / sum));
    assertEquals(masks[i].best.map(({ piece }) => id(piece)), order);
  });

  const { answers: [score] } = await ask(dataDir, { mode: "score" }, ["日本"]);
  const ids = idsOf("日本");
  let sum = 0;
  for (let at = 1; at < ids.length - 1; at++) {
    const powers = fill(hidden("generator", ids.with(at, mask))[at]).map(Math.exp);
    sum += Math.log(powers[ids[at]] / powers.reduce((total, power) => total + power, 0));
  }
  assertAlmostEquals(score.score as number, sum, 1e-4);
  assertEquals(score.tokens, ids.length - 2);
  await Deno.remove(dataDir, { recursive: true });
});

function closeTo(actual: readonly number[], expected: readonly number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-5));
}

Deno.test("lines asked together are answered in order, as one by one and in any chunks", async () => {
  const dataDir = await Deno.makeTempDir();
  await tinyPretrained(dataDir);
  const lines = Array.from(
    { length: 90 },
    (_, i) => "あいうえおかきくけこさし".slice(0, i * 7 % 12) + "日",
  );
  const together = await ask(dataDir, { mode: "embed" }, lines);
  const again = await ask(dataDir, { mode: "embed" }, lines);
  assertEquals(JSON.stringify(together.answers), JSON.stringify(again.answers));
  const alone = await ask(dataDir, { mode: "embed" }, lines, { batchSize: 1, chunkLines: 1 });
  const chunks = await ask(dataDir, { mode: "embed" }, lines, { batchSize: 8, chunkLines: 13 });
  for (const { answers } of [alone, chunks]) {
    answers.forEach(({ embedding }, i) =>
      closeTo(embedding as number[], together.answers[i].embedding as number[])
    );
  }
  const scored = await ask(dataDir, { mode: "score" }, lines.slice(0, 20));
  const one = await ask(dataDir, { mode: "score" }, [lines[11]]);
  assertAlmostEquals(scored.answers[11].score as number, one.answers[0].score as number, 1e-4);
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("broken, odd and very long lines get a word or a defined answer", async () => {
  const dataDir = await Deno.makeTempDir();
  await tinyPretrained(dataDir);
  const json = [
    '{"id": 7, "text": "日本"}',
    '{"text": ""}',
    "",
    '{"text": "日本"',
    '{"txt": "日本"}',
    '["日本"]',
    '{"text": ["日本"]}',
    '{"text": "漢漢漢"}',
    '{"text": "本日"}\r',
  ];
  const { answers } = await ask(dataDir, { mode: "detect" }, json, { skipBad: true });
  assertEquals(answers.length, json.length);
  assertEquals(answers[0].id, 7);
  assertEquals(answers.slice(1, 3), [{}, {}]);
  const errors = [
    "line 4: not JSON",
    'line 5: has no "text", only "txt"',
    "line 6: not a JSON object",
  ];
  errors.forEach((message, i) => assertStringIncludes(answers[3 + i].error as string, message));
  assertStringIncludes(answers[6].error as string, '"text" is ["日本"], not a text');
  for (const i of [7, 8]) assert(Array.isArray(answers[i].replaced));

  const stopped = await ask(dataDir, { mode: "detect" }, json);
  assertEquals(stopped.answers.length, 3);
  assertStringIncludes(stopped.error!.message, "lines, line 4: not JSON");

  const unfilled = await ask(dataDir, { mode: "fill-mask" }, ["日本", "[MASK]"], { skipBad: true });
  assertStringIncludes(unfilled.answers[0].error as string, "has no [MASK]");
  assertEquals((unfilled.answers[1].masks as unknown[]).length, 1);

  const long = "漢字" + "あいうえお".repeat(70_000);
  assert(new TextEncoder().encode(long).length > 1 << 20);
  const embedded = await ask(dataDir, { mode: "embed" }, ["日", long, "本"]);
  assertEquals([embedded.answers.length, embedded.cutTexts], [3, 1]);
  const windowed = await ask(dataDir, { mode: "detect", threshold: 0, stride: 15 }, [
    "𠮷" + "あいうえお".repeat(30),
  ]);
  const replaced = windowed.answers[0].replaced as { start: number; end: number }[];
  // Every character is judged once; 𠮷 is one code point.
  assertEquals(replaced.map(({ start }) => start), Array.from({ length: 151 }, (_, i) => i));
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("holes beside unknown characters and each other keep their places", () => {
  const processor = SentencePieceProcessor.fromBytes(tinyModel());
  const tokenizer = new Tokenizer(processor);
  const id = (piece: string): number => processor.pieceToId(piece);
  const mask = id("[MASK]"), unknown = id("漢");
  const { tokens, places, starts } = encodeMasked(
    tokenizer,
    "漢[MASK][MASK]字日[MASK]\ue000",
    mask,
  );
  assertEquals(
    tokens.map((token) => token.id),
    [id("▁"), unknown, mask, mask, unknown, id("日"), mask, unknown],
  );
  assertEquals(places, [2, 3, 6]);
  assertEquals(starts, [1, 7, 15]);
});

Deno.test("halves and vocabularies that do not fit are refused by name", async () => {
  const dataDir = await Deno.makeTempDir();
  await tinyPretrained(dataDir, "electra", { uniform_generator: true });
  for (const mode of ["fill-mask", "score"] as const) {
    await assertRejects(
      () => ask(dataDir, { mode }, ["[MASK]"]),
      ModelError,
      `has no generator, which --mode ${mode} asks`,
    );
  }
  const other = join(dataDir, "other.model");
  await Deno.writeFile(other, tinyModel(["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[NEW]"]));
  await assertRejects(
    () => ask(dataDir, { mode: "embed", tokenizer: other }, ["日"]),
    ModelError,
    "other.model has",
  );
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("without flags the task asks the sample's model, in its own process", async () => {
  const cwd = await Deno.makeTempDir();
  const none = await runTaskIn(cwd, "predict", ["--mode", "fill-mask"], "[MASK]\n");
  assertEquals([none.code, none.out], [1, ""]);
  assertStringIncludes(none.err, "neither data nor data/sample has a model; pre-train one");
  await tinyPretrained(join(cwd, "data/sample"));
  const { code, out, err } = await runTaskIn(cwd, "predict", ["--mode", "fill-mask"], "日[MASK]\n");
  assertEquals(code, 0, err);
  assertStringIncludes(err, "asking data/sample/models/electra/checkpoints/step-00000004");
  assertEquals(JSON.parse(out).masks.length, 1);
  const sjis = Uint8Array.from([0x93, 0xfa, 0x96, 0x7b, 0x0a]);
  const other = await runTaskIn(cwd, "predict", ["--mode", "embed"], sjis);
  assertEquals([other.code, other.out], [1, ""]);
  assertStringIncludes(other.err, "standard input: not UTF-8");
  const exported = await runTaskIn(cwd, "export", ["--out", "exported"]);
  assertEquals(exported.code, 0, exported.err);
  await Deno.remove(cwd, { recursive: true });
});
