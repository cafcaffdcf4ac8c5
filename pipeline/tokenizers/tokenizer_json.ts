/**
 * A SentencePiece model as `tokenizer.json`, the format of Hugging Face's tokenizers.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import {
  decodeModel,
  type NormalizerSpec,
  PieceType,
  type SentencePieceModel,
} from "../sentencepiece/model_proto.ts";
import { SPACE } from "../sentencepiece/normalizer.ts";

/** How the exported tokenizer treats text. */
export interface TokenizerExportOptions {
  /** Whether the model saw lower-cased text. */
  readonly doLowerCase: boolean;
  /** Longest sequence of the model. */
  readonly maxLength: number;
}

/** The special pieces by the keys that transformers gives them. */
const SPECIAL_TOKENS = {
  unk_token: "<unk>",
  sep_token: "[SEP]",
  pad_token: "[PAD]",
  cls_token: "[CLS]",
  mask_token: "[MASK]",
} as const;

/** Holds the place of a character that a step would change; Unicode keeps it free of any meaning. */
const PLACEHOLDERS = ["\ufdd0", "\ufdd1"] as const;

/** The zero-width joiner, and the full-width tilde: SentencePiece's rules leave both alone. */
const KEPT = ["\u200d", "\uff5e"] as const;

type Json = Record<string, unknown>;

/**
 * The files that describe a tokenizer to transformers, transformers.js and the tokenizers libraries.
 *
 * @param file the bytes of the `.model` file; `source` is its name, for messages.
 * @throws {PipelineError} where the model is damaged, lacks a special piece, or does what the format has no
 *   words for.
 */
export function exportTokenizer(
  file: Uint8Array,
  source: string,
  options: TokenizerExportOptions,
): Map<string, Uint8Array<ArrayBuffer>> {
  const model = decodeModel(file, source);
  const json = (value: unknown): Uint8Array<ArrayBuffer> =>
    new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n");
  return new Map([
    ["tokenizer.json", json(tokenizerJson(model, source, options))],
    ["tokenizer_config.json", json(tokenizerConfig(model, options))],
    ["special_tokens_map.json", json(specialTokens(model))],
    ["spiece.model", file.slice()],
  ]);
}

/** The content of `tokenizer.json`. */
function tokenizerJson(
  model: SentencePieceModel,
  source: string,
  options: TokenizerExportOptions,
): Json {
  if (model.modelType !== "unigram") {
    throw new PipelineError(
      `${source}: is a ${model.modelType} model; only unigram models are written as tokenizer.json`,
    );
  }
  if (model.treatWhitespaceAsSuffix) {
    throw new PipelineError(
      `${source}: puts ▁ behind words, which tokenizer.json cannot say; train it without ` +
        "--treat-whitespace-as-suffix",
    );
  }
  const ids = new Map(model.pieces.map(({ piece }, id) => [piece, id]));
  const missing = Object.values(specialTokens(model)).filter((piece) => !ids.has(piece));
  if (missing.length > 0) {
    throw new PipelineError(`${source}: the model has no piece ${missing.join(", ")}`);
  }
  const special = new Set(Object.values(specialTokens(model)));
  const added = model.pieces.flatMap(({ piece, type }, id) =>
    special.has(piece) || type === PieceType.USER_DEFINED
      ? [{
        id,
        content: piece,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: special.has(piece),
      }]
      : []
  );
  const { addDummyPrefix } = model.normalizer;
  const spaceInside = model.pieces.some(({ piece, type }) =>
    type === PieceType.NORMAL && piece.lastIndexOf(SPACE) > 0
  );
  // "first" keeps a text that a special token divides from growing a space behind that token.
  const metaspace = {
    type: "Metaspace",
    replacement: SPACE,
    prepend_scheme: addDummyPrefix ? "first" : "never",
    split: !spaceInside,
  };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: normalizerJson(model.normalizer, options.doLowerCase),
    pre_tokenizer: metaspace,
    post_processor: template(ids),
    decoder: model.byteFallback
      ? { type: "Sequence", decoders: [{ type: "ByteFallback" }, metaspace] }
      : metaspace,
    model: {
      type: "Unigram",
      unk_id: model.pieces.findIndex(({ type }) => type === PieceType.UNKNOWN),
      vocab: model.pieces.map(({ piece, score }) => [piece, score]),
      byte_fallback: model.byteFallback,
    },
  };
}

/**
 * The steps from text to what is cut. The clients read the compiled rules differently: the Rust library
 * looks at one grapheme at a time, where it misses sequences of six bytes (half-width kana with voicing
 * marks) and drops marks behind what a rule replaces; the JavaScript library does not read them at all but
 * applies NFKC and the rules it knows of, which turn the joiner of emoji into a space. So NFKC comes before
 * them, with what it must not touch put aside.
 */
function normalizerJson(spec: NormalizerSpec, doLowerCase: boolean): Json | null {
  const steps: Json[] = [];
  const replace = (from: string, to: string): Json => ({
    type: "Replace",
    pattern: { String: from },
    content: to,
  });
  if (doLowerCase) steps.push({ type: "Lowercase" });
  if (spec.name === "nfkc") {
    steps.push({ type: "NFKC" });
  } else if (spec.precompiledCharsmap.length > 0) {
    const compiled = {
      type: "Precompiled",
      precompiled_charsmap: base64(spec.precompiledCharsmap),
    };
    if (spec.name === "nmt_nfkc") {
      steps.push(
        ...KEPT.map((kept, i) => replace(kept, PLACEHOLDERS[i])),
        { type: "NFKC" },
        compiled,
        ...KEPT.map((kept, i) => replace(PLACEHOLDERS[i], kept)),
      );
    } else {
      steps.push(compiled);
    }
  }
  if (spec.removeExtraWhitespaces) {
    // A space at the start becomes the ▁ that stands there in any case.
    steps.push(
      { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
      { type: "Replace", pattern: { Regex: " +$" }, content: "" },
    );
  }
  return steps.length === 0 ? null : { type: "Sequence", normalizers: steps };
}

/** [CLS] A [SEP], and [CLS] A [SEP] B [SEP] with B and what follows as segment 1. */
function template(ids: ReadonlyMap<string, number>): Json {
  const special = (id: string, type_id: number): Json => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number): Json => ({ Sequence: { id, type_id } });
  const single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)];
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, sequence("B", 1), special("[SEP]", 1)],
    special_tokens: Object.fromEntries(
      ["[CLS]", "[SEP]"].map((id) => [id, { id, ids: [ids.get(id)], tokens: [id] }]),
    ),
  };
}

/**
 * The content of `tokenizer_config.json`. The class is ElectraTokenizer for the sake of three readers:
 * transformers 5 takes `tokenizer.json` as it is for every class but BertTokenizer, which it would put in
 * for a class that is missing; transformers 4 knows it as the fast tokenizer that does the same; and
 * transformers.js returns `token_type_ids` for it, but not for PreTrainedTokenizerFast.
 */
function tokenizerConfig(model: SentencePieceModel, options: TokenizerExportOptions): Json {
  const { doLowerCase, maxLength } = options;
  const special = new Set(Object.values(specialTokens(model)));
  const decoder = model.pieces.flatMap(({ piece }, id) =>
    special.has(piece)
      ? [[id, {
        content: piece,
        lstrip: false,
        normalized: false,
        rstrip: false,
        single_word: false,
        special: true,
      }]]
      : []
  );
  return {
    tokenizer_class: "ElectraTokenizer",
    model_max_length: maxLength,
    model_input_names: ["input_ids", "token_type_ids", "attention_mask"],
    do_lower_case: doLowerCase,
    clean_up_tokenization_spaces: false,
    ...specialTokens(model),
    added_tokens_decoder: Object.fromEntries(decoder),
  };
}

/** The five special pieces; the unknown one by its own name. */
function specialTokens({ pieces }: SentencePieceModel): Record<string, string> {
  const unknown = pieces.find(({ type }) => type === PieceType.UNKNOWN)!.piece;
  return { ...SPECIAL_TOKENS, unk_token: unknown };
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(binary);
}
