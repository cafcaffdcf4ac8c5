/** bzip2: blocks, runs, levels, ends and damage, against streams that bzip2 itself made. */
import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import { ByteInput } from "../../pipeline/wiki/byte_input.ts";
import { decodeStreams } from "../../pipeline/wiki/bzip2.ts";

function unpack(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** A source that gives a few bytes at a time. */
function sourceOf(
  bytes: Uint8Array,
  step: number,
): { readSync(target: Uint8Array): number | null } {
  let at = 0;
  return {
    readSync(target): number | null {
      if (at === bytes.length) return null;
      const part = bytes.subarray(at, Math.min(bytes.length, at + step));
      target.set(part);
      at += part.length;
      return part.length;
    },
  };
}

function decode(bytes: Uint8Array, step = 1 << 16): Uint8Array {
  const parts = [...decodeStreams(new ByteInput(sourceOf(bytes, step)), "x.bz2")];
  const whole = new Uint8Array(parts.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of parts) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

/** Text of words that a generator draws, as the streams below hold it. */
function words(count: number): string {
  const list = ["石", "木", "水", "amber", "琥珀は", "、", "。\n", "0", "  "];
  let state = 7, text = "";
  for (let i = 0; i < count; i++) {
    state = (state * 48271) % 2147483647;
    text += list[Math.floor(state / 65536) % list.length];
  }
  return text;
}

/** What is packed, the stream, and what it holds. */
const STREAMS: readonly (readonly [string, string, () => Uint8Array])[] = [
  [
    "words",
    "QlpoOTFBWSZTWULyGeQACGRZ+VAQQABAADICEABwAMAEgkDMAAmAUAQ+5klhsJBRUNTaGJVSZMAAoAAAyZBFP0wS" +
    "VSmTEYAoAAAyZAik0aVManlMYjUlAvCaAiECAW91bjSLzrze2MXJxJOLYgP+FqQGyOtYduRHVlOsY0FvzfxbgbmC" +
    "wv54bsbkx1E5HtdVxbl+Y2iYtm48piqda1mFuraCsPCZ4DwAhVDW9U07tYQj74MPj0CHZrW50TjG276NZVFUqSl7" +
    "ObfLtIaJ7I9Ag4RDCBin1tTZ7RdRwdpYuzglTGQ1x7nhScvdgTOztyc2OL6+7Dh4k9asxSkHQxA7NW1aIoZnreJi" +
    "lkLzim4e0GGjmafcOtyNmnsr+NWTrmGGZtdpBfddAR85iFl8mHETVT2qpqL1VZia2QRNUETVBE2QRPgqCekUT0oN" +
    "kUSFFA6EUToAQhUE4RROQBDdFEuACfFQToAE/tj3vGZN7RvfHPFfkZmbYvzftnNoxBTyGTi9ykdlo2serDVXJQRf" +
    "Q2j1ZXAooe2THy30DW5Q31oIPdmvoyw3OJ4b3WdwpB2bt613dwJgntK7ClSJPHUheegrPINLoz49H0jRXlKhDlsH" +
    "vdzfF67gNCJw+719fro9nrg9lPUcnyoLqz69o5ZoMYoohYNiplxCClk2bBR+nh7w8OuCQM7TGHmXdUkrfN2cjl1t" +
    "JfDtdeXPMiTn6rQXnZpf9+8dWOVwl97ZqCyns7QdY+6ODgyW0cScxbpwHXVWdwQtj5BjVtmv4YeG517G1jQ6GdqS" +
    "0USOnQC7eqz8KhLN5Ut6kB2UHuMnUcxYavt91k0FWVYFdtR2q7NI80qMM4aagf98PeHhAXnHKx2xxRPDcRVmjc05" +
    "fnqdG8HUafwO9HH4MudY8A+vnzxdy2uep70eG2aKTm5x0tRs+GgEw07SRxE/5rPfjvebXrFqeKr4nZAc78T2LFRv" +
    "vGNpX3rHaJSyhWDNpFY/WmbN3CzMsGVIDlaJfD4plEFSVblqnKy41jQV6g3L2ZFTyidENWlBNzSWLkx5NwoC5v+F" +
    "3JFOFCQQvIZ5AA==",
    () => new TextEncoder().encode(words(1500)),
  ],
  [
    "several blocks of the smallest size, with long runs",
    "QlpoMTFBWSZTWcLTi4MAw0YAKQAAiAAAgCAAMMwFKaaqQgdVIQNVIQPMUFZJlNZwtOLgwDDRgApAACIAACAIAAwz" +
    "AUppqpCB1UhA1UhA8xQVkmU1n2KBW2AIjUQSnoADAAAACIAACAAAggAFCDJiBNVIxPU1pvW676zvjJRRFkooi4qK" +
    "Is3+LuSKcKEg8YJZfA==",
    () =>
      new TextEncoder().encode(
        "石".repeat(90_000) + "a".repeat(7) + "b".repeat(260) + "\0".repeat(5),
      ),
  ],
  [
    "a byte",
    "QlpoOTFBWSZTWRmTm2sAAAABACAAIAAhGEaC7kinChIDMnNtYA==",
    () => new Uint8Array([97]),
  ],
  [
    "nothing",
    "QlpoORdyRThQkAAAAAA=",
    () => new Uint8Array(0),
  ],
  [
    "all bytes",
    "QlpoNTFBWSZTWe3ga8wAAAF/////////////////////////////////////////////sAFgAS//9VVQJgJgAAAA" +
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACTAATAAEwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAASYACYAA" +
    "mAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAH9QFAkDQRBX/IMg6EIShSFoY/9DUOQ9EERRJE0URVFkXRhGUaR" +
    "tHEdR5H0gSFIkjSRJUmSdKEpSpK0sS1LkvTBMUyTNNE1TZN04TlOk7TxPU+T9QFBUJQ1EUVRlHUhSVKUtTFNU5T1" +
    "QVFUlTVRVVWVdWFZVpW1cV1XlfWBYViWNZFlWZZ1oWlalrWxbVuW9cFxXJc10XVdl3XheV6XtfF9X5f2AYFgmDYR" +
    "hWGYdiGJYpi2MY1jmPZBkWSZNlGVZZl2YZlmmbZxnWeZ9oGhaJo2kaVpmnahqWqatrGta5r2wbFsmzbRtW2bduG5" +
    "bpu28b1vm/cBwXCcNxHFcZx3IclynLcxzXOc90HRdJ03UdV1nXdh2Xadt3Hdd533geF4njeR5Xmed6Hpep63se17" +
    "nvfB8XyfN9H1fZ934fl+n7fx/X+F3JFOFCQ7eBrzAA==",
    () => Uint8Array.from({ length: 768 }, (_, i) => i % 256),
  ],
  [
    "runs of each length",
    "QlpoOTFBWSZTWVVcJ2QAAGV////////////////////////////////////////////4QAKyAARoSSqhNBvzVSAH" +
    "qNGgAAAP0M1UGgDIaaeoBsnqmzJPSaj2omjQBtQNBoDRoMjQbUD1DTRk9TQ9Ro9Q0009T9UZPTSPRlPU9TbVPTTT" +
    "1NNPUwoZU0B/6VRo0aeoP/9VVA0DJkaAZBkGTTTEyaMmTR6mQZGTQAGBMQNAAAYmmgGRkANMmgMgA0GQADI0Bowg" +
    "AKqhppppiNG/1VGf6qACaaMRgE0xNMTBDIyaYTTJgIwCZMAmACYAEyZMARiMTEwCYIxNGjJk0wAARoyGAIIAAAAA" +
    "AAAAA0AAAAAAAAABoAAAAAAAAAAAAAAAAAAAAABfgHBycXNydHTAo6o7Jgkd0waYRHhHlMKj0j2mGR8TDpiEXihQ" +
    "oUKUKFChQggggggggggAAAAAFh3ze96nJyc3UFgck3SPUfe+jotTsOFhvJBwzAYgE/Otjd9keBndHX2/H888IMa3" +
    "IsBxQJ2KbreHqMzn6yVLhYx5A+yROsByoJ2Lai5Pts17X0fv/3O0D76EYpgIEkzqBo0Tu/N9yt1dxi8e+kGMYDo0" +
    "lPOnmp+iqc5V6aw2NBSPpB1bAY5JT7p9u1x2ZzuhrrG5oad9IKJgMekobobd1Q+T6/y/j/Oyj5Z9IKVgKNFKwiDD" +
    "wNU5LN1VZqLK6qO8fSFSIpWEQOgbxZHp+/9P6a/Z9x4T6QoyMgwiB0DeXIz+h+yVaTKnNPpCjoisIgdA2cpqrR12" +
    "qtdp4/nvpCjokMIgdA3q5Or0unsLa7zeefSFHRTMIiOiNoKfRfXqdbsNrntA+kKOFMwER0Srp6yulWUu8qngFGCQ" +
    "wEN0P5MnW/lq7O423wvAKjDJMBPun9LTV1fY2tzN0jwCyIUrATzp7TZXUaqy/2629a8AuyCOwE66dk6eVY2kuZe/" +
    "g8AooRmAhO0kn9bDXW2xu76veAUUIzAQnSpNhZWsu6vL/WPAKKEZgITrGTrrW3udpN1+A8AooRmAhOtJNtLuZl5e" +
    "2e54YAZgMgFIwHM4S3qLjZTNrNvrN94DDMgKIKNgOYwl12ky7vJt7f2b+6PCFQoyLCMHy7bbs5u3vb6/wGH1MKyy" +
    "1Qf3x2b2tkXKTFvbq33ZptNgycAveHO+NbTagAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABEREREREREREC" +
    "AQCAQCAQCAQCAQCAQCAQAAAXLgYGAWFhb/i7kinChIKq4Tsg",
    () =>
      new Uint8Array(
        Array.from({ length: 299 }, (_, i) => Array<number>(i + 1).fill(65 + (i + 1) % 26)).flat(),
      ),
  ],
];

for (const [name, base64, make] of STREAMS) {
  Deno.test(`bzip2 is decoded: ${name}`, () => {
    const expected = make();
    for (const step of [1 << 16, 7]) {
      const found = decode(unpack(base64), step);
      assertEquals(found.length, expected.length);
      assert(found.every((byte, i) => byte === expected[i]));
    }
  });
}

Deno.test("bzip2 that is cut or changed anywhere is refused, and never takes long", () => {
  const whole = unpack(STREAMS[0][1]);
  for (let end = 1; end < whole.length; end += 3) {
    assertThrows(() => decode(whole.subarray(0, end)), PipelineError, "is cut short");
  }
  let refused = 0;
  for (let at = 4; at < whole.length; at += 2) {
    const changed = Uint8Array.from(whole);
    changed[at] ^= 1 << (at % 8);
    try {
      decode(changed);
    } catch (error) {
      assert(error instanceof PipelineError, String(error));
      assert(/damaged|cut short/.test(error.message), error.message);
      refused++;
    }
  }
  // Few bits mean nothing: those that fill up the last byte, and the codes of symbols that never come.
  assert(refused >= Math.floor((whole.length - 4) / 2) - 4, `${refused}`);
});

Deno.test("behind a stream only another one may stand, or zero bytes", () => {
  const stream = unpack(STREAMS[2][1]);
  assertEquals(decode(new Uint8Array([...stream, 0, 0, ...stream, 0])).length, 2);
  assertThrows(
    () => decode(new Uint8Array([...stream, 1, 2, 3, 4])),
    PipelineError,
    "what follows is no bzip2 stream",
  );
});
