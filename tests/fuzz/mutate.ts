/** Damage to files as disks, editors and enemies do it. */

import type { Random } from "../../pipeline/examples/random.ts";

/** Numbers that formats trip over. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x20, 0x30];

/** Texts that mean something to one reader or another. */
const TOKENS = [
  ..."{}[]<>|=&;:,\"'\\\n\0 -.%#*_/!?。「」（）",
  ...[
    "{{",
    "}}",
    "[[",
    "]]",
    "{|",
    "|}",
    "<ref>",
    "</ref>",
    "<!--",
    "-->",
    "&#x110000;",
    "</page>",
  ],
  ...["<page>", "<a>", "]]>", "null", "true", "-1", "1e999", "9007199254740993", '"', "toString"],
  ...["__proto__", "constructor", "\ud83d", "\ufeff", "𠮷", "{{{1|", "<nowiki>", "{{#if:", "\r\n"],
].map((text) => new TextEncoder().encode(text));

/** Longest result; a case stays small, so that time tells of the reader. */
const LONGEST = 1 << 16;

/** One to eight changes to a file of the corpus; the second file is what parts are taken from. */
export function mutate(
  file: Uint8Array,
  other: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  let bytes = Uint8Array.from(file);
  for (let change = random.integer(1, 8); change > 0; change--) bytes = once(bytes, other, random);
  return bytes.slice(0, LONGEST);
}

function once(
  bytes: Uint8Array<ArrayBuffer>,
  other: Uint8Array,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const place = (length: number): number => random.integer(0, Math.max(0, length - 1));
  const at = place(bytes.length);
  const insert = (what: Uint8Array): Uint8Array<ArrayBuffer> =>
    Uint8Array.from([...bytes.subarray(0, at), ...what, ...bytes.subarray(at)]);
  switch (random.integer(0, 8)) {
    case 0:
      if (bytes.length > 0) bytes[at] ^= 1 << random.integer(0, 7);
      return bytes;
    case 1:
      if (bytes.length > 0) bytes[at] = NUMBERS[place(NUMBERS.length)];
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3: {
      const length = random.integer(1, 64);
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
    }
    case 4: {
      const from = place(other.length);
      return insert(other.subarray(from, from + random.integer(1, 256)));
    }
    case 5:
      return insert(TOKENS[place(TOKENS.length)]);
    case 6: {
      // A run of the same, as what is quadratic shows on.
      const token = TOKENS[place(TOKENS.length)], count = random.integer(2, 2000);
      return insert(
        Uint8Array.from({ length: count * token.length }, (_, i) => token[i % token.length]),
      );
    }
    case 7:
      bytes.fill(0, at, at + random.integer(1, 512));
      return bytes;
    default: {
      const token = TOKENS[place(TOKENS.length)];
      bytes.set(token.subarray(0, bytes.length - at), at);
      return bytes;
    }
  }
}
