/** What `deno task import` reads: folders of Hugging Face's layout, and TensorFlow checkpoints. */

import { basename, join } from "@std/path/mod.js";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import {
  type CompletedModel,
  completeModel,
  type ElectraHalf,
  fromHuggingFace,
  hparamsOf,
  type HuggingFaceConfig,
  listNames,
  readHuggingFaceConfig,
  tieEmbeddings,
} from "../../model/electra/import.ts";
import {
  findParameters,
  fromTensorFlow,
  GLOBAL_STEP,
  shapeOfHalf,
  SLOTS,
} from "../../model/electra/tensorflow.ts";
import { ModelError } from "../../model/errors.ts";
import { encodeCheckpoint } from "../../model/files/checkpoint.ts";
import { decodeSafeTensors, type SafeTensor } from "../../model/files/safetensors.ts";
import {
  readBundleIndex,
  type ReadShard,
  readVariables,
  shardFile,
} from "../../model/files/tensorflow/bundle.ts";
import { parseJson } from "../../pipeline/wire/json.ts";
import * as v from "valibot";
import { UsageError } from "./command.ts";
import { importTokenizer } from "./importing_tokenizer.ts";
import { ModelDirectory } from "./model_directory.ts";

/** What to import, and where to. */
export interface ImportOptions {
  /** A folder of Hugging Face's layout, or the prefix of a TensorFlow checkpoint. */
  readonly from?: string;
  /** The generator's folder. */
  readonly generator?: string;
  /** The discriminator's folder. */
  readonly discriminator?: string;
  /** Holds models. */
  readonly dataDir: string;
  /** The model to make. */
  readonly modelName: string;
  /** Hyperparameters of training; shapes come from the files. */
  readonly hparams: Readonly<Record<string, unknown>>;
  /** Seed of what starts anew. */
  readonly seed: number;
}

/** A model as it was read, ready to be saved. */
interface ImportedModel {
  /** Hyperparameters. */
  readonly hparams: PretrainingHparams;
  /** Parameters, moments and step. */
  readonly model: CompletedModel;
  /** The folders that were read, where the tokenizer may lie. */
  readonly folders: readonly string[];
  /** Halves that were not given. */
  readonly absent: readonly ElectraHalf[];
}

const WEIGHTS = "model.safetensors";

/** Imports a model as a checkpoint, and says in lines what came of it. */
export async function importModel(options: ImportOptions): Promise<string[]> {
  const { from, generator, discriminator, dataDir, modelName, seed } = options;
  const pair = generator !== undefined || discriminator !== undefined;
  if ((from !== undefined) === pair) {
    throw new UsageError("name either --from, or --generator and --discriminator");
  }
  const directory = ModelDirectory.of(dataDir, modelName);
  const steps = await directory.steps();
  if (steps.length > 0) {
    throw new UsageError(
      `${directory.path} has checkpoints up to step ${steps.at(-1)}; choose another --model-name`,
    );
  }
  const imported = from === undefined
    ? await importHuggingFace({ discriminator, generator }, options)
    : await isFile(`${from}.index`)
    ? await importTensorFlow(from, options)
    : await importHuggingFace({ [await halfOf(from)]: from }, options);
  const { model, folders, absent } = imported;
  await directory.create();
  const tokenizer = await importTokenizer(folders, directory, imported.hparams);
  const hparams = {
    ...imported.hparams,
    ...(tokenizer ? { model_sentencepiece_path: tokenizer } : {}),
  };
  const state = { step: model.step, seed, hparams };
  await directory.save(model.step, encodeCheckpoint({ ...model, state }), 0);
  await directory.write("config.json", JSON.stringify({ hparams, seed }, null, 2) + "\n");
  await directory.write("hparams.json", JSON.stringify(hparams, null, 2) + "\n");
  return [
    ...absent.map((half) => `the ${half} was not given and starts anew`),
    ...(model.fresh.length > 0 ? [`not given, start anew: ${listNames(model.fresh)}`] : []),
    ...(model.extra.length > 0 ? [`given, without a place: ${listNames(model.extra)}`] : []),
    tokenizer
      ? `tokenizer: ${tokenizer}`
      : `${
        folders.join(", ")
      }: no tokenizer there; name one as model_sentencepiece_path in --hparams`,
    `${directory.checkpoint(model.step)}: ${model.parameters.size} tensors; go on with ` +
    `\`deno task pretrain --model-name ${modelName} --resume --hparams ${
      directory.file("hparams.json")
    }\``,
  ];
}

/** Reads one or two folders of Hugging Face's layout. */
async function importHuggingFace(
  given: Readonly<Partial<Record<ElectraHalf, string | undefined>>>,
  options: ImportOptions,
): Promise<ImportedModel> {
  const named = new Map<string, SafeTensor>();
  const shapes: Partial<Record<ElectraHalf, HuggingFaceConfig["encoder"]>> = {};
  const halves = (Object.entries(given) as [ElectraHalf, string | undefined][])
    .filter((entry): entry is [ElectraHalf, string] => entry[1] !== undefined);
  for (const [half, folder] of halves) {
    const config = await readConfig(folder);
    shapes[half] = config.encoder;
    const tensors = await readWeights(folder);
    for (const [name, tensor] of fromHuggingFace(half, tensors, folder)) named.set(name, tensor);
  }
  const tied = tieEmbeddings(named);
  const source = halves.map(([, folder]) => folder).join(" and ");
  const hparams = hparamsOf(shapes, {
    ...(tied ? {} : { untied_generator_embeddings: true }),
    ...options.hparams,
  });
  const state = { parameters: named, moments: new Map() };
  return {
    hparams,
    model: completeModel(hparams, state, options.seed, source),
    folders: halves.map(([, folder]) => folder),
    absent: (["discriminator", "generator"] as const).filter((half) => !given[half]),
  };
}

/** The half that a folder's `config.json` names. */
async function halfOf(folder: string): Promise<ElectraHalf> {
  const { architecture } = await readConfig(folder);
  return architecture === "ElectraForMaskedLM" ? "generator" : "discriminator";
}

async function readConfig(folder: string): Promise<HuggingFaceConfig> {
  const path = join(folder, "config.json");
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(
      `${path} does not exist; --from names a folder with config.json and ${WEIGHTS}, or the prefix of ` +
        "a TensorFlow checkpoint such as model.ckpt-1000000",
    );
  });
  return readHuggingFaceConfig(text, path);
}

/** The tensors of `model.safetensors`, or of the shards that its index names. */
async function readWeights(folder: string): Promise<Map<string, SafeTensor>> {
  const whole = join(folder, WEIGHTS), index = `${whole}.index.json`;
  if (await isFile(whole)) {
    return new Map(decodeSafeTensors(await Deno.readFile(whole), whole).tensors);
  }
  if (!await isFile(index)) {
    const pickled = await isFile(join(folder, "pytorch_model.bin"));
    throw new ModelError(
      pickled
        ? `${
          join(folder, "pytorch_model.bin")
        } is a pickle, which can run any code as it is read, so it is ` +
          "not: convert it where it comes from, with transformers: AutoModelForPreTraining" +
          `.from_pretrained("${folder}").save_pretrained("converted"), which writes ${WEIGHTS}`
        : `${whole} does not exist, nor does its index; is the download complete?`,
    );
  }
  const schema = v.object({ weight_map: v.record(v.string(), v.string()) });
  const { weight_map } = parseJson(
    schema,
    await Deno.readTextFile(index),
    (what) => new ModelError(`${index}: ${what}; use another copy`),
  );
  const tensors = new Map<string, SafeTensor>();
  for (const file of new Set(Object.values(weight_map))) {
    if (basename(file) !== file) {
      throw new ModelError(`${index}: names ${file}, outside its folder`);
    }
    const path = join(folder, file);
    if (!await isFile(path)) throw new ModelError(`${path}, which ${index} names, does not exist`);
    for (const [name, tensor] of decodeSafeTensors(await Deno.readFile(path), path).tensors) {
      tensors.set(name, tensor);
    }
  }
  const missing = Object.keys(weight_map).filter((name) => !tensors.has(name));
  if (missing.length > 0) throw new ModelError(`${index}: no file holds ${missing.join(", ")}`);
  return tensors;
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

/** Reads a TensorFlow checkpoint, with moments and step where it has them. */
async function importTensorFlow(
  prefix: string,
  options: ImportOptions,
): Promise<ImportedModel> {
  const source = `${prefix}.index`;
  const index = readBundleIndex(await Deno.readFile(source), source);
  const { variables } = index;
  const names = findParameters(variables, prefix);
  const discriminator = shapeOfHalf("discriminator", names, variables, prefix)!;
  const generator = shapeOfHalf("generator", names, variables, prefix);
  const wanted = [...names.values()].flatMap((name) => [name, ...SLOTS.map((s) => `${name}/${s}`)]);
  wanted.push(GLOBAL_STEP);
  const tensors = await readVariables(
    index,
    wanted.filter((name) => variables.has(name)),
    shardReader(prefix, index.shards),
    prefix,
  );
  const state = fromTensorFlow(names, tensors);
  const named = new Map(state.parameters);
  const tied = tieEmbeddings(named);
  const { num_attention_heads: heads } = (options.hparams.model_hparam_overrides ?? {}) as {
    num_attention_heads?: number;
  };
  const complete = (shape: typeof discriminator): HuggingFaceConfig["encoder"] => ({
    ...shape,
    // Not told by any shape. The generator's are its width / 64 in any case.
    numAttentionHeads: shape === discriminator && heads !== undefined
      ? heads
      : Math.max(1, Math.floor(shape.hiddenSize / 64)),
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    initializerRange: 0.02,
    layerNormEpsilon: 1e-12,
  });
  const hasHead = names.has("generator.generator_predictions.dense.weight");
  const hparams = hparamsOf(
    {
      discriminator: complete(discriminator),
      ...(generator ? { generator: complete(generator) } : {}),
    },
    {
      ...(tied ? {} : { untied_generator_embeddings: true }),
      ...(hasHead && !generator ? { untied_generator: false } : {}),
      ...options.hparams,
    },
  );
  return {
    hparams,
    model: completeModel(hparams, { ...state, parameters: named }, options.seed, prefix),
    folders: [join(prefix, "..")],
    absent: hasHead ? [] : ["generator"],
  };
}

/** Reads bytes of a checkpoint's data files. */
function shardReader(prefix: string, shards: number): ReadShard {
  return async (shard, offset, size) => {
    const path = shardFile(prefix, shard, shards);
    using file = await Deno.open(path);
    const { size: length } = await file.stat();
    if (offset + size > length) {
      throw new ModelError(
        `${path}: has ${length} bytes, but a variable ends at byte ${offset + size}; copy it again`,
      );
    }
    await file.seek(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const read = await file.read(bytes.subarray(at));
      if (read === null) throw new ModelError(`${path}: ends at byte ${offset + at}`);
      at += read;
    }
    return bytes;
  };
}
