/**
 * Lines and how `spm_encode` 0.1.97 cuts them with a model of these pieces under nmt_nfkc, and with the
 * same pieces and byte fallback. `spm_decode` makes `decoded` of the ids without bytes.
 */

import { PieceType } from "../../../pipeline/sentencepiece/model_proto.ts";
import type { PieceEntry } from "./small_model.ts";

/** Pieces that compete with each other, some by very little. */
export const PIECES: readonly PieceEntry[] = [
  ["▁", -2.5],
  ["▁琥珀", -6],
  ["琥", -9.5],
  ["珀", -9.5],
  ["琥珀", -7.25],
  ["は", -3],
  ["樹", -8],
  ["脂", -8.5],
  ["樹脂", -7.5],
  ["樹脂の", -8.75],
  ["の", -2.75],
  ["化", -6],
  ["石", -6.5],
  ["化石", -8],
  ["石で", -8.25],
  ["で", -4],
  ["ある", -4.5],
  ["である", -5.125],
  ["。", -3.5],
  ["ガ", -7],
  ["ラス", -7.75],
  ["A", -6],
  ["AB", -7],
  ["C", -6.5],
  ["1", -5],
  ["2", -5.5],
  ["12", -6.75],
  ["<sep>", 0, PieceType.USER_DEFINED],
  ["電磁気", 0, PieceType.USER_DEFINED],
  ["石の", -7, PieceType.UNUSED],
];

/** One line. */
export interface Golden {
  readonly line: string;
  /** Its ids. */
  readonly ids: readonly number[];
  /** Its pieces. */
  readonly pieces: string;
  /** Its ids with byte fallback. */
  readonly byteIds: readonly number[];
  /** The text of its ids. */
  readonly decoded: string;
}

/** The lines. */
export const GOLDEN: readonly Golden[] = [
  {
    line: "琥珀は樹脂の化石である。",
    ids: [3, 7, 11, 15, 19, 20],
    pieces: "▁琥珀 は 樹脂の 化石 である 。",
    byteIds: [3, 7, 11, 15, 19, 20],
    decoded: "琥珀は樹脂の化石である。",
  },
  {
    line: "　ｶﾞラス　と　ＡＢＣ１２",
    ids: [2, 21, 22, 2, 0, 2, 24, 25, 28],
    pieces: "▁ ガ ラス ▁ と ▁ AB C 12",
    byteIds: [2, 21, 22, 2, 259, 161, 200, 2, 24, 25, 28],
    decoded: "ガラス  ⁇  ABC12",
  },
  {
    line: "A<sep>B<sep>琥珀の電磁気は12。",
    ids: [2, 23, 29, 0, 29, 6, 12, 30, 7, 28, 20],
    pieces: "▁ A <sep> B <sep> 琥珀 の 電磁気 は 12 。",
    byteIds: [2, 23, 29, 98, 29, 6, 12, 30, 7, 28, 20],
    decoded: "A<sep> ⁇ <sep>琥珀の電磁気は12。",
  },
  {
    line: "未知の字ばかり",
    ids: [2, 0, 12, 0],
    pieces: "▁ 未知 の 字ばかり",
    byteIds: [
      2,
      262,
      188,
      202,
      263,
      191,
      197,
      12,
      261,
      205,
      183,
      259,
      161,
      208,
      259,
      161,
      171,
      259,
      162,
      170,
    ],
    decoded: " ⁇ の ⁇ ",
  },
  {
    line: "石の石で化石のある。",
    ids: [2, 14, 12, 16, 15, 12, 18, 20],
    pieces: "▁ 石 の 石で 化石 の ある 。",
    byteIds: [2, 14, 12, 16, 15, 12, 18, 20],
    decoded: "石の石で化石のある。",
  },
  {
    line: "か゛が𠮟🙂é",
    ids: [2, 0, 2, 0],
    pieces: "▁ か ▁ ゙が𠮟🙂é",
    byteIds: [
      2,
      259,
      161,
      171,
      2,
      259,
      162,
      185,
      259,
      161,
      172,
      272,
      192,
      206,
      191,
      272,
      191,
      185,
      162,
      227,
      201,
    ],
    decoded: " ⁇   ⁇ ",
  },
  {
    line: "",
    ids: [],
    pieces: "",
    byteIds: [],
    decoded: "",
  },
  {
    line: "ＡＢ　　１２　",
    ids: [2, 24, 2, 28],
    pieces: "▁ AB ▁ 12",
    byteIds: [2, 24, 2, 28],
    decoded: "AB 12",
  },
  {
    line: "琥<sep> 珀",
    ids: [2, 4, 29, 2, 5],
    pieces: "▁ 琥 <sep> ▁ 珀",
    byteIds: [2, 4, 29, 2, 5],
    decoded: "琥<sep> 珀",
  },
  {
    line: "‥…㍿①",
    ids: [2, 0, 26],
    pieces: "▁ .....株式会社 1",
    byteIds: [
      2,
      78,
      78,
      78,
      78,
      78,
      262,
      192,
      202,
      261,
      220,
      175,
      260,
      220,
      186,
      263,
      196,
      222,
      26,
    ],
    decoded: " ⁇ 1",
  },
];
