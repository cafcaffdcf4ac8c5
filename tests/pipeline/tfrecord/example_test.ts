import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert/mod.js";
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
  const runs = exampleOf("ids", [...field(1, [1]), ...field(1, []), ...field(1, [0xac, 0x02, 0])]);
  for (const bytes of [packed, unpacked, mixed, runs]) {
    assertEquals(decodeExample(bytes, ["ids"]), new Map([["ids", Int32Array.of(1, 300, 0)]]));
  }
});

Deno.test("negative integers are ten bytes of two's complement, both ways", () => {
  // −1, −2 and −2^31, as protobuf writes an int64.
  const values = [
    [...new Array(9).fill(0xff), 0x01],
    [0xfe, ...new Array(8).fill(0xff), 0x01],
    [0x80, 0x80, 0x80, 0x80, 0xf8, 0xff, 0xff, 0xff, 0xff, 0x01],
  ];
  const packed = exampleOf("n", field(1, values.flat()));
  const unpacked = exampleOf("n", values.flatMap((value) => [0x08, ...value]));
  const expected = Int32Array.of(-1, -2, -(2 ** 31));
  for (const bytes of [packed, unpacked]) {
    assertEquals(decodeExample(bytes, ["n"]), new Map([["n", expected]]));
  }
  assertEquals(encodeExample({ n: expected }), packed);
});

Deno.test("every integer of 32 bits comes back, by the definition of a varint", () => {
  const powers = Array.from({ length: 31 }, (_, bit) => 2 ** bit);
  const values = [0, ...powers.flatMap((n) => [n - 1, n, -n, -n - 1]), 0x7fffffff];
  const varints = values.flatMap((value) => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    do {
      bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
      rest >>= 7n;
    } while (rest > 0n);
    return bytes;
  });
  const example = encodeExample({ n: values });
  assertEquals(decodeExample(example, ["n"]).get("n"), Int32Array.from(values));
  assertEquals([...example.subarray(example.length - varints.length)], varints);
});

Deno.test("what was encoded is decoded again, empty lists and Japanese names too", () => {
  const features = {
    input_ids: Int32Array.from({ length: 512 }, (_, i) => i * i * 61 % 2147483647),
    "空": new Int32Array(0),
    "最大": Int32Array.of(0x7fffffff, 0, 127, 128, 16383, 16384),
  };
  const decoded = decodeExample(encodeExample(features), Object.keys(features));
  assertEquals(decoded, new Map(Object.entries(features)));
});

Deno.test("features of other names and kinds and unknown fields are passed over", () => {
  const bytesFeature = field(1, field(1, text("b")), field(2, field(1, field(1, text("x")))));
  const floats = field(1, field(1, text("f")), field(2, field(2, field(1, [0, 0, 0x80, 0x3f]))));
  const ints = field(1, field(1, text("i")), field(2, field(3, field(1, [7]))));
  // 2^63 − 1 has no place in 32 bits, but nobody asked for it.
  const most = [...new Array(8).fill(0xff), 0x7f];
  const large = field(1, field(1, text("l")), field(2, field(3, field(1, most))));
  const unknown = [0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x78, ...most];
  for (
    const features of [[bytesFeature, floats, ints, large], [large, ints, floats, bytesFeature]]
  ) {
    const bytes = Uint8Array.from([...unknown, ...field(1, ...features), ...unknown]);
    assertEquals(decodeExample(bytes, ["i", "b", "x"]), new Map([["i", Int32Array.of(7)]]));
  }
});

Deno.test("features are found in any order, values before names, in several parts", () => {
  const first = field(1, field(2, field(3, field(1, [7, 8]))), field(1, text("i")));
  const second = field(1, field(1, text("j")), field(2, field(3, field(1, [9]))));
  const bytes = Uint8Array.from([...field(1, second), ...field(1, first)]);
  const decoded = decodeExample(bytes, ["i", "j"]);
  assertEquals([decoded.get("i"), decoded.get("j")], [Int32Array.of(7, 8), Int32Array.of(9)]);
});

Deno.test("a tf.Example that is cut short or damaged is refused with a byte position", () => {
  const whole = encodeExample({ input_ids: [1, 2, 3, 400], input_mask: [1, 1, 1, 0] });
  const names = ["input_ids", "input_mask"];
  for (let length = 1; length < whole.length; length++) {
    const cut = (): unknown => decodeExample(whole.subarray(0, length), names);
    assertThrows(cut, PipelineError, "at its byte");
  }
  const endless = Uint8Array.from(field(1, field(1, new Array(12).fill(0x80))));
  assertThrows(() => decodeExample(endless, names), PipelineError, "more than ten bytes");
  const long = Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01);
  assertThrows(() => decodeExample(long, names), PipelineError, "beyond 32 bits");
});

Deno.test("any damage to a byte gives other values or an error, never anything worse", () => {
  const whole = encodeExample({ input_ids: [1, 2, 3, 400], input_mask: [-1, 1, 1, 0] });
  for (let at = 0; at < whole.length; at++) {
    for (let value = 0; value < 256; value++) {
      try {
        decodeExample(whole.with(at, value), ["input_ids", "input_mask"]);
      } catch (error) {
        assertInstanceOf(error, PipelineError);
      }
    }
  }
});

Deno.test("values that are no integers, or need more than 32 bits, are refused", () => {
  assertThrows(() => encodeExample({ ids: [3, 0.5] }), PipelineError, "value 1 is 0.5");
  assertThrows(() => encodeExample({ ids: [NaN] }), PipelineError, "NaN");
  assertThrows(() => encodeExample({ ids: [2 ** 53] }), PipelineError, "9007199254740992");
  const decode = (value: number[]): unknown =>
    decodeExample(exampleOf("ids", field(1, value)), ["ids"]);
  const cases: [number[], string][] = [
    [[0x80, 0x80, 0x80, 0x80, 0x08], "holds 2147483648 before"],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], "holds 4294967295 before"],
    [[0xff, 0xff, 0xff, 0xff, 0xf7, 0xff, 0xff, 0xff, 0xff, 0x01], "holds -2147483649 before"],
    [[...new Array(9).fill(0x80), 0x01], "holds -9223372036854775808 before"],
  ];
  for (const [value, message] of cases) {
    assertThrows(() => decode(value), PipelineError, message);
  }
});
