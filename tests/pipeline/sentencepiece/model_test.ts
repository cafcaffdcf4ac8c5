/** Model files: damage, what is kept, how scores are printed. */
import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { SentencePieceProcessor } from "../../../pipeline/sentencepiece/processor.ts";
import { printFloat } from "../../../pipeline/sentencepiece/trainer.ts";
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
