/**
 * A unigram model of `tokenizer.json` as a SentencePiece model.
 *
 * @module
 */
import * as v from "valibot";
import { PipelineError } from "../errors.ts";
import { charsmapOf } from "../sentencepiece/charsmap.ts";
import {
  encodeModel,
  type NormalizerSpec,
  type Piece,
  PieceType,
} from "../sentencepiece/model_proto.ts";
import { TRAINER_DEFAULTS } from "../sentencepiece/trainer.ts";
import { anyObject, count, parseJson } from "../wire/json.ts";

const unigramSchema = v.object({
  type: v.optional(v.literal("Unigram")),
  unk_id: count,
  vocab: v.array(v.tuple([v.string(), v.number()])),
  byte_fallback: v.optional(v.boolean(), false),
});

const tokenizerSchema = v.object({
  added_tokens: v.optional(
    v.array(v.object({ id: count, content: v.string(), special: v.optional(v.boolean(), false) })),
    [],
  ),
  normalizer: v.optional(v.nullable(anyObject)),
  pre_tokenizer: v.optional(v.nullable(anyObject)),
  model: anyObject,
});

type Step = Readonly<Record<string, unknown>>;

/** A tokenizer that was read. */
export interface ImportedTokenizer {
  /** The `.model` file. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** Whether text is lower-cased before the model sees it. */
  readonly doLowerCase: boolean;
}

/**
 * Turns a unigram `tokenizer.json` into a SentencePiece model file.
 *
 * @param source the file's name, for messages.
 * @throws {PipelineError} where it is damaged, or no unigram model.
 */
export function importTokenizerJson(text: string, source: string): ImportedTokenizer {
  const fault = (what: string): PipelineError =>
    new PipelineError(`${source}: ${what}; use another copy`);
  const file = parseJson(tokenizerSchema, text, fault);
  const type = file.model.type ??
    ("vocab" in file.model && "unk_id" in file.model ? "Unigram" : "");
  if (type !== "Unigram") {
    throw new PipelineError(
      `${source}: is a ${
        type || "nameless"
      } model; unigram models are read from tokenizer.json, others not`,
    );
  }
  const model = parseJson(unigramSchema, JSON.stringify(file.model), fault);
  if (model.unk_id >= model.vocab.length) {
    throw fault(`unk_id is ${model.unk_id}, but there are ${model.vocab.length} pieces`);
  }
  const added = new Map(file.added_tokens.map((token) => [token.id, token]));
  const pieces = model.vocab.map(([piece, score], id): Piece => {
    const token = added.get(id);
    if (token !== undefined && token.content !== piece) {
      throw fault(
        `piece ${id} is "${piece}" in the model and "${token.content}" among added_tokens`,
      );
    }
    const type = id === model.unk_id
      ? PieceType.UNKNOWN
      : token?.special || piece === "<s>" || piece === "</s>"
      ? PieceType.CONTROL
      : token !== undefined
      ? PieceType.USER_DEFINED
      : model.byte_fallback && /^<0x[0-9A-F]{2}>$/.test(piece)
      ? PieceType.BYTE
      : PieceType.NORMAL;
    return { piece, score, type };
  });
  const behind = [...added.keys()].filter((id) => id >= pieces.length).sort((a, b) => a - b);
  for (const id of behind) {
    if (id !== pieces.length) throw fault(`no piece has id ${pieces.length}, but one has ${id}`);
    const { content, special } = added.get(id)!;
    pieces.push({
      piece: content,
      score: 0,
      type: special ? PieceType.CONTROL : PieceType.USER_DEFINED,
    });
  }
  const normalizers = flatten(file.normalizer, "normalizers");
  const trainer = {
    ...TRAINER_DEFAULTS,
    modelPrefix: "imported",
    vocabSize: pieces.length,
    byteFallback: model.byte_fallback,
    controlSymbols: [],
  };
  const normalizer = normalizerOf(normalizers, flatten(file.pre_tokenizer, "pretokenizers"), fault);
  return {
    model: encodeModel({ pieces, trainer, normalizer }),
    doLowerCase: normalizers.some(({ type }) => type === "Lowercase"),
  };
}

/** The steps of a sequence, sequences inside it included; none for null. */
function flatten(step: Step | null | undefined, key: string): Step[] {
  if (step === null || step === undefined) return [];
  const inner = step[key];
  if (step.type !== "Sequence" || !Array.isArray(inner)) return [step];
  return inner.flatMap((one) => flatten(one, key));
}

function normalizerOf(
  steps: readonly Step[],
  before: readonly Step[],
  fault: (what: string) => PipelineError,
): NormalizerSpec {
  const compiled = steps.find(({ type }) => type === "Precompiled")?.precompiled_charsmap;
  let charsmap: Uint8Array = new Uint8Array(), name = "identity";
  if (typeof compiled === "string") {
    try {
      charsmap = Uint8Array.from(atob(compiled), (character) => character.charCodeAt(0));
    } catch {
      throw fault("precompiled_charsmap is not base64");
    }
    name = equalBytes(charsmap, charsmapOf("nmt_nfkc")) ? "nmt_nfkc" : "user_defined";
  } else if (steps.some(({ type }) => type === "NFKC")) {
    [charsmap, name] = [charsmapOf("nfkc"), "nfkc"];
  }
  const metaspace = before.find(({ type }) => type === "Metaspace");
  const joins = steps.some(({ type, pattern }) =>
    type === "Replace" && / ?\{2,\}|\+/.test(String((pattern as Step | undefined)?.Regex ?? ""))
  );
  return {
    name,
    precompiledCharsmap: charsmap,
    addDummyPrefix: metaspace !== undefined && metaspace.prepend_scheme !== "never" &&
      metaspace.add_prefix_space !== false,
    removeExtraWhitespaces: joins,
    escapeWhitespaces: true,
  };
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
