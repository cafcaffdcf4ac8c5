/**
 * Our SentencePiece held against the original's tools (Debian's package `sentencepiece`), which must be
 * installed: models of every kind from spm_train, then ids, pieces and decoded text of every line, and
 * the normaliser on every assigned character.
 *
 *     deno task bench:sentencepiece --text FILE --lines 200000
 */

import { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { decodeModel } from "../../pipeline/sentencepiece/model_proto.ts";
import { Normalizer } from "../../pipeline/sentencepiece/normalizer.ts";
import { encodeBlock } from "../../pipeline/sentencepiece/encode_lines.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { runTask, task } from "../../tasks/common/command.ts";
import { integerFrom } from "../../tasks/common/numbers.ts";
import { runTool, TOOLS } from "./spm_tools.ts";

/** Lines that differ between two outputs, and the first of them. */
function compare(
  ours: Uint8Array,
  theirs: Uint8Array,
): { lines: number; wrong: number; first: string } {
  const [a, b] = [ours, theirs].map((bytes) => new TextDecoder().decode(bytes).split("\n"));
  let wrong = Math.abs(a.length - b.length), first = "";
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] === b[i]) continue;
    if (wrong++ === 0) first = `line ${i + 1}:\n  ours   ${a[i]}\n  theirs ${b[i]}`;
  }
  return { lines: b.length - 1, wrong, first };
}

const command = task(
  "bench:sentencepiece",
  "Compares encoding, decoding and normalisation with the original's tools.",
  "deno task bench:sentencepiece --text corpus.txt --lines 200000",
)
  .requiredOption("--text <file>", "lines of real text")
  .option("--lines <n>", "lines compared", integerFrom(1), 200_000)
  .option(
    "--train-bytes <n>",
    "bytes of the text that models are trained on",
    integerFrom(1),
    2_000_000,
  )
  .option("--vocab-size <n>", "pieces of each model", integerFrom(1), 5000);

await runTask(command, async ({ text, lines: count, trainBytes, vocabSize }, signal) => {
  for (const tool of TOOLS) await runTool(tool, ["--version"]);
  const utf8 = new TextEncoder();
  const lines = (await Deno.readTextFile(text)).split("\n").slice(0, count);
  const input = utf8.encode(lines.join("\n") + "\n");
  const folder = await Deno.makeTempDir();
  let failures = 0;
  const report = (what: string, ours: Uint8Array, theirs: Uint8Array): void => {
    const { lines, wrong, first } = compare(ours, theirs);
    console.log(`${what}: ${lines - wrong} of ${lines} lines equal`);
    if (wrong > 0) console.log(first.slice(0, 1000));
    failures += wrong;
  };
  try {
    const sample = `${folder}/sample.txt`;
    const cut = input.lastIndexOf(10, Math.min(input.length, trainBytes) - 1) + 1;
    await Deno.writeFile(sample, input.subarray(0, cut));
    for (const type of ["unigram", "bpe"]) {
      for (const fallback of [false, true]) {
        for (const rule of ["nmt_nfkc", "nfkc", "identity"]) {
          signal.throwIfAborted();
          const name = `${type}, ${rule}${fallback ? ", byte fallback" : ""}`;
          const prefix = `${folder}/${name.replaceAll(", ", "-").replaceAll(" ", "_")}`;
          await runTool("spm_train", [
            `--input=${sample}`,
            `--model_prefix=${prefix}`,
            `--vocab_size=${vocabSize}`,
            `--model_type=${type}`,
            `--byte_fallback=${fallback}`,
            `--normalization_rule_name=${rule}`,
            "--control_symbols=[PAD],[CLS]",
            "--user_defined_symbols=[SEP],日本,——",
            "--num_threads=2",
            "--minloglevel=2",
          ]);
          const path = `${prefix}.model`;
          const processor = SentencePieceProcessor.fromBytes(await Deno.readFile(path), path);
          const model = `--model=${path}`;
          for (const format of ["id", "piece"] as const) {
            const theirs = await runTool("spm_encode", [model, `--output_format=${format}`], input);
            report(`${name}, ${format}s`, encodeBlock(processor, input, format), theirs);
            const decoded = new TextDecoder().decode(theirs).split("\n").slice(0, -1)
              .map((line) => {
                const parts = line === "" ? [] : line.split(" ");
                return format === "id"
                  ? processor.decodeIds(parts.map(Number))
                  : processor.decodePieces(parts);
              });
            report(
              `${name}, decoded ${format}s`,
              utf8.encode(decoded.join("\n") + "\n"),
              await runTool("spm_decode", [model, `--input_format=${format}`], theirs),
            );
          }
          if (type === "unigram" && !fallback) {
            const characters = utf8.encode(assignedCharacters().join("\n") + "\n");
            report(
              `${rule} on every assigned character`,
              normalizeLines(await Deno.readFile(path), characters),
              await runTool("spm_normalize", [model], characters),
            );
          }
        }
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (failures > 0) throw new PipelineError(`${failures} lines differ`);
});

/** One line for each assigned character, between letters, so that spaces stay. */
function assignedCharacters(): string[] {
  const found: string[] = [];
  for (let code = 1; code < 0x110000; code++) {
    const character = String.fromCodePoint(code);
    if (code !== 10 && !/^[\p{Cn}\p{Cs}]$/u.test(character)) found.push(`a${character}b`);
  }
  return found;
}

/** Lines after normalisation; like spm_normalize, without ▁. */
function normalizeLines(model: Uint8Array, block: Uint8Array): Uint8Array {
  const spec = { ...decodeModel(model, "model").normalizer, addDummyPrefix: false };
  const normalizer = new Normalizer({ ...spec, escapeWhitespaces: false }, "model", [], false);
  const lines = new TextDecoder("utf-8", { ignoreBOM: true }).decode(block).split("\n").slice(
    0,
    -1,
  );
  const normalized = lines.map((line) => normalizer.normalize(line));
  return new TextEncoder().encode(normalized.join("\n") + "\n");
}
