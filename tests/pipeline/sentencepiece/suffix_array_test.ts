/** Suffix arrays against naive ones. */
import { assertEquals } from "@std/assert/mod.js";
import {
  commonPrefixes,
  suffixArray,
  visitRepeats,
} from "../../../pipeline/sentencepiece/suffix_array.ts";
import { chance } from "./small_model.ts";

Deno.test("suffix arrays, common prefixes and repeats equal the naive ones", () => {
  const random = chance(5);
  for (let round = 0; round < 300; round++) {
    const alphabet = 1 + random(4);
    const text = Int32Array.from({ length: 1 + random(60) }, () => random(alphabet));
    const suffixes = Array.from(text, (_, i) => i);
    const compare = (a: number, b: number): number => {
      for (let i = 0;; i++) {
        if (a + i >= text.length || b + i >= text.length) return b - a;
        if (text[a + i] !== text[b + i]) return text[a + i] - text[b + i];
      }
    };
    suffixes.sort(compare);
    const sa = suffixArray(text, alphabet);
    assertEquals([...sa], suffixes);
    assertEquals(suffixArray(Uint16Array.from(text), alphabet), sa);
    const prefixes = commonPrefixes(text, sa);
    const repeats = new Map<string, number>();
    visitRepeats(sa, prefixes, (rank, length, occurrences) => {
      const place = sa[rank];
      repeats.set([...text.subarray(place, place + length)].join(), occurrences);
    });
    // Every repeat is counted rightly, and every right-maximal repeat of two or more is there.
    const naive = new Map<string, number>();
    for (let i = 0; i < text.length; i++) {
      for (let j = i + 1; j <= text.length; j++) {
        const key = [...text.subarray(i, j)].join();
        naive.set(key, (naive.get(key) ?? 0) + 1);
      }
    }
    for (const [key, count] of repeats) assertEquals(count, naive.get(key), key);
    for (const [key, count] of naive) {
      if (count < 2) continue;
      const grows = [...Array(alphabet).keys()].some((c) => naive.get(`${key},${c}`) === count);
      if (!grows) assertEquals(repeats.get(key), count, key);
    }
  }
});
