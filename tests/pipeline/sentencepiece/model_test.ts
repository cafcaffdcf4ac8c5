/** Model files: damage, what is kept, how scores are printed. */
import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { SentencePieceProcessor } from "../../../pipeline/sentencepiece/processor.ts";
import {
  decodeModel,
  PieceType,
  rewritePieces,
} from "../../../pipeline/sentencepiece/model_proto.ts";
import { WireWriter } from "../../../pipeline/wire/protobuf.ts";
import { printFloat } from "../../../pipeline/sentencepiece/trainer.ts";
import { smallModelFile } from "./small_model.ts";
import { tinyModel } from "../tiny_model.ts";

Deno.test("a model cut at any byte is an explained error that names the file", () => {
  const bytes = tinyModel();
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(
      () => SentencePieceProcessor.fromBytes(bytes.subarray(0, length), "cut.model"),
      PipelineError,
      "cut.model",
    );
  }
});

/** Bytes one behind the other. */
function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A self-test of one line. */
function selfTest(input: string, expected: string): Uint8Array {
  const sample = new WireWriter().bytes(1, input).bytes(2, expected).finish();
  return new WireWriter().bytes(4, new WireWriter().bytes(1, sample).finish()).finish();
}

Deno.test("a model that does not cut its own samples as it says is refused", () => {
  const file = smallModelFile([["▁", -1], ["あ", -2], ["い", -2], ["あい", -3]]);
  const right = SentencePieceProcessor.fromBytes(joined(file, selfTest("あいあ", "▁ あい あ")));
  assertEquals(right.encodePieces("あい"), ["▁", "あい"]);
  assertThrows(
    () => SentencePieceProcessor.fromBytes(joined(file, selfTest("あい", "▁ あ い")), "m.model"),
    PipelineError,
    'm.model: fails its own test: "あい" becomes "▁ あい"',
  );
});

Deno.test("fields that are not known survive when pieces are rewritten", () => {
  // Field 200 of the model, and field 77 inside one more piece.
  const extra = new WireWriter().bytes(200, "kept").finish();
  const piece = new WireWriter().bytes(1, "う").float(2, -4).varint(77, 300).finish();
  const file = joined(
    smallModelFile([["▁", -1], ["あ", -2]]),
    new WireWriter().bytes(1, piece).finish(),
    extra,
  );
  const renamed = rewritePieces(file, "m", (old) => ({ ...old, piece: `${old.piece}!` }));
  assertEquals(decodeModel(renamed, "m").pieces.map(({ piece }) => piece), [
    "<unk>!",
    "[CLS]!",
    "▁!",
    "あ!",
    "う!",
  ]);
  const back = rewritePieces(renamed, "m", (old) => ({ ...old, piece: old.piece.slice(0, -1) }));
  assertEquals(back, file);
  assertEquals(decodeModel(back, "m").pieces[0].type, PieceType.UNKNOWN);
});

Deno.test("floats print as C++ streams print them", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [-3.5, "-3.5"],
    [-9.876543, "-9.87654"],
    [-12.3456789, "-12.3457"],
    [123456, "123456"],
    [1234567, "1.23457e+06"],
    [0.0001, "0.0001"],
    [0.00001234, "1.234e-05"],
    [-2.99999999, "-3"],
  ];
  for (const [value, text] of cases) assertEquals(printFloat(value), text);
});
