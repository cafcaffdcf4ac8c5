import { assertEquals, assertLess, assertThrows } from "@std/assert/mod.js";
import { discriminatorConfig, generatorConfig } from "../../model/electra/config.ts";
import { type ModelPart, partTensors } from "../../model/electra/huggingface.ts";
import { exportOnnx, type OnnxPrecision } from "../../model/electra/onnx.ts";
import { ModelError } from "../../model/errors.ts";
import { asReference, randomWeights } from "../model/random_weights.ts";
import {
  discriminatorLogitsReference,
  encodeReference,
  generatorLogitsReference,
} from "../model/reference_step.ts";
import { batchOf, smallHparams, SPECIAL } from "../model/small_electra.ts";
import { loadOnnxRuntime } from "./load.ts";

const hparams = smallHparams();
const weights = randomWeights(hparams, 11);
const configs = {
  discriminator: discriminatorConfig(hparams),
  encoder: discriminatorConfig(hparams),
  generator: generatorConfig(hparams),
};
const CLASSES: Readonly<Record<ModelPart, string>> = {
  discriminator: "ElectraForPreTraining",
  encoder: "ElectraModel",
  generator: "ElectraForMaskedLM",
};

/** Three shapes; the second row of the first and the last is padded. */
const SHAPES = [[2, 19], [1, 1], [3, 32]] as const;

function exported(part: ModelPart, precision: OnnxPrecision): Uint8Array {
  const tensors = partTensors(hparams, weights, part);
  return exportOnnx(CLASSES[part], configs[part], tensors, precision);
}

/** What a float64 ELECTRA gives for one row. */
function expected(
  part: ModelPart,
  ids: ArrayLike<number>,
  mask: ArrayLike<number>,
  types: ArrayLike<number>,
): number[] {
  const parameters = asReference(weights);
  const prefix = part === "generator" ? "generator." : "discriminator.";
  const states = encodeReference(parameters, prefix, configs[part], ids, mask, types);
  if (part === "encoder") return states.flatMap((state) => [...state]);
  if (part === "discriminator") return discriminatorLogitsReference(parameters, states);
  return generatorLogitsReference(parameters, configs.generator, states)
    .flatMap((logits) => [...logits]);
}

/** The largest difference between ONNX Runtime and float64 over real tokens of all shapes. */
async function worst(part: ModelPart, precision: OnnxPrecision): Promise<number> {
  const runtime = await loadOnnxRuntime();
  const session = await runtime.load(exported(part, precision));
  assertEquals([...session.inputNames].sort(), ["attention_mask", "input_ids", "token_type_ids"]);
  const output = part === "encoder" ? "last_hidden_state" : "logits";
  assertEquals([...session.outputNames], [output]);
  let difference = 0;
  for (const [rows, length] of SHAPES) {
    const { inputIds, attentionMask, tokenTypeIds } = batchOf(rows, length, 5);
    if (length === 1) inputIds[0] = SPECIAL.cls, attentionMask[0] = 1;
    const result = (await session.run({
      input_ids: runtime.ids(inputIds, [rows, length]),
      attention_mask: runtime.ids(attentionMask, [rows, length]),
      token_type_ids: runtime.ids(tokenTypeIds, [rows, length]),
    }))[output];
    const width = result.data.length / (rows * length);
    const last = { discriminator: [], encoder: [width], generator: [width] }[part];
    assertEquals([...result.dims], [rows, length, ...last]);
    for (let row = 0; row < rows; row++) {
      const cut = (data: Int32Array): Int32Array => data.subarray(row * length, (row + 1) * length);
      const mask = cut(attentionMask);
      const wanted = expected(part, cut(inputIds), mask, cut(tokenTypeIds));
      wanted.forEach((value, i) => {
        if (mask[Math.floor(i / width)] === 0) return;
        const got = Number(result.data[row * length * width + i]);
        difference = Math.max(difference, Number.isFinite(got) ? Math.abs(got - value) : Infinity);
      });
    }
  }
  return difference;
}

for (const part of ["discriminator", "generator", "encoder"] as const) {
  Deno.test(`ONNX Runtime gives the ${part}'s outputs within 1e-4 at three shapes with padding`, async () => {
    assertLess(await worst(part, "f32"), 1e-4);
  });

  Deno.test(`the ${part} in f16 and int8 stays near`, async () => {
    const [half, quantized] = [await worst(part, "f16"), await worst(part, "int8")];
    assertLess(half, 0.01);
    assertLess(quantized, 0.15);
  });
}

Deno.test("a class without a graph and a tensor that is missing are refused by name", () => {
  const tensors = partTensors(hparams, weights, "encoder");
  assertThrows(
    () => exportOnnx("ElectraForMultipleChoice", configs.encoder, tensors, "f32"),
    ModelError,
    "no ONNX graph for ElectraForMultipleChoice; there are ElectraModel",
  );
  tensors.delete("encoder.layer.1.output.dense.bias");
  assertThrows(
    () => exportOnnx("ElectraModel", configs.encoder, tensors, "f32"),
    ModelError,
    "encoder.layer.1.output.dense.bias is missing",
  );
});
