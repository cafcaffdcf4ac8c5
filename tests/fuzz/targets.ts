/** What is fuzzed: every reader of files, and whole stages. */

import { gzipSync } from "fflate";
import { resolveHparams } from "../../model/electra/config.ts";
import { decodeCheckpointState } from "../../model/files/checkpoint.ts";
import { decodeSafeTensors, encodeSafeTensors, safeTensor } from "../../model/files/safetensors.ts";
import { discriminatorConfig } from "../../model/electra/config.ts";
import { buildExamples } from "../../pipeline/examples/build.ts";
import { readManifest } from "../../pipeline/examples/manifest.ts";
import { decodeRecord } from "../../pipeline/examples/record.ts";
import {
  SentencePieceProcessor,
  TRAINER_DEFAULTS,
  trainSentencePiece,
} from "../../pipeline/sentencepiece/mod.ts";
import { readDocuments } from "../../pipeline/text/documents.ts";
import { TextReader } from "../../pipeline/text/encoding.ts";
import { readLines } from "../../pipeline/text/lines.ts";
import { splitSentences } from "../../pipeline/text/sentences.ts";
import { decodeExample, encodeExample } from "../../pipeline/tfrecord/example.ts";
import { RecordReader } from "../../pipeline/tfrecord/reader.ts";
import { RecordBuffer } from "../../pipeline/tfrecord/writer.ts";
import { ByteInput } from "../../pipeline/wiki/byte_input.ts";
import { decodeStreams } from "../../pipeline/wiki/bzip2.ts";
import { cleanWikitext } from "../../pipeline/wiki/clean.ts";
import { extractDump } from "../../pipeline/wiki/extract.ts";
import { countLeftovers } from "../../pipeline/wiki/leftovers.ts";
import { readExtractManifest } from "../../pipeline/wiki/manifest.ts";
import { PageParser } from "../../pipeline/wiki/pages.ts";
import { readStreamIndex } from "../../pipeline/wiki/stream_index.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { parseHparams } from "../../tasks/common/hparams.ts";
import { MetricsLog } from "../../tasks/common/metrics_log.ts";
import { zstdCompressSync } from "node:zlib";
import { huggingFaceConfig } from "../../model/electra/huggingface.ts";
import { hparamsOf, readHuggingFaceConfig } from "../../model/electra/import.ts";
import {
  encodeBundle,
  readBundleIndex,
  readVariables,
} from "../../model/files/tensorflow/bundle.ts";
import { importTokenizerJson } from "../../pipeline/tokenizers/from_tokenizer_json.ts";
import { exportTokenizer } from "../../pipeline/tokenizers/tokenizer_json.ts";
import { tinyModel } from "../pipeline/tiny_model.ts";

/** One thing to fuzz. */
export interface Target {
  /** Good files, which damaged ones are made from. */
  readonly corpus: readonly Uint8Array[];
  /** Cases that the suite runs. */
  readonly cases: number;
  /** Reads a damaged file. What it throws must be explained. */
  run(bytes: Uint8Array<ArrayBuffer>): unknown;
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array<ArrayBuffer> => utf8(JSON.stringify(value));

/** Writes the file into a folder of its own first. */
function onFile(
  name: string,
  read: (path: string, folder: string) => Promise<unknown>,
): Target["run"] {
  return async (bytes) => {
    const folder = await Deno.makeTempDir({ prefix: "kohaku-fuzz-" });
    try {
      await Deno.writeFile(`${folder}/${name}`, bytes);
      await read(`${folder}/${name}`, folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const BUNDLE = encodeBundle(
  new Map(["a", "ab", "b/c"].map((name, i) => [
    name,
    safeTensor(Float32Array.of(i, 2, 3, 4), [2, 2]),
  ])),
  40,
);

const SHAPE = { maxSeqLength: 4, vocabSize: 50 };
const EXAMPLE = encodeExample({
  input_ids: [1, 2, 300, 0],
  input_mask: [1, 1, 1, 0],
  segment_ids: [0, 0, 1, 0],
});

function records(count: number): Uint8Array<ArrayBuffer> {
  const buffer = new RecordBuffer();
  for (let i = 0; i < count; i++) buffer.append(EXAMPLE);
  return buffer.take().bytes;
}

const TOTALS = {
  documents: 1,
  examples: 1,
  tokens: 1,
  cutTokens: 0,
  lengthHistogram: Array.from({ length: 16 }, () => 0),
};

const MANIFEST = {
  format: "kohaku-examples-1",
  recipe: {
    ...{ maxSeqLength: 8, vocabSize: 9, tokenizerSha256: "0".repeat(64), encoding: "utf-8" },
    ...{ doLowerCase: false, seed: 1, evalFraction: 0, compress: "none", numOutFiles: 1 },
    inputs: [{ name: "a", bytes: 1, sha256: "0".repeat(64) }],
  },
  textBytes: 1,
  train: {
    ...TOTALS,
    files: [{
      ...{ name: "pretrain_data.tfrecord-00000-of-00001", bytes: 1, examples: 1 },
      sha256: "0".repeat(64),
    }],
  },
  eval: { ...TOTALS, files: [] },
};

const WIKITEXT =
  `'''琥珀'''（こはく、{{lang-en|Amber}}）は[[樹脂]]の[[化石]]である<ref name="a">本</ref>。
{| class="wikitable"\n! 見出し\n|-\n| {{small|値}} || [[ファイル:a.jpg|thumb|説明]]\n|}
== 節 ==\n* 項目 {{convert|5|km|mi}} &amp; &#12354;\n; 用語 : 説明\n{{ルビ|琥珀|こはく}}<!-- 注 -->
{{仮リンク|甲|en|A}} {{#if:x|y|z}} -{zh:甲}- __TOC__ <sup>2</sup> [http://a.example 外]\n`;

const PAGE =
  `<page><title>琥珀</title><ns>0</ns><id>1</id><redirect title="甲" /><revision><id>2</id>
<text bytes="9" xml:space="preserve">${
    WIKITEXT.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
  }</text>
</revision></page>`;
const DUMP = `<mediawiki xml:lang="ja"><siteinfo><sitename>試</sitename></siteinfo>${PAGE}${
  PAGE.replace("<redirect", "<x")
}</mediawiki>\n`;

/** A multistream dump of a few pages, packed by bzip2. */
const BZIP2 = Uint8Array.fromBase64(
  "QlpoOTFBWSZTWeP9DwYAABbZ+VAQUADoNz6n3WBwCAAGAMCAAQkAIACSDVPU0PSAaAADTQAGJIR6mnkIGh6T" +
    "CBkDiYEBEETEBC6h8d6qJi+hQXKoOph3+NWpkyvjWzWqTJnODR7F9sgMJbrgqYYFDWJDmJw8Ti9DHEGcYS2h" +
    "SkImFAIxpAFmYJ0KMUkF+gMLfL5pvoux356xP3Q/F3JFOFCQ4/0PBg==",
);

const DOCUMENTS = utf8(
  Array.from(
    { length: 5 },
    (_, id) =>
      JSON.stringify({ id: String(id), title: "題", text: "あいうえお。「かき」く。\n日本語文。" }),
  ).join("\n") + "\n",
);

const METRICS = utf8(
  `${
    JSON.stringify({
      ...{ step: 1, learning_rate: 1, masked_lm_loss: 1, disc_loss: 1, loss: 1, gradient_norm: 1 },
      ...{ skipped_steps: 0, steps_per_second: 1, tokens_per_second: 1 },
    })
  }\n{"step":1,"eval":{}}\n`,
);

const TENSORS = encodeSafeTensors({
  tensors: new Map([
    ["a.weight", safeTensor(new Float32Array(6), [2, 3])],
    ["b", safeTensor(Int32Array.of(1), [])],
  ]),
  metadata: { format: "pt" },
});

/** Options that a stage takes in these tests. */
const EXTRACT = {
  ...{ minLength: 1, dropLists: true, dropSections: true, overwrite: true },
  deduplicate: "near",
} as const;

const signal = new AbortController().signal;

/** All targets by name. */
export const TARGETS: Readonly<Record<string, Target>> = {
  "tensorflow-index": {
    cases: 400,
    corpus: [BUNDLE.index],
    run: async (bytes) => {
      const index = readBundleIndex(bytes, "m.index");
      const data = Uint8Array.from(BUNDLE.data.flatMap((part) => [...part]));
      const read = (_: number, offset: number, size: number): Promise<Uint8Array> =>
        Promise.resolve(data.subarray(offset, offset + size));
      await readVariables(index, index.variables.keys(), read, "m");
    },
  },
  "tokenizer-json": {
    cases: 300,
    corpus: [
      exportTokenizer(tinyModel(), "m", { doLowerCase: true, maxLength: 8 }).get("tokenizer.json")!,
    ],
    run: (bytes) => {
      const { model } = importTokenizerJson(new TextDecoder().decode(bytes), "tokenizer.json");
      SentencePieceProcessor.fromBytes(model).encodeIds("日本語 abc");
    },
  },
  "huggingface-config": {
    cases: 300,
    corpus: [
      json(huggingFaceConfig(resolveHparams({}).hparams, "discriminator", { padTokenId: 0 })),
    ],
    run: (bytes) => {
      const { encoder } = readHuggingFaceConfig(new TextDecoder().decode(bytes), "config.json");
      hparamsOf({ discriminator: encoder });
    },
  },
  "text-zstandard": {
    cases: 200,
    corpus: [new Uint8Array(zstdCompressSync(utf8("雨の日。\n\n風の日。\n".repeat(50))))],
    run: onFile("a.txt.zst", (path) => drain(readDocuments(path))),
  },
  safetensors: { corpus: [TENSORS], cases: 3000, run: (bytes) => decodeSafeTensors(bytes, "f") },
  state: {
    corpus: [json({ step: 1, seed: 2, hparams: resolveHparams({}).hparams })],
    cases: 2000,
    run: (bytes) => decodeCheckpointState(new Map([["state.json", bytes]]), "f"),
  },
  manifest: {
    corpus: [json(MANIFEST)],
    cases: 800,
    run: onFile("manifest.json", (_, folder) => readManifest(folder)),
  },
  "extract-manifest": {
    corpus: [json({ ...MANIFEST, format: "kohaku-text-1", deduplicate: "none", files: [] })],
    cases: 800,
    run: onFile("manifest.json", (_, folder) => readExtractManifest(folder)),
  },
  tfrecord: {
    corpus: [records(3), gzipSync(records(3)), records(0)],
    cases: 800,
    run: onFile("a", async (path) => {
      const reader = await RecordReader.open(path);
      try {
        const where = (): string => reader.describeLast();
        for (let data = await reader.next(); data; data = await reader.next()) {
          decodeRecord(data, SHAPE, where);
        }
      } finally {
        await reader.close();
      }
    }),
  },
  example: {
    corpus: [EXAMPLE],
    cases: 5000,
    run: (bytes) => {
      decodeExample(bytes, ["input_ids"]);
      decodeRecord(bytes, SHAPE, () => "f");
    },
  },
  model: {
    corpus: [tinyModel()],
    cases: 1500,
    run: (bytes) => {
      const processor = SentencePieceProcessor.fromBytes(bytes, "f");
      const ids = processor.encodeIds("あい 日本語文。𠮷\u0000ab");
      processor.decodeIds([...ids, 0, 1, processor.vocabSize - 1]);
      processor.encodeWithOffsets("あい１");
    },
  },
  bzip2: {
    corpus: [BZIP2, Uint8Array.from([...BZIP2, ...BZIP2])],
    cases: 400,
    run: (bytes) => {
      let at = 0;
      const source = {
        readSync: (target: Uint8Array): number | null => {
          const part = bytes.subarray(at, at + target.length);
          target.set(part);
          at += part.length;
          return part.length === 0 ? null : part.length;
        },
      };
      for (const _ of decodeStreams(new ByteInput(source), "f"));
    },
  },
  xml: {
    corpus: [utf8(DUMP)],
    cases: 1500,
    run: (bytes) =>
      new PageParser(
        { fragment: false, name: "f" },
        ({ message }) => new PipelineError(message),
      ).write(bytes),
  },
  wikitext: {
    corpus: [utf8(WIKITEXT)],
    cases: 800,
    run: (bytes) => {
      const text = new TextDecoder().decode(bytes);
      const clean = cleanWikitext(text, { dropSections: true, title: "琥珀" });
      countLeftovers(clean);
      splitSentences(clean);
    },
  },
  documents: {
    corpus: [DOCUMENTS],
    cases: 800,
    run: onFile("a.jsonl", (path) => drain(readDocuments(path))),
  },
  "documents-gzip": {
    corpus: [gzipSync(DOCUMENTS)],
    cases: 500,
    run: onFile("a.jsonl.gz", (path) => drain(readDocuments(path))),
  },
  text: {
    corpus: [utf8("琥珀は樹脂の化石である。\n"), Uint8Array.of(0x82, 0xa0, 0x82, 0xa2, 0x81, 0x42)],
    cases: 1500,
    run: (bytes) => {
      for (const encoding of [undefined, "shift_jis", "utf-16le"]) {
        const reader = TextReader.ofFile("f.txt", encoding);
        try {
          for (let at = 0; at < bytes.length; at += 100) reader.decode(bytes.slice(at, at + 100));
          reader.end();
        } catch (error) {
          if (!(error instanceof PipelineError)) throw error;
        }
      }
    },
  },
  hparams: {
    corpus: [
      json({ model_size: "small", model_hparam_overrides: { hidden_dropout_prob: 0.1 } }),
      json({ max_seq_length: 128, vocab_size: 32000, mask_prob: 0.15, debug: true }),
    ],
    cases: 3000,
    run: async (bytes) => {
      const text = new TextDecoder().decode(bytes);
      if (text.trim().endsWith(".json")) return;
      discriminatorConfig(resolveHparams(await parseHparams(text)).hparams);
    },
  },
  metrics: {
    corpus: [METRICS],
    cases: 500,
    run: onFile("metrics.jsonl", (path) => MetricsLog.open(path, 10, () => {})),
  },
  "stream-index": {
    corpus: [utf8("600:1:琥珀\n600:2:松\n9000:3:杉\n"), BZIP2],
    cases: 800,
    run: onFile("index.txt", readStreamIndex),
  },
  "stage-extract": {
    corpus: [utf8(DUMP), gzipSync(utf8(DUMP)), BZIP2],
    cases: 12,
    run: onFile("dump", (dump, folder) => extractDump({ ...EXTRACT, dump, out: `${folder}/out` })),
  },
  "stage-sentencepiece": {
    corpus: [utf8("あいうえお。かきくけこ。\nあいうabc 123\n".repeat(20))],
    cases: 6,
    run: onFile("a.txt", async (path) => {
      const options = { ...TRAINER_DEFAULTS, vocabSize: 60, hardVocabLimit: false };
      await trainSentencePiece(readLines(path), { ...options, numProcesses: 1, modelPrefix: "m" });
    }),
  },
  "stage-build": {
    corpus: [DOCUMENTS],
    cases: 8,
    run: onFile("a.jsonl", async (input, folder) => {
      await Deno.writeFile(`${folder}/m.model`, tinyModel());
      const paths = { input, model: `${folder}/m.model`, output: `${folder}/out` };
      const recipe = { maxSeqLength: 8, evalFraction: 0.2, seed: 1, doLowerCase: false } as const;
      const rest = { numProcesses: 1, compress: "none", overwrite: false } as const;
      await buildExamples({ ...paths, ...recipe, ...rest }, signal, () => {});
    }),
  },
};

/** Targets with faults, to see that they are found. */
export const FAULTY: Readonly<Record<string, Target>> = {
  throws: {
    corpus: [utf8("abc")],
    cases: 100,
    run: (bytes) => {
      if (bytes.includes(0x62)) throw new RangeError("a fault");
    },
  },
  hangs: {
    corpus: [utf8("abc")],
    cases: 100,
    run: () => {
      for (;;);
    },
  },
};
