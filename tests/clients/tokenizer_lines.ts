/** Lines that tokenizers disagree about, mixed from parts by a seed. */

import { chance } from "../pipeline/sentencepiece/small_model.ts";

/** Parts of lines beside those of running text. */
// deno-fmt-ignore
const PARTS: readonly string[] = [
  // Full-width letters, digits, signs; the tilde and the wave dash.
  "ＡＢＣ", "ｘｙｚ", "１２３", "％", "＃", "～", "〜", "￥", "（株）", "㈱", "㍿", "㌔", "㍻", "①", "Ⅳ", "ℓ",
  // Half-width kana, voiced and half-voiced, with marks that do not fit; small kana, prolonged sound.
  "ｶﾞｷﾞｸﾞ", "ﾊﾟﾋﾟﾌﾟ", "ｳﾞ", "ｱﾞ", "ﾜﾞ", "ﾃﾞｰﾀ", "ﾎﾟｹｯﾄ", "ｯｬｭｮ", "｡｢｣､･", "ﾞ", "ﾟ",
  // Marks that follow their kana as characters of their own.
  "か\u3099", "は\u309a", "ウ\u3099", "ん\u3099", "゛", "゜",
  // Emoji: alone, with joiners, skin tones, flags, keycaps, variation selectors.
  "😀", "👨‍👩‍👧‍👦", "👍🏽", "🇯🇵", "1️⃣", "❤️", "☕︎", "🏳️‍🌈",
  // Rare kanji: outside the basic plane, compatibility ideographs, variation sequences.
  "𠮷野家", "𩸽", "髙島屋", "﨑", "神", "福", "葛󠄀城", "辻󠄁", "塚", "鷗", "\u2f00\u2f08", "々〆〇",
  // Control characters and spaces of all kinds.
  "\u0001", "\u0007\u0008", "\t", "\r\n", "\u000b", "\u007f", "\u0085", "\u00a0", "\u00ad", "\u2003", "\u200b",
  "\u200c", "\u200d", "\u200e", "\u2028", "\u3000", "\ufeff", "\ufffd", "  ", " ", "▁",
  // Latin with marks, composed and not; Hangul and its parts; other scripts.
  "café", "cafe\u0301", "Å", "ﬁ", "ß", "İ", "ǆ", "한국어", "\u1112\u1161\u11ab", "Ελλάδα", "Привет", "שלום",
  "ไทย", "½", "x²", "H₂O", "…", "‥", "‐", "―", "−", "ー",
  // What looks like markup. (A special piece spelt out in a text is one to the clients, but not to us.)
  "<", "&amp;", "\\", "\"",
];

/**
 * `count` lines: some empty, some of spaces alone, the others of parts and of cuts from `text`.
 *
 * @param text running text, none of it empty.
 */
export function oddLines(count: number, text: readonly string[], seed: number): string[] {
  const draw = chance(seed);
  return Array.from({ length: count }, () => {
    const kind = draw(50);
    if (kind === 0) return "";
    if (kind === 1) return " \u3000\t".slice(0, 1 + draw(3));
    let line = "";
    for (let parts = 1 + draw(6); parts > 0; parts--) {
      if (draw(2) === 0) {
        line += PARTS[draw(PARTS.length)];
      } else {
        const characters = [...text[draw(text.length)]];
        const start = draw(characters.length);
        line += characters.slice(start, start + 1 + draw(25)).join("");
      }
    }
    return line;
  });
}
