import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { ModelError } from "../../../model/errors.ts";
import { convertTensor } from "../../../model/files/half.ts";
import { asFloat32, safeTensor } from "../../../model/files/safetensors.ts";
import { chance } from "../../pipeline/sentencepiece/small_model.ts";

/** The float32 of a bfloat16's bits. */
function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0];
}

function rounded(value: number, dtype: "F16" | "BF16"): number {
  const tensor = convertTensor("x", safeTensor(Float32Array.of(value), [1]), dtype);
  return asFloat32("x", tensor)[0];
}

Deno.test("each bfloat16 comes back as it was", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = fromBits(bits);
    if (Number.isNaN(value)) assert(Number.isNaN(rounded(value, "BF16")));
    else assert(Object.is(rounded(value, "BF16"), value), `bits ${bits.toString(16)}`);
  }
});

Deno.test("between two bfloat16s the nearer one is taken, and the even one at the middle", () => {
  const draw = chance(3);
  for (let i = 0; i < 2000; i++) {
    const bits = draw(0x7f00);
    const [low, high] = [fromBits(bits), fromBits(bits + 1)];
    const middle = (low + high) / 2;
    assertEquals(rounded(middle, "BF16"), bits % 2 === 0 ? low : high);
    assertEquals(rounded(low + (high - low) * 0.25, "BF16"), low);
    assertEquals(rounded(low + (high - low) * 0.75, "BF16"), high);
  }
});

Deno.test("halves round as IEEE says, and a value beyond their range is refused by name", () => {
  assertEquals(rounded(1 + 2 ** -11, "F16"), 1);
  assertEquals(rounded(1 + 3 * 2 ** -11, "F16"), 1 + 2 ** -9);
  assertEquals(rounded(2 ** -24, "F16"), 2 ** -24);
  assertEquals(rounded(65519, "F16"), 65504);
  assertEquals(rounded(Infinity, "F16"), Infinity);
  assertThrows(() => rounded(65520, "F16"), ModelError, "tensor x holds 65520");
  assertEquals(rounded(65520, "BF16"), 65536);
});
