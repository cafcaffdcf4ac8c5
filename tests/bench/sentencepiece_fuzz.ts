/**
 * A hunt for differences from the original's SentencePiece (Debian's package `sentencepiece`, which must
 * be installed): models that spm_train makes of random text under random flags, and lines that are as
 * hostile as bytes can be. Each round is told by its seed alone, so that a difference can be had again.
 *
 *     deno task bench:sentencepiece-fuzz --rounds 200
 */

import { PipelineError } from "../../pipeline/errors.ts";
import { decodeLines } from "../../pipeline/sentencepiece/decode_lines.ts";
import { encodeBlock, type OutputFormat } from "../../pipeline/sentencepiece/encode_lines.ts";
import { encodeText, linesOf } from "../../pipeline/sentencepiece/line_blocks.ts";
import { decodeModel, PieceType } from "../../pipeline/sentencepiece/model_proto.ts";
import { Normalizer } from "../../pipeline/sentencepiece/normalizer.ts";
import {
  SentencePieceProcessor,
  type SentencePieceTrainerOptions,
  TRAINER_DEFAULTS,
  trainSentencePiece,
} from "../../pipeline/sentencepiece/mod.ts";
import { readLines } from "../../pipeline/text/lines.ts";
import { runTask, task } from "../../tasks/common/command.ts";
import { integerFrom } from "../../tasks/common/numbers.ts";
import { hostileLine, type Random, randomFlags, seeded, trainingText } from "./hostile_text.ts";
import { runTool, type Tool, TOOLS, tryTool } from "./spm_tools.ts";

const command = task(
  "bench:sentencepiece-fuzz",
  "Compares encoding, decoding and normalisation with the original's tools on random models.",
  "deno task bench:sentencepiece-fuzz --rounds 200 --lines 300",
)
  .option("--seed <n>", "the first round's seed", integerFrom(1), 1)
  .option("--rounds <n>", "models made", integerFrom(1), 100)
  .option("--lines <n>", "lines compared with each", integerFrom(1), 300);

/** Pieces of unigram models, which may differ a little. */
const unigram = { pieces: 0, common: 0 };

/** What was compared so far. */
const compared = { lines: 0, refused: 0, wrong: 0 };

await runTask(command, async ({ seed, rounds, lines }, signal) => {
  for (const tool of TOOLS) await runTool(tool, ["--version"]);
  const folder = await Deno.makeTempDir();
  let models = 0;
  try {
    for (let round = seed; round < seed + rounds; round++) {
      signal.throwIfAborted();
      if (await compareRound(round, lines, folder)) models++;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(
    `${models} models of ${rounds} rounds: ${compared.lines - compared.wrong} of ` +
      `${compared.lines} lines equal; the tools gave up on ${compared.refused} more`,
  );
  console.log(`unigram training: ${unigram.common} of ${unigram.pieces} pieces in common`);
  if (compared.wrong > 0) throw new PipelineError(`${compared.wrong} lines differ`);
});

/** One model; false where spm_train makes none. */
async function compareRound(seed: number, count: number, folder: string): Promise<boolean> {
  const random = seeded(seed);
  const flags = randomFlags(random);
  const input = `${folder}/text.txt`, prefix = `${folder}/m`;
  await Deno.writeFile(input, encodeText(trainingText(random, flags.symbols)));
  const { output } = await tryTool("spm_train", [
    `--input=${input}`,
    `--model_prefix=${prefix}`,
    ...flags.args,
    "--num_threads=2",
    "--minloglevel=2",
  ]);
  if (output === undefined) {
    return false;
  }
  const path = `${prefix}.model`;
  const file = await Deno.readFile(path);
  // Some models must be refused by both.
  const loads = (await tryTool("spm_encode", [`--model=${path}`], new Uint8Array())).output;
  let processor: SentencePieceProcessor;
  try {
    processor = SentencePieceProcessor.fromBytes(file, path);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    if (loads !== undefined) different(`seed ${seed}`, flags.args, "load", error.message, "loads");
    return true;
  }
  // Stray bytes may have come to stand so that they are a character after all.
  const bytes = encodeText(
    joined(Array.from({ length: count }, () => hostileLine(random, flags.symbols))),
  );
  const lines = linesOf(bytes);
  await compareTraining(seed, flags.args, input, prefix);
  const name = `seed ${seed}`;
  const compare = async (
    what: string,
    tool: Tool,
    args: string[],
    lines: string[],
    ours: (lines: string[]) => Uint8Array | Promise<Uint8Array>,
  ): Promise<string[]> => {
    const theirs = await linesOfTool(tool, [`--model=${path}`, ...args], lines);
    const answered = lines.filter((_, i) => theirs[i] !== undefined);
    const answers = theirs.filter((line) => line !== undefined);
    compared.lines += answers.length;
    compared.refused += lines.length - answered.length;
    linesOf(await ours(answered)).forEach((line, i) => {
      if (line !== answers[i]) {
        different(name, flags.args, `${what} of ${JSON.stringify(answered[i])}`, line, answers[i]);
      }
    });
    return answers;
  };
  for (const format of ["id", "piece"] as const) {
    const encoded = await compare(
      `${format}s`,
      "spm_encode",
      [`--output_format=${format}`],
      lines,
      (lines) => encodeBlock(processor, encodeText(joined(lines)), format),
    );
    const made = Array.from(
      { length: count },
      () => randomCodes(random, file, format, flags.symbols),
    );
    await compare(
      `text of ${format}s`,
      "spm_decode",
      [`--input_format=${format}`],
      [...encoded, ...made],
      (lines) => decodeAll(processor, lines, format),
    );
  }
  await compare("normalised", "spm_normalize", [], lines, (lines) => normalizeAll(file, lines));
  return true;
}

/** Our trainer's vocabulary against that of spm_train: but for unigram models, every piece and score. */
async function compareTraining(
  seed: number,
  args: readonly string[],
  input: string,
  prefix: string,
): Promise<void> {
  const options = trainerOptions(args);
  if (options === undefined) return;
  const theirs = (await Deno.readTextFile(`${prefix}.vocab`)).trimEnd().split("\n");
  let ours: string[] = [];
  try {
    const { vocab } = await trainSentencePiece(readLines(input), options);
    ours = vocab.trimEnd().split("\n");
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    ours = [error.message];
  }
  if (options.modelType === "unigram") {
    const pieces = (lines: string[]): Set<string> =>
      new Set(lines.map((line) => line.split("\t")[0]));
    unigram.common += pieces(ours).intersection(pieces(theirs)).size;
    unigram.pieces += theirs.length;
    return;
  }
  compared.lines += theirs.length;
  theirs.forEach((line, i) => {
    if (line !== ours[i]) {
      different(`seed ${seed}`, args, `line ${i + 1} of the vocabulary`, ours[i], line);
    }
  });
}

/** Ids or pieces that no encoder makes of a text. */
function randomCodes(
  random: Random,
  file: Uint8Array,
  format: OutputFormat,
  symbols: readonly string[],
): string {
  const pieces = decodeModel(file, "model").pieces
    // The byte that ends lines would make two of one.
    .map((entry) => entry.piece === "<0x0A>" ? { ...entry, piece: "<0x0B>" } : entry);
  const lineEnd = decodeModel(file, "model").pieces.findIndex(({ piece }) => piece === "<0x0A>");
  const special = pieces.flatMap(({ piece, type }, id) =>
    type !== PieceType.NORMAL || piece.startsWith("▁") || piece.endsWith("▁") ? [id] : []
  );
  return Array.from({ length: random(12) }, () => {
    const id = random(2) === 0 ? special[random(special.length)] : random(pieces.length);
    if (format === "id") return String(id === lineEnd ? 0 : id);
    return random(4) > 0 ? pieces[id].piece : hostileLine(random, symbols).slice(0, 9);
  }).join(" ");
}

/** The flags as options of our trainer, or nothing where it has no such flag. */
function trainerOptions(args: readonly string[]): SentencePieceTrainerOptions | undefined {
  const known = {
    ...TRAINER_DEFAULTS,
    modelPrefix: "m",
    controlSymbols: [],
    normalizationRuleName: "nmt_nfkc",
    numProcesses: 1,
    selfTestSampleSize: 0,
  };
  const options: Record<string, unknown> = { ...known };
  for (const arg of args) {
    const [, flag, value] = arg.match(/^--([^=]*)=(.*)$/s)!;
    if (flag === "vocabulary_output_piece_score" || flag === "unk_surface") {
      if (flag.startsWith("vocab")) return undefined;
      continue;
    }
    if (flag === "normalization_rule_name" && value.endsWith("cf")) return undefined;
    const name = flag.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase());
    const old = options[name];
    if (old === undefined) return undefined;
    options[name] = Array.isArray(old)
      ? value.split(",")
      : typeof old === "boolean"
      ? value === "true"
      : typeof old === "number"
      ? Number(value)
      : value;
  }
  return options as unknown as SentencePieceTrainerOptions;
}

/** A difference, told at once. */
function different(
  name: string,
  args: readonly string[],
  what: string,
  ours: string | undefined,
  theirs: string,
): void {
  if (compared.wrong++ > 40) return;
  console.log(`${name} ${args.join(" ")}\n  ${what}`);
  console.log(`  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(theirs)}`);
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** What a tool makes of each line; `undefined` for those at which it gives up. */
async function linesOfTool(
  tool: Tool,
  args: string[],
  lines: readonly string[],
): Promise<(string | undefined)[]> {
  const { output } = await tryTool(tool, args, encodeText(joined(lines)));
  const made = output && linesOf(output);
  if (made?.length === lines.length) return made;
  if (lines.length <= 1) {
    return [undefined];
  }
  const half = lines.length >> 1;
  return [
    ...await linesOfTool(tool, args, lines.slice(0, half)),
    ...await linesOfTool(tool, args, lines.slice(half)),
  ];
}

async function decodeAll(
  processor: SentencePieceProcessor,
  lines: readonly string[],
  format: OutputFormat,
): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const stream = ReadableStream.from([encodeText(joined(lines))]);
  for await (const part of decodeLines(stream, processor, format)) parts.push(part);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Lines after normalisation; like spm_normalize: no ▁, no spaces to spare, no symbols. */
function normalizeAll(file: Uint8Array, lines: readonly string[]): Uint8Array {
  const { normalizer: spec } = decodeModel(file, "model");
  const plain = {
    ...spec,
    addDummyPrefix: false,
    removeExtraWhitespaces: true,
    escapeWhitespaces: false,
  };
  const normalizer = new Normalizer(plain, "model", [], false);
  return encodeText(joined(lines.map((line) => normalizer.normalize(line))));
}
