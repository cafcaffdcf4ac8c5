/**
 * The libraries that read what Kohaku exports. Their native code is large, so they are fetched only for
 * these tests, from a lock file of their own: neither a literal at the import nor in deno.json.
 */

/** Rust's `tokenizers`, which transformers in Python is built on. */
const RUST_TOKENIZERS = "npm:tokenizers@0.23.2";
/** The tokenizers of transformers.js. */
const JS_TOKENIZERS = "npm:@huggingface/tokenizers@0.2.0";
/** transformers.js. */
const TRANSFORMERS = "npm:@huggingface/transformers@4.3.1";
/** ONNX Runtime, native. */
const ONNX_RUNTIME = "npm:onnxruntime-node@1.30.0";

/** What a text, or a pair of texts, becomes. */
export interface Encoded {
  readonly ids: readonly number[];
  readonly typeIds: readonly number[];
}

/** A client that reads `tokenizer.json`. */
export interface ClientTokenizer {
  readonly name: string;
  encode(text: string, pair?: string): Promise<Encoded>;
  decode(ids: readonly number[]): Promise<string>;
}

/** Both clients over the same files. */
export async function loadTokenizers(
  tokenizerJson: string,
  configJson: string,
): Promise<ClientTokenizer[]> {
  const rust = (await import(RUST_TOKENIZERS)).default.Tokenizer.fromString(tokenizerJson);
  const { Tokenizer } = await import(JS_TOKENIZERS);
  const js = new Tokenizer(JSON.parse(tokenizerJson), JSON.parse(configJson));
  return [
    {
      name: "tokenizers (Rust)",
      async encode(text, pair): Promise<Encoded> {
        const encoding = await rust.encode(text, pair ?? null);
        return { ids: encoding.getIds(), typeIds: encoding.getTypeIds() };
      },
      decode: (ids): Promise<string> => rust.decode([...ids], true),
    },
    {
      name: "@huggingface/tokenizers",
      encode(text, pair): Promise<Encoded> {
        const { ids, token_type_ids } = js.encode(text, {
          text_pair: pair ?? null,
          return_token_type_ids: true,
        });
        return Promise.resolve({ ids, typeIds: token_type_ids });
      },
      decode: (ids): Promise<string> =>
        Promise.resolve(js.decode([...ids], { skip_special_tokens: true })),
    },
  ];
}

/** A tensor of ONNX Runtime. */
export interface OnnxTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

/** A loaded model of ONNX Runtime. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>;
}

/** ONNX Runtime on the CPU. */
export interface OnnxRuntime {
  load(file: Uint8Array): Promise<OnnxSession>;
  /** An int64 tensor. */
  ids(values: ArrayLike<number>, dims: readonly number[]): OnnxTensor;
}

/** Loads ONNX Runtime. */
export async function loadOnnxRuntime(): Promise<OnnxRuntime> {
  const { InferenceSession, Tensor } = await import(ONNX_RUNTIME);
  return {
    load: (file) => InferenceSession.create(file, { logSeverityLevel: 3 }),
    ids: (values, dims) =>
      new Tensor("int64", BigInt64Array.from(Array.from(values, (id) => BigInt(id))), dims),
  };
}

/** A pipeline of transformers.js. */
export type ClientPipeline = (text: string, options?: object) => Promise<unknown>;

/** Loads a pipeline over a folder that was exported as ONNX; `folder` lies in `parent`. */
export async function loadPipeline(
  task: "fill-mask" | "feature-extraction",
  parent: string,
  folder: string,
): Promise<ClientPipeline> {
  const { env, pipeline } = await import(TRANSFORMERS);
  Object.assign(env, { localModelPath: parent, allowRemoteModels: false, allowLocalModels: true });
  return await pipeline(task, folder, { dtype: "fp32", device: "cpu" });
}
