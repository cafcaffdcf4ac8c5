/** What `deno task export` writes: the files of each part, gathered before any is written. */

import { join } from "@std/path/mod.js";
import {
  discriminatorConfig,
  generatorConfig,
  type PretrainingHparams,
} from "../../model/electra/config.ts";
import {
  exportHuggingFace,
  huggingFaceConfig,
  type ModelPart,
  partTensors,
} from "../../model/electra/huggingface.ts";
import { requireVocabulary } from "../../model/electra/inputs.ts";
import { exportOnnx, ONNX_FILES, type OnnxPrecision } from "../../model/electra/onnx.ts";
import {
  decodeCheckpoint,
  decodeCheckpointState,
  WEIGHTS_FILE,
} from "../../model/files/checkpoint.ts";
import { savedHparams } from "../../model/electra/resume.ts";
import { toTensorFlow } from "../../model/electra/tensorflow.ts";
import { encodeBundle, shardFile } from "../../model/files/tensorflow/bundle.ts";
import type { WeightDType } from "../../model/files/half.ts";
import { decodeSafeTensors, type SafeTensor } from "../../model/files/safetensors.ts";
import { AtomicFile } from "../../pipeline/atomic_file.ts";
import { readManifest } from "../../pipeline/examples/manifest.ts";
import { exportTokenizer } from "../../pipeline/tokenizers/tokenizer_json.ts";
import { UsageError } from "./command.ts";
import { writeFileAtomic, writeFilesOnce } from "./files.ts";
import { modelCard } from "./model_card.ts";
import { ModelDirectory } from "./model_directory.ts";
import type { NeededPaths } from "./permissions.ts";
import { loadTokenizer, type Tokenizer, tokenizerPath } from "./tokenizer.ts";
import { gatherFacts } from "./model_facts.ts";

/** A layout. */
export type ExportFormat = "huggingface" | "onnx" | "tensorflow1";

/** How weights are stored. */
export type ExportDType = "f32" | "f16" | "bf16" | "int8";

/** What to export, and where to. */
export interface ExportOptions {
  /** Holds the tokenizer and the examples that the model was trained on. */
  readonly dataDir: string;
  /** The model's name. */
  readonly modelName: string;
  /** A step, or "latest". */
  readonly checkpoint: string;
  /** The layout. */
  readonly format: ExportFormat;
  /** Which part; "both" writes a folder for each. */
  readonly part: ModelPart | "both";
  /** How weights are stored; undefined for the layout's own choice. */
  readonly dtypes?: readonly ExportDType[];
  /** Licence of the weights, for the model card. */
  readonly license?: string;
  /** Whether the tokenizer comes along. */
  readonly tokenizer: boolean;
  /** The folder to write. */
  readonly out: string;
  /** Told, once it is known, what is read and written from then on. */
  readonly confine?: (paths: NeededPaths) => Promise<void>;
}

type Files = Map<string, Uint8Array<ArrayBuffer>>;

const WEIGHT_DTYPES: Readonly<Partial<Record<ExportDType, WeightDType>>> = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
};

/** Writes the export and says in a line what each folder holds. */
export async function exportModel(options: ExportOptions): Promise<string[]> {
  const { format, out, part } = options;
  const dtypes = options.dtypes ?? (format === "onnx" ? ["f32", "f16", "int8"] : ["f32"]);
  requireDTypes(format, dtypes);
  const directory = ModelDirectory.of(options.dataDir, options.modelName);
  const step = await directory.find(options.checkpoint);
  const source = directory.checkpoint(step);
  const files = await directory.load(step);
  const hparams = savedHparams(decodeCheckpointState(files, source), source);
  const { tensors } = decodeSafeTensors(files.get(WEIGHTS_FILE)!, join(source, WEIGHTS_FILE));
  await options.confine?.({
    read: [options.dataDir, tokenizerPath(options.dataDir, hparams)],
    write: [out],
  });
  if (format === "tensorflow1") {
    const { parameters, moments } = decodeCheckpoint(files, source);
    await writeTensorFlow(out, toTensorFlow({ parameters, moments, step }), step);
    return [`${out}: ${directory.path} at step ${step}, with the optimizer's moments`];
  }
  const facts = await gatherFacts(options, directory, step, hparams);
  const tokenizer = options.tokenizer ? await loadTokenizer(options.dataDir, hparams) : undefined;
  if (tokenizer) requireVocabulary(hparams, tokenizer.special);
  const tokenizerFiles = tokenizer ? await describeTokenizer(tokenizer, options, hparams) : [];
  const padTokenId = tokenizer?.padId ?? null;

  const parts: [ModelPart, string][] = part === "both"
    ? [["discriminator", join(out, "discriminator")], ["generator", join(out, "generator")]]
    : [[part, out]];
  const folders: [string, Files][] = parts.map(([one, folder]) => [
    folder,
    new Map([
      ...partFiles(format, hparams, tensors, one, dtypes, padTokenId),
      ...tokenizerFiles,
      ["README.md", new TextEncoder().encode(modelCard({ ...facts, part: one, format, dtypes }))],
    ]),
  ]);
  for (const [folder, files] of folders) {
    if (format === "onnx") await Deno.mkdir(join(folder, "onnx"), { recursive: true });
    await writeFilesOnce(folder, files);
  }
  return parts.map(([one, folder]) => `${folder}: the ${one} of ${directory.path} at step ${step}`);
}

/** Writes a checkpoint, and beside it the file by which TensorFlow finds the latest. */
async function writeTensorFlow(
  out: string,
  variables: ReadonlyMap<string, SafeTensor>,
  step: number,
): Promise<void> {
  const name = `model.ckpt-${step}`;
  const { index, data } = encodeBundle(variables);
  const prefix = join(out, name);
  const latest = `model_checkpoint_path: "${name}"\nall_model_checkpoint_paths: "${name}"\n`;
  await requireFree(out, ["checkpoint", `${name}.index`]);
  await Deno.mkdir(out, { recursive: true });
  const file = await AtomicFile.create(shardFile(prefix, 0, 1));
  for (const bytes of data) await file.write(bytes);
  await file.commit();
  await writeFileAtomic(`${prefix}.index`, index);
  await writeFileAtomic(join(out, "checkpoint"), latest);
}

function requireDTypes(format: ExportFormat, dtypes: readonly ExportDType[]): void {
  const possible = {
    huggingface: ["f32", "f16", "bf16"],
    onnx: ["f32", "f16", "int8"],
    tensorflow1: ["f32"],
  }[format];
  const wrong = dtypes.find((dtype) => !possible.includes(dtype));
  if (wrong) {
    throw new UsageError(`--dtype ${wrong}: --format ${format} knows ${possible.join(", ")}`);
  }
  if (format === "huggingface" && dtypes.length !== 1) {
    throw new UsageError("--dtype: model.safetensors holds weights in one type; name one");
  }
}

function partFiles(
  format: ExportFormat,
  hparams: PretrainingHparams,
  weights: ReadonlyMap<string, SafeTensor>,
  part: ModelPart,
  dtypes: readonly ExportDType[],
  padTokenId: number | null,
): Files {
  if (format === "huggingface") {
    return exportHuggingFace(hparams, weights, part, {
      padTokenId,
      dtype: WEIGHT_DTYPES[dtypes[0]],
    });
  }
  const described = huggingFaceConfig(hparams, part, { padTokenId });
  const [architecture] = described.architectures as string[];
  const config = part === "generator" ? generatorConfig(hparams) : discriminatorConfig(hparams);
  const tensors = partTensors(hparams, weights, part);
  const files: Files = new Map([
    ["config.json", new TextEncoder().encode(JSON.stringify(described, null, 2) + "\n")],
  ]);
  for (const dtype of dtypes as readonly OnnxPrecision[]) {
    files.set(ONNX_FILES[dtype], exportOnnx(architecture, config, tensors, dtype));
  }
  return files;
}

async function describeTokenizer(
  { path }: Tokenizer,
  { dataDir }: ExportOptions,
  hparams: PretrainingHparams,
): Promise<Files> {
  const examples = await readManifest(join(dataDir, "pretrain_tfrecords"));
  return exportTokenizer(await Deno.readFile(path), path, {
    doLowerCase: examples?.recipe.doLowerCase ?? hparams.do_lower_case ?? false,
    maxLength: discriminatorConfig(hparams).maxPositionEmbeddings,
  });
}

async function requireFree(folder: string, names: Iterable<string>): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    if (await Deno.stat(path).then(() => true, () => false)) {
      throw new UsageError(`${path} is there already; choose another --out`);
    }
  }
}
