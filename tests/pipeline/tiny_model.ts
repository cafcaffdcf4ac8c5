/**
 * A SentencePiece model small enough to be written by hand in the protobuf wire format: the
 * pieces that ELECTRA needs, and one piece per character of a small alphabet.
 */

const ALPHABET = "▁あいうえおかきくけこさしすせそ日本語文。、「」abcdefghij0123456789";

/** Numbers that ModelProto gives to the types of pieces. */
const TYPE = { normal: 1, unknown: 2, control: 3 } as const;

/** A length-delimited field. */
function field(number: number, content: Uint8Array | number[]): number[] {
  const length = content.length;
  const varint = length < 128 ? [length] : [length & 127 | 128, length >> 7];
  return [number << 3 | 2, ...varint, ...content];
}

/** ModelProto.SentencePiece: 1 piece, 2 score (a float), 3 type. */
function piece(text: string, score: number, type: number): number[] {
  const float = new Uint8Array(Float32Array.of(score).buffer);
  return field(1, [
    ...field(1, new TextEncoder().encode(text)),
    2 << 3 | 5,
    ...float,
    3 << 3 | 0,
    type,
  ]);
}

/**
 * The bytes of the model. `special` are its control pieces, ids from 0 on, with <unk> after the
 * first; characters follow.
 */
export function tinyModel(special: string[] = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]): Uint8Array {
  const [first, ...others] = special;
  const characters = [...ALPHABET].map((character, i) =>
    piece(character, -2 - i / 64, TYPE.normal)
  );
  return Uint8Array.from([
    ...piece(first, 0, TYPE.control),
    ...piece("<unk>", 0, TYPE.unknown),
    ...others.flatMap((text) => piece(text, 0, TYPE.control)),
    ...characters.flat(),
    // TrainerSpec: 3 model_type = unigram (1), 40 unk_id = 1, and no <s> or </s>: 41, 42 = −1.
    ...field(2, [3 << 3, 1, ...[0xc0, 0x02, 1], ...minusOne(41), ...minusOne(42)]),
    // NormalizerSpec: 1 name = identity.
    ...field(3, field(1, new TextEncoder().encode("identity"))),
  ]);
}

/** An int32 field of value −1: ten bytes, as for any negative number. */
function minusOne(number: number): number[] {
  const tag = number << 3;
  return [tag & 127 | 128, tag >> 7, ...new Array<number>(9).fill(0xff), 1];
}
