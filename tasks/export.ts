/** `deno task export`: a checkpoint in the layouts of other tools, with tokenizer and model card. */

import type { ModelPart } from "../model/electra/huggingface.ts";
import { InvalidArgumentError, Option, runTask, task } from "./common/command.ts";
import { findModel } from "./common/find_model.ts";
import { keepOnly } from "./common/permissions.ts";
import { type ExportDType, type ExportFormat, exportModel } from "./common/exporting.ts";

const DTYPES: readonly ExportDType[] = ["f32", "f16", "bf16", "int8"];

const command = task(
  "export",
  "Writes a checkpoint with its tokenizer and a model card, for transformers, ONNX Runtime, " +
    "transformers.js or TensorFlow.",
  "deno task export --model-name electra --format huggingface --part both --out exported",
)
  .option(
    "--data-dir <dir>",
    "holds models and the tokenizer (default: data, or the sample's while data has no models)",
  )
  .option(
    "--model-name <name>",
    "the model is DATA_DIR/models/NAME (default: electra, or the last trained)",
  )
  .option("--checkpoint <step>", "a step, or latest", "latest")
  .addOption(
    new Option("--format <format>", "layout").choices(
      ["huggingface", "onnx", "tensorflow1"] as const,
    )
      .default("huggingface" as ExportFormat),
  )
  .addOption(
    new Option("--part <part>", "which part; both writes OUT/discriminator and OUT/generator")
      .choices(["discriminator", "generator", "encoder", "both"] as const)
      .default("discriminator" as ModelPart | "both"),
  )
  .option(
    "--dtype <types>",
    "how weights are stored: f32, f16 or bf16; several of f32, f16, int8 for onnx " +
      "(default: f32; all three for onnx)",
    readDTypes,
  )
  .option("--license <id>", "licence of the weights for the model card, such as cc-by-sa-4.0")
  .option("--no-tokenizer", "leave the tokenizer out")
  .requiredOption("--out <dir>", "the folder to write; must not hold a model already");

await runTask(command, async ({ dtype, ...options }) => {
  const { dataDir, modelName } = await findModel(options);
  const folders = await exportModel({
    ...options,
    dataDir,
    modelName,
    dtypes: dtype,
    confine: keepOnly,
  });
  for (const line of folders) console.log(line);
});

/** Reads a list of types. */
function readDTypes(text: string): readonly ExportDType[] {
  const types = text.split(",") as ExportDType[];
  if (types.every((type) => DTYPES.includes(type))) return types;
  throw new InvalidArgumentError(`It is one of ${DTYPES.join(", ")}.`);
}
