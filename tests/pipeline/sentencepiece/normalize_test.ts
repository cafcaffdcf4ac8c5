/** Normalisation rules, their compiled table, and what becomes of spaces. */
import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../../pipeline/errors.ts";
import { Charsmap, encodeCharsmap } from "../../../pipeline/sentencepiece/charsmap.ts";
import type { NormalizerSpec } from "../../../pipeline/sentencepiece/model_proto.ts";
import { buildRules } from "../../../pipeline/sentencepiece/rules.ts";
import { chance, smallModel } from "./small_model.ts";

Deno.test("places of pieces lie in the line as it was before normalisation", () => {
  const processor = smallModel([["▁", -1], ["ア", -2], ["ガ", -2], ["A", -2]], {
    normalizer: { precompiledCharsmap: encodeCharsmap(buildRules("nmt_nfkc")) },
  });
  const line = "  ｱｶﾞ　 Ａ";
  const pieces = processor.encodeWithOffsets(line);
  assertEquals(pieces.map(({ piece }) => piece), ["▁", "ア", "ガ", "▁", "A"]);
  assertEquals(pieces.map(({ start, end }) => line.slice(start, end)), ["", "ｱ", "ｶﾞ", "　 ", "Ａ"]);
  assertEquals(processor.decodeIds(processor.encodeIds(line)), "アガ A");
});

Deno.test("normalisation drops, joins and keeps white space as the model says", () => {
  const pieces = [["▁", -1], ["あ", -2]] as const;
  const decode = (normalizer: Partial<NormalizerSpec>): string[] =>
    smallModel(pieces, { normalizer }).encodePieces("  あ  あ ");
  assertEquals(decode({}), ["▁", "あ", "▁", "あ"]);
  assertEquals(decode({ addDummyPrefix: false }), ["あ", "▁", "あ"]);
  assertEquals(decode({ removeExtraWhitespaces: false }), [
    ..."▁▁▁あ▁▁あ▁",
  ]);
});

Deno.test("NFKC rules equal the runtime's NFKC on every character, and compose marks", () => {
  const rules = buildRules("nfkc");
  for (let code = 1; code < 0x30000; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    assertEquals(rules.get(character) ?? character, character.normalize("NFKC"));
  }
  assertEquals(rules.get("か\u3099"), "が");
  assertEquals(rules.get("ﾊﾟ"), "パ");
  assertEquals(buildRules("nmt_nfkc").get("\u200b"), " ");
  assertEquals(buildRules("nmt_nfkc").get("\u0007"), "");
  assertEquals(buildRules("identity").size, 0);
});

Deno.test("normalisation tables come back as they were written, and damage is told", () => {
  const rules = new Map([["a", "b"], ["aa", ""], ["ａ", "長い文"], ["か\u3099", "が"], [
    "\u{1d400}",
    "A",
  ]]);
  const bytes = encodeCharsmap(rules);
  const table = new Charsmap(bytes, "m");
  for (const [key, text] of rules) {
    assertEquals(table.longest(`x${key}`, 1), { text, length: key.length }, key);
  }
  assertEquals(table.longest("b", 0), undefined);
  assertEquals(table.longest("aaa", 0), { text: "", length: 2 });
  assertThrows(() => new Charsmap(bytes.subarray(0, 8), "m.model"), PipelineError, "m.model");
  assertThrows(() => new Charsmap(Uint8Array.of(1, 0, 0), "m.model"), PipelineError, "damaged");
});

Deno.test("compiled tables find each of many random rules, and no other", () => {
  const random = chance(11);
  const letters = "aéあ漢\u{1f600}zｱ";
  const rules = new Map<string, string>();
  for (let i = 0; i < 3000; i++) {
    const key = Array.from({ length: 1 + random(6) }, () => [...letters][random(7)]).join("");
    rules.set(key, String(i));
  }
  const table = new Charsmap(encodeCharsmap(rules), "m");
  for (let i = 0; i < 3000; i++) {
    const text = Array.from({ length: 1 + random(8) }, () => [...letters][random(7)]).join("");
    let longest: string | undefined;
    for (let end = 1; end <= text.length; end++) {
      if (rules.has(text.slice(0, end))) longest = text.slice(0, end);
    }
    const found = table.longest(text, 0);
    assertEquals(found?.length, longest?.length, text);
    assertEquals(found?.text, longest === undefined ? undefined : rules.get(longest), text);
  }
});
