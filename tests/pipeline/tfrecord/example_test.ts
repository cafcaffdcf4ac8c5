import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { decodeExample, encodeExample } from "../../../pipeline/tfrecord/example.ts";

/** A length-delimited protobuf field, written from the wire format's definition. */
function field(number: number, ...content: (number | number[])[]): number[] {
  const bytes = content.flat();
  if (bytes.length > 127) throw new Error("this helper writes one-byte lengths only");
  return [number << 3 | 2, bytes.length, ...bytes];
}

const text = (value: string): number[] => [...new TextEncoder().encode(value)];

/** Example { features { feature { key: name, value { int64_list { … } } } } } */
function exampleOf(name: string, list: number[]): Uint8Array {
  return Uint8Array.from(
    field(1, field(1, field(1, text(name)), field(2, field(3, list)))),
  );
}

Deno.test("a tf.Example is written byte for byte as the wire format says", () => {
  assertEquals(
    encodeExample({ ids: [1, 300, 0] }),
    exampleOf("ids", field(1, [1, 0xac, 0x02, 0])),
  );
});

Deno.test("integer lists are read packed, unpacked and mixed", () => {
  const packed = exampleOf("ids", field(1, [1, 0xac, 0x02, 0]));
  const unpacked = exampleOf("ids", [0x08, 1, 0x08, 0xac, 0x02, 0x08, 0]);
  const mixed = exampleOf("ids", [0x08, 1, ...field(1, [0xac, 0x02, 0])]);
  for (const bytes of [packed, unpacked, mixed]) {
    assertEquals(decodeExample(bytes), new Map([["ids", Int32Array.of(1, 300, 0)]]));
  }
});

Deno.test("what was encoded is decoded again, empty lists and Japanese names too", () => {
  const features = {
    input_ids: Int32Array.from({ length: 512 }, (_, i) => i * i * 61 % 2147483647),
    "空": new Int32Array(0),
    "最大": Int32Array.of(0x7fffffff, 0, 127, 128, 16383, 16384),
  };
  assertEquals(decodeExample(encodeExample(features)), new Map(Object.entries(features)));
});

Deno.test("features of other kinds and unknown fields are passed over", () => {
  const bytesFeature = field(1, field(1, text("b")), field(2, field(1, field(1, text("x")))));
  const floats = field(1, field(1, text("f")), field(2, field(2, field(1, [0, 0, 0x80, 0x3f]))));
  const ints = field(1, field(1, text("i")), field(2, field(3, field(1, [7]))));
  const unknown = [0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x78, 0x01];
  const bytes = Uint8Array.from([...unknown, ...field(1, bytesFeature, floats, ints)]);
  assertEquals(decodeExample(bytes), new Map([["i", Int32Array.of(7)]]));
});

Deno.test("a tf.Example that is cut short or damaged is refused with a byte position", () => {
  const whole = encodeExample({ input_ids: [1, 2, 3, 400], input_mask: [1, 1, 1, 0] });
  for (let length = 1; length < whole.length; length++) {
    assertThrows(() => decodeExample(whole.subarray(0, length)), PipelineError, "at its byte");
  }
  const endless = Uint8Array.from(field(1, field(1, new Array(12).fill(0x80))));
  assertThrows(() => decodeExample(endless), PipelineError, "not a tf.Example");
});

Deno.test("values that a token id cannot have are refused both ways", () => {
  assertThrows(() => encodeExample({ ids: [3, -1] }), PipelineError, "value 1 is -1");
  assertThrows(() => encodeExample({ ids: [0.5] }), PipelineError, "0.5");
  // 2^31, and −1 as ten bytes of two's complement.
  const big = exampleOf("ids", field(1, [0x80, 0x80, 0x80, 0x80, 0x08]));
  assertThrows(() => decodeExample(big), PipelineError, "more than 32 bits");
  const minusOne = exampleOf("ids", field(1, [...new Array(9).fill(0xff), 0x01]));
  assertThrows(() => decodeExample(minusOne), PipelineError, "negative");
});
