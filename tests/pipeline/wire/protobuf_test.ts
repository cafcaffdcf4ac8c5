import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { readFields, WireWriter } from "../../../pipeline/wire/protobuf.ts";

const fault = (what: string, at: number): Error => new Error(`${what} at ${at}`);

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

Deno.test("messages are written as the examples of the encoding's own documentation", () => {
  // Test1 { a = 1: 150 }, Test2 { b = 2: "testing" }, Test3 { c = 3: Test1 { a: 150 } }.
  const inner = new WireWriter().varint(1, 150);
  assertEquals(hex(inner.finish()), "08 96 01");
  assertEquals(hex(new WireWriter().bytes(2, "testing").finish()), "12 07 74 65 73 74 69 6e 67");
  assertEquals(hex(new WireWriter().message(3, inner).finish()), "1a 03 08 96 01");
  // −2 as int64 takes ten bytes.
  assertEquals(hex(new WireWriter().varint(1, -2).finish()), "08 fe ff ff ff ff ff ff ff ff 01");
  assertEquals(
    hex(new WireWriter().float(1, 1).fixed32(2, 0x01020304).finish()),
    "0d 00 00 80 3f 15 04 03 02 01",
  );
});

Deno.test("a message that holds messages is the same by reference and by copy", () => {
  const leaf = (n: number): WireWriter => new WireWriter().varint(1, n).bytes(2, "x".repeat(n));
  const referenced = new WireWriter().message(1, new WireWriter().message(5, leaf(3))).message(
    1,
    leaf(200),
  );
  const copied = new WireWriter()
    .bytes(1, new WireWriter().bytes(5, leaf(3).finish()).finish())
    .bytes(1, leaf(200).finish());
  assertEquals(referenced.finish(), copied.finish());
});

Deno.test("what is read is what was written, and each cut names its byte or ends between fields", () => {
  const message = new WireWriter().varint(1, 2 ** 40).bytes(2, "abc").float(3, 0.5).finish();
  const fields = [...readFields(message, fault)];
  assertEquals(fields.map(({ number, type }) => [number, type]), [[1, 0], [2, 2], [3, 5]]);
  assertEquals(fields[0].varint, 2 ** 40);
  assertEquals(new TextDecoder().decode(fields[1].bytes), "abc");
  const ends = new Set([0, 7, 12, 17]);
  for (let length = 0; length < message.length; length++) {
    const read = (): unknown => [...readFields(message.subarray(0, length), fault, 100)];
    if (ends.has(length)) read();
    else assertThrows(read, Error, " at 1");
  }
});
