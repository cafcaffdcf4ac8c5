/**
 * Small models of every kind at the edges of what their settings mean, and what `spm_encode` and
 * `spm_decode` 0.1.97 make of lines and pieces with them.
 */

import { PieceType } from "../../../pipeline/sentencepiece/model_proto.ts";
import { bytePiece } from "../../../pipeline/sentencepiece/processor.ts";
import type { PieceEntry, SmallModelOptions } from "./small_model.ts";

const BYTES = Array.from(
  { length: 256 },
  (_, byte): PieceEntry => [bytePiece(byte), 0, PieceType.BYTE],
);

const PIECES: readonly PieceEntry[] = [
  ["▁", -2],
  ["▁▁", -4],
  ["あ", -3],
  ["▁あ", -3.5],
  ["あ▁", -3.5],
  ["い", -4],
  ["あい", -6],
  ["a", -5],
  ["は は", 0, PieceType.USER_DEFINED],
];

const keeps = { removeExtraWhitespaces: false };
const bare = { addDummyPrefix: false };

/** Models by what is special about them. */
export const VARIANTS: Readonly<
  Record<string, { pieces: readonly PieceEntry[]; options: SmallModelOptions }>
> = {
  "defaults": { pieces: PIECES, options: {} },
  "spaces kept": { pieces: PIECES, options: { normalizer: keeps } },
  "no prefix": { pieces: PIECES, options: { normalizer: bare } },
  "no prefix, spaces kept": { pieces: PIECES, options: { normalizer: { ...bare, ...keeps } } },
  "suffix": { pieces: PIECES, options: { treatWhitespaceAsSuffix: true } },
  "suffix, spaces kept": {
    pieces: PIECES,
    options: { treatWhitespaceAsSuffix: true, normalizer: keeps },
  },
  "bytes": { pieces: [...PIECES, ...BYTES], options: { byteFallback: true } },
  "bpe": { pieces: PIECES, options: { modelType: "bpe" } },
  "word": { pieces: PIECES, options: { modelType: "word" } },
  "word, suffix": {
    pieces: PIECES,
    options: { modelType: "word", treatWhitespaceAsSuffix: true },
  },
  "char": { pieces: PIECES, options: { modelType: "char", normalizer: keeps } },
  "char, bytes": {
    pieces: [...PIECES, ...BYTES],
    options: { modelType: "char", byteFallback: true },
  },
};

/** Lines to encode; half a surrogate pair is a byte that is no UTF-8. */
export const LINES: readonly string[] = [
  "",
  " ",
  "  ",
  "あ",
  " あ ",
  "あ  い",
  "  あい a ",
  "は は",
  " は はは は ",
  "\0あ",
  "あ\0い",
  "\ufeffあ",
  "<unk>あ",
  "漢 字",
  "あ\udce3\udc81い",
  "▁あ",
];

/** Pieces to decode. */
export const CODES: readonly string[] = [
  "",
  "▁",
  "▁ ▁",
  "▁ あ",
  "▁▁ あ ▁",
  "▁あ ▁あ",
  "あ▁ あ▁",
  "[CLS] ▁ あ",
  "[CLS] ▁ [CLS] ▁ あ",
  "<unk>",
  "▁ <unk> ▁ あ",
  "漢▁字 ▁漢",
  "<0x41> ▁ あ",
  "<0xE3> <0x81> <0x82>",
  "<0xE3> <0x81> あ <0xFF> <0xFE>",
  "<0xEF> <0xBB> <0xBF> <0x41>",
  "▁ <0x20> ▁ あ",
  "は は",
];

/** What the tools make of them: one entry for each line, and for each row of pieces, parted by |. */
export const EXPECTED: Readonly<Record<string, { encoded: string; decoded: string }>> = {
  "defaults": {
    encoded:
      "|||▁あ|▁あ|▁ あ▁ い|▁あ い ▁ a|▁ は ▁ は|▁ は ▁ はは ▁ は|▁ \u0000 あ|▁あ \u0000 い|" +
      "▁ \ufeff あ|▁ <unk> あ|▁ 漢 ▁ 字|▁あ \ufffd\ufffd い|▁ ▁あ",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "spaces kept": {
    encoded: "|▁▁|▁ ▁▁|▁あ|▁▁ あ▁|▁あ ▁▁ い|▁▁ ▁あ い ▁ a ▁|▁ は ▁ は|▁▁ は ▁ はは ▁ は ▁|" +
      "▁ \u0000 あ|▁あ \u0000 い|▁ \ufeff あ|▁ <unk> あ|▁ 漢 ▁ 字|▁あ \ufffd\ufffd い|▁ ▁あ",
    decoded: "|| |あ| あ |あ あ|あ あ |あ| あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "no prefix": {
    encoded: "|||あ|あ|あ▁ い|あい ▁ a|は ▁ は|は ▁ はは ▁ は|\u0000 あ|あ \u0000 い|\ufeff あ|" +
      "<unk> あ|漢 ▁ 字|あ \ufffd\ufffd い|▁あ",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "no prefix, spaces kept": {
    encoded: "|▁|▁▁|あ|▁ あ▁|あ▁ ▁ い|▁ ▁あ い ▁ a ▁|は ▁ は|▁ は ▁ はは ▁ は ▁|\u0000 あ|" +
      "あ \u0000 い|\ufeff あ|<unk> あ|漢 ▁ 字|あ \ufffd\ufffd い|▁あ",
    decoded: "| |  | あ|  あ | あ あ|あ あ | あ|  あ| ⁇ |  ⁇  あ|漢▁字▁漢|<0x41> あ|" +
      "<0xE3><0x81><0x82>|<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>| <0x20> あ|" +
      "はは",
  },
  "suffix": {
    encoded:
      "|||あ▁|あ▁|あ▁ い ▁|あい ▁ a ▁|は ▁ は ▁|は ▁ はは ▁ は ▁|\u0000 あ▁|あ \u0000 い ▁|" +
      "\ufeff あ▁|<unk> あ▁|漢 ▁ 字 ▁|あ \ufffd\ufffd い ▁|▁ あ▁",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "suffix, spaces kept": {
    encoded: "|▁▁|▁ ▁▁|あ▁|▁あ ▁▁|あ▁ ▁ い ▁|▁ ▁あ い ▁ a ▁▁|は ▁ は ▁|▁ は ▁ はは ▁ は ▁▁|" +
      "\u0000 あ▁|あ \u0000 い ▁|\ufeff あ▁|<unk> あ▁|漢 ▁ 字 ▁|あ \ufffd\ufffd い ▁|▁ あ▁",
    decoded: "|| |あ| あ |あ あ|あ あ |あ| あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "bytes": {
    encoded: "|||▁あ|▁あ|▁ あ▁ い|▁あ い ▁ a|▁ <0xE3> <0x81> <0xAF> ▁ <0xE3> <0x81> <0xAF>|" +
      "▁ <0xE3> <0x81> <0xAF> ▁ <0xE3> <0x81> <0xAF> <0xE3> <0x81> <0xAF> ▁ <0xE3> <0x81> <0xAF>|" +
      "▁ <0x00> あ|▁あ <0x00> い|▁ <0xEF> <0xBB> <0xBF> あ|" +
      "▁ <0x3C> <0x75> <0x6E> <0x6B> <0x3E> あ|" +
      "▁ <0xE6> <0xBC> <0xA2> ▁ <0xE5> <0xAD> <0x97>|" +
      "▁あ <0xEF> <0xBF> <0xBD> <0xEF> <0xBF> <0xBD> い|▁ ▁あ",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|A あ|あ|" +
      "\ufffd\ufffdあ\ufffd\ufffd|\ufeffA|  あ|はは",
  },
  "bpe": {
    encoded:
      "|||▁あ|▁あ|▁あ ▁ い|▁あ い ▁ a|▁ は ▁ は|▁ は ▁ はは ▁ は|▁ \u0000 あ|▁あ \u0000 い|" +
      "▁ \ufeff あ|▁ <unk> あ|▁ 漢 ▁ 字|▁あ \ufffd\ufffd い|▁ ▁あ",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "word": {
    encoded: "|||▁あ|▁あ|▁あ ▁い|▁あい▁a|▁は▁は|▁は▁はは▁は|▁\u0000あ|▁あ\u0000い|▁\ufeffあ|" +
      "▁<unk>あ|▁漢▁字|▁あ\ufffd\ufffdい|▁ ▁あ",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "word, suffix": {
    encoded: "|||あ ▁|あ ▁|あ ▁い ▁|あい ▁a ▁|は▁は ▁|は▁はは▁は ▁|\u0000あ ▁|あ\u0000い ▁|" +
      "\ufeffあ ▁|<unk>あ ▁|漢▁字 ▁|あ\ufffd\ufffdい ▁|▁あ ▁",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "char": {
    encoded: "|▁ ▁|▁ ▁ ▁|▁ あ|▁ ▁ あ ▁|▁ あ ▁ ▁ い|▁ ▁ ▁ あ い ▁ a ▁|▁ は ▁ は|" +
      "▁ ▁ は ▁ はは ▁ は ▁|▁ \u0000 あ|▁ あ \u0000 い|▁ \ufeff あ|▁ <unk> あ|▁ 漢 ▁ 字|" +
      "▁ あ \ufffd\ufffd い|▁ ▁ あ",
    decoded: "|| |あ| あ |あ あ|あ あ |あ| あ| ⁇ | ⁇  あ|漢▁字▁漢|<0x41> あ|<0xE3><0x81><0x82>|" +
      "<0xE3><0x81>あ<0xFF><0xFE>|<0xEF><0xBB><0xBF><0x41>|<0x20> あ|はは",
  },
  "char, bytes": {
    encoded: "|||▁ あ|▁ あ|▁ あ ▁ い|▁ あ い ▁ a|▁ <0xE3> <0x81> <0xAF> ▁ <0xE3> <0x81> <0xAF>|" +
      "▁ <0xE3> <0x81> <0xAF> ▁ <0xE3> <0x81> <0xAF> <0xE3> <0x81> <0xAF> ▁ <0xE3> <0x81> <0xAF>|" +
      "▁ <0x00> あ|▁ あ <0x00> い|▁ <0xEF> <0xBB> <0xBF> あ|" +
      "▁ <0x3C> <0x75> <0x6E> <0x6B> <0x3E> あ|" +
      "▁ <0xE6> <0xBC> <0xA2> ▁ <0xE5> <0xAD> <0x97>|" +
      "▁ あ <0xEF> <0xBF> <0xBD> <0xEF> <0xBF> <0xBD> い|▁ ▁ あ",
    decoded: "|||あ| あ |あ あ|あ あ |あ|あ| ⁇ | ⁇  あ|漢▁字▁漢|A あ|あ|" +
      "\ufffd\ufffdあ\ufffd\ufffd|\ufeffA|  あ|はは",
  },
};
