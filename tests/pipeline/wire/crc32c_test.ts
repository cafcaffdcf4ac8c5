import { assertEquals } from "@std/assert/mod.js";
import { crc32c, maskedCrc32c } from "../../../pipeline/wire/crc32c.ts";

/** The definition, bit by bit: division by the reflected polynomial. */
function crc32cByDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

Deno.test("crc32c gives the published check values", () => {
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  // RFC 3720, B.4: 32 bytes of zeros, of ones, ascending, descending.
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assertEquals(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
  assertEquals(crc32c(new Uint8Array(0)), 0);
});

Deno.test("crc32c agrees with its definition at every length and offset", () => {
  const bytes = Uint8Array.from({ length: 70 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= bytes.length; end++) {
      assertEquals(crc32c(bytes, start, end), crc32cByDefinition(bytes.subarray(start, end)));
    }
  }
});

Deno.test("the mask rotates right by 15 bits and adds its constant", () => {
  const crc = BigInt(crc32c(new TextEncoder().encode("123456789")));
  const rotated = (crc >> 15n | crc << 17n) & 0xffffffffn;
  assertEquals(
    BigInt(maskedCrc32c(new TextEncoder().encode("123456789"))),
    (rotated + 0xa282ead8n) & 0xffffffffn,
  );
});
