/**
 * Text to ids and back with a SentencePiece model, ours or that of `spm_train`.
 *
 * @module
 */
import { BpeEncoder } from "./bpe.ts";
import { PipelineError } from "../errors.ts";
import { decodeModel, PieceType, type SentencePieceModel } from "./model_proto.ts";
import { Normalizer, SPACE } from "./normalizer.ts";
import { decodeText } from "./line_blocks.ts";
import { Path, UnigramEncoder } from "./unigram.ts";
import { CharEncoder, WordEncoder } from "./words.ts";

const UTF8 = new TextEncoder();

/** A piece of an encoded line and where it comes from. */
export interface EncodedPiece {
  /** Its id. */
  readonly id: number;
  /** Its text, spaces as ▁. */
  readonly piece: string;
  /** First UTF-16 unit of the original line. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** Cuts normalised text into pieces. */
interface Encoder {
  /** Leaves ends and ids (−1 for what is unknown) in `out` and returns how many there are. */
  encode(text: string, out: Path): number;
}

/** A loaded model. */
export class SentencePieceProcessor {
  readonly #model: SentencePieceModel;
  readonly #normalizer: Normalizer;
  readonly #encoder: Encoder;
  readonly #ids = new Map<string, number>();
  readonly #unknownId: number;
  readonly #byteIds: Int32Array | undefined;
  readonly #found = new Path();
  readonly #path = new Path();

  private constructor(model: SentencePieceModel, name: string) {
    this.#model = model;
    const symbols: string[] = [];
    model.pieces.forEach(({ piece, type }, id) => {
      const twice = this.#ids.get(piece);
      // The original looks a piece up among its special ones first.
      if (twice === undefined || isSpecial(type)) this.#ids.set(piece, id);
      if (type === PieceType.USER_DEFINED) symbols.push(piece);
    });
    this.#normalizer = new Normalizer(
      model.normalizer,
      name,
      symbols,
      model.treatWhitespaceAsSuffix,
    );
    this.#encoder = encoderOf(model, this.#ids);
    this.#unknownId = model.pieces.findIndex(({ type }) => type === PieceType.UNKNOWN);
    if (model.byteFallback) {
      this.#byteIds = Int32Array.from(
        { length: 256 },
        (_, byte) => this.#ids.get(bytePiece(byte)) ?? this.#unknownId,
      );
    }
  }

  /**
   * Loads a model from the bytes of its file.
   *
   * @param name the file's name, for messages.
   * @throws {PipelineError} naming file and byte where the model is cut short or damaged, or the line
   *   that it does not cut as its own test samples say.
   */
  static fromBytes(bytes: Uint8Array, name = "the model"): SentencePieceProcessor {
    const model = decodeModel(bytes, name);
    const processor = new SentencePieceProcessor(model, name);
    for (const { input, expected } of model.selfTest) {
      const pieces = processor.encodePieces(input).join(" ");
      if (pieces === expected) continue;
      throw new PipelineError(
        `${name}: fails its own test: "${input}" becomes "${pieces}" where its trainer had ` +
          `"${expected}"; the file is damaged, use another copy`,
      );
    }
    return processor;
  }

  /** Pieces in the vocabulary. */
  get vocabSize(): number {
    return this.#model.pieces.length;
  }

  /** The ids of a line. */
  encodeIds(text: string): Int32Array<ArrayBuffer> {
    const count = this.#encode(this.#normalizer.normalize(text));
    return this.#path.ids.slice(0, count);
  }

  /** The pieces of a line; an unknown piece is the text itself. */
  encodePieces(text: string): string[] {
    const normalized = this.#normalizer.normalize(text);
    const count = this.#encode(normalized), { ends, ids } = this.#path;
    const pieces = new Array<string>(count);
    for (let i = 0; i < count; i++) {
      pieces[i] = ids[i] === this.#unknownId
        ? normalized.slice(i > 0 ? ends[i - 1] : 0, ends[i])
        : this.#model.pieces[ids[i]].piece;
    }
    return pieces;
  }

  /** The pieces of a line with their ids and places in it. */
  encodeWithOffsets(text: string): EncodedPiece[] {
    const { text: normalized, offsets } = this.#normalizer.normalizeWithOffsets(text);
    const count = this.#encode(normalized), { ends, ids } = this.#path;
    const encoded: EncodedPiece[] = [];
    let start = 0;
    for (let i = 0; i < count; i++) {
      // The bytes of one character all stand where it stands.
      const end = ends[i];
      if (i > 0 && ends[i - 1] !== end) start = ends[i - 1];
      encoded.push({
        id: ids[i],
        piece: ids[i] === this.#unknownId
          ? normalized.slice(start, end)
          : this.#model.pieces[ids[i]].piece,
        start: offsets[start],
        end: offsets[end],
      });
    }
    return encoded;
  }

  /** Leaves the pieces of a normalised line in the path and returns how many there are. */
  #encode(normalized: string): number {
    const found = this.#found, path = this.#path, bytes = this.#byteIds;
    const count = this.#encoder.encode(normalized, found);
    let out = 0;
    // Neighbouring unknown characters become one piece, or bytes where the model has them.
    for (let i = 0; i < count; i++) {
      const id = found.ids[i], end = found.ends[i];
      path.reserve(out + 1);
      if (id < 0 && bytes) {
        const start = i > 0 ? found.ends[i - 1] : 0;
        const spelt = UTF8.encode(normalized.slice(start, end));
        path.reserve(out + spelt.length);
        for (const byte of spelt) {
          path.ends[out] = end;
          path.ids[out++] = bytes[byte];
        }
        continue;
      }
      if (id < 0 && i > 0 && found.ids[i - 1] < 0) out--;
      path.ends[out] = end;
      path.ids[out++] = id < 0 ? this.#unknownId : id;
    }
    return out;
  }

  /** The text of ids; those out of range are unknown. */
  decodeIds(ids: ArrayLike<number>): string {
    const { pieces } = this.#model;
    return this.#decode(Array.from(ids, (id) => {
      const known = id in pieces ? id : this.#unknownId;
      return [pieces[known].piece, known];
    }));
  }

  /** The text of pieces; those not in the vocabulary stand for themselves. */
  decodePieces(pieces: readonly string[]): string {
    return this.#decode(pieces.map((piece) => [piece, this.pieceToId(piece)]));
  }

  #decode(parts: Iterable<readonly [piece: string, id: number]>): string {
    const { normalizer, unkSurface } = this.#model;
    const dropsPrefix = normalizer.addDummyPrefix || normalizer.removeExtraWhitespaces;
    let out = "";
    let bytes: number[] = [];
    const flush = (): void => {
      // A byte that is no UTF-8 becomes one U+FFFD.
      if (bytes.length > 0) out += decodeText(Uint8Array.from(bytes)).toWellFormed();
      bytes = [];
    };
    let atStart = true, prefixDropped = false;
    for (const [piece, id] of parts) {
      if (this.isByte(id)) {
        bytes.push(parseInt(piece.slice(3, 5), 16));
        continue;
      }
      flush();
      if (prefixDropped || out !== "") atStart = false;
      prefixDropped = false;
      if (this.isControl(id)) continue;
      if (this.isUnknown(id)) {
        // A piece that the model does not have stands for itself.
        out += piece === this.#model.pieces[id].piece ? unkSurface : piece;
        continue;
      }
      const drops = atStart && dropsPrefix && piece.startsWith(SPACE);
      out += (drops ? piece.slice(1) : piece).replaceAll(SPACE, " ");
      // Where spaces are kept, only one is the prefix.
      prefixDropped = drops && !normalizer.removeExtraWhitespaces;
    }
    flush();
    return out;
  }

  /** The id of a piece; that of the unknown piece where there is none. */
  pieceToId(piece: string): number {
    return this.#ids.get(piece) ?? this.#unknownId;
  }

  /** The piece of an id; the unknown piece where there is none. */
  idToPiece(id: number): string {
    return this.#model.pieces[id in this.#model.pieces ? id : this.#unknownId].piece;
  }

  /** Whether an id is a control symbol, such as [CLS]. */
  isControl(id: number): boolean {
    return this.#model.pieces[id]?.type === PieceType.CONTROL;
  }

  /** Whether an id is the unknown piece. */
  isUnknown(id: number): boolean {
    return id === this.#unknownId;
  }

  /** Whether an id stands for one byte. */
  isByte(id: number): boolean {
    return this.#model.pieces[id]?.type === PieceType.BYTE;
  }
}

/** The piece that stands for a byte. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Whether pieces of a type are never cut from text as others are. */
function isSpecial(type: PieceType): boolean {
  return type === PieceType.UNKNOWN || type === PieceType.CONTROL || type === PieceType.BYTE;
}

function encoderOf(model: SentencePieceModel, ids: ReadonlyMap<string, number>): Encoder {
  const { pieces } = model;
  switch (model.modelType) {
    case "unigram":
      return new UnigramEncoder(pieces);
    case "bpe":
      return new BpeEncoder(pieces);
    case "word":
      return new WordEncoder(pieces, ids);
    case "char":
      return new CharEncoder(pieces, ids);
  }
}
