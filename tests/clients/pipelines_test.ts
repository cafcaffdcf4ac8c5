import { assertAlmostEquals, assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import {
  discriminatorConfig,
  generatorConfig,
  resolveHparams,
} from "../../model/electra/config.ts";
import { huggingFaceConfig, type ModelPart, partTensors } from "../../model/electra/huggingface.ts";
import { exportOnnx, ONNX_FILES } from "../../model/electra/onnx.ts";
import {
  SentencePieceProcessor,
  TRAINER_DEFAULTS,
  trainSentencePiece,
} from "../../pipeline/sentencepiece/mod.ts";
import { exportTokenizer } from "../../pipeline/tokenizers/tokenizer_json.ts";
import { asReference, randomWeights } from "../model/random_weights.ts";
import { encodeReference, generatorLogitsReference } from "../model/reference_step.ts";
import { loadPipeline } from "./load.ts";

const SAMPLE = new URL("../../pipeline/sample/jawiki-sample.xml", import.meta.url);
const VOCABULARY = 2500;

const text = (await Deno.readTextFile(SAMPLE)).split("\n").filter((line) => line.length > 20);
const { model } = await trainSentencePiece(text, {
  ...TRAINER_DEFAULTS,
  modelPrefix: "sample",
  vocabSize: VOCABULARY,
  seedSentencepieceSize: 20_000,
});
const processor = SentencePieceProcessor.fromBytes(model);
const { hparams } = resolveHparams({
  model_hparam_overrides: { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2 },
  embedding_size: 24,
  vocab_size: VOCABULARY,
});
const weights = randomWeights(hparams, 4);

/** Writes a part as `export --format onnx` does. */
async function exportPart(part: ModelPart, folder: string): Promise<void> {
  const described = huggingFaceConfig(hparams, part, { padTokenId: 3 });
  const config = part === "generator" ? generatorConfig(hparams) : discriminatorConfig(hparams);
  const [architecture] = described.architectures as string[];
  await Deno.mkdir(join(folder, "onnx"), { recursive: true });
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(described));
  const tensors = partTensors(hparams, weights, part);
  await Deno.writeFile(
    join(folder, ONNX_FILES.f32),
    exportOnnx(architecture, config, tensors, "f32"),
  );
  const tokenizer = exportTokenizer(model, "m", { doLowerCase: false, maxLength: 512 });
  for (const [name, bytes] of tokenizer) await Deno.writeFile(join(folder, name), bytes);
}

/** Hidden states in float64. */
function statesOf(part: ModelPart, ids: readonly number[]): Float64Array[] {
  const config = part === "generator" ? generatorConfig(hparams) : discriminatorConfig(hparams);
  const prefix = part === "generator" ? "generator." : "discriminator.";
  const mask = ids.map(() => 1), types = ids.map(() => 0);
  return encodeReference(asReference(weights), prefix, config, ids, mask, types);
}

Deno.test("pipelines of transformers.js give what a float64 ELECTRA gives for our ids", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const id = (piece: string): number => processor.pieceToId(piece);
    const ids = (line: string): number[] => [...processor.encodeIds(line)];

    await exportPart("generator", join(parent, "generator"));
    const fill = await loadPipeline("fill-mask", parent, "generator");
    const start = ids("日本の"), rest = ids("xである。").slice(ids("x").length);
    const input = [id("[CLS]"), ...start, id("[MASK]"), ...rest, id("[SEP]")];
    const state = statesOf("generator", input)[1 + start.length];
    const [logits] = generatorLogitsReference(asReference(weights), generatorConfig(hparams), [
      state,
    ]);
    const largest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    const best = [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, 5);
    const filled = await fill("日本の[MASK]である。") as { token: number; score: number }[];
    assertEquals(filled.map(({ token }) => Number(token)), best);
    filled.forEach(({ score }, i) =>
      assertAlmostEquals(score, Math.exp(logits[best[i]] - largest) / total, 1e-5)
    );

    await exportPart("encoder", join(parent, "encoder"));
    const extract = await loadPipeline("feature-extraction", parent, "encoder");
    const line = "ﾊﾟﾝは食品である。👍🏽";
    const expected = statesOf("encoder", [id("[CLS]"), ...ids(line), id("[SEP]")]);
    const { dims, data } = await extract(line) as { dims: number[]; data: Float32Array };
    assertEquals(dims, [1, expected.length, 32]);
    expected.flatMap((row) => [...row]).forEach((value, i) =>
      assertAlmostEquals(data[i], value, 1e-4)
    );
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
