/** Random flags of spm_train, text to train on, and lines that try what encoders and decoders bear. */

/** A random whole number from 0 to n − 1. */
export type Random = (n: number) => number;

/** A generator that gives the same numbers for the same seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = Math.imul(seed, 0x9e3779b1);
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) % n;
  };
}

/** Flags, and the symbols that they name. */
export interface Flags {
  readonly args: readonly string[];
  readonly symbols: readonly string[];
}

const SYMBOLS = [
  "日本",
  "——",
  "[SEP]",
  "a",
  "ab",
  "の",
  "▁は",
  "は▁",
  "　",
  "は は",
  "é",
  "ｶ",
  "😀",
  "12",
];

const one = <Item>(random: Random, items: readonly Item[]): Item => items[random(items.length)];

/** Flags of all kinds, most of them at their defaults. */
export function randomFlags(random: Random): Flags {
  const args: string[] = [];
  const symbols: string[] = [];
  const some = (often: number, name: string, ...values: (string | number)[]): void => {
    if (random(often) === 0) args.push(`--${name}=${one(random, values)}`);
  };
  const type = one(random, ["unigram", "unigram", "bpe", "bpe", "word", "char"]);
  const whole = type === "word" || type === "char";
  args.push(`--model_type=${type}`, `--vocab_size=${one(random, [250, 400, 700])}`);
  some(1, "normalization_rule_name", "nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity");
  some(2, "add_dummy_prefix", "false");
  some(2, "remove_extra_whitespaces", "false");
  some(3, "treat_whitespace_as_suffix", "true");
  some(3, "allow_whitespace_only_pieces", "true");
  some(4, "split_by_whitespace", "false");
  some(4, "split_by_unicode_script", "false");
  some(4, "split_by_number", "false");
  some(4, "split_digits", "true");
  some(3, "byte_fallback", "true");
  some(3, "character_coverage", "0.98", "0.99", "1");
  some(4, "required_chars", "犬é", "\u{1f431}");
  some(4, "max_sentencepiece_length", 1, 3, 8, 40);
  some(4, "max_sentence_length", 60);
  some(4, "input_sentence_size", 150);
  some(8, "shuffle_input_sentence", "false");
  some(6, "seed_sentencepiece_size", 500);
  some(6, "shrinking_factor", "0.5", "0.9");
  some(6, "num_sub_iterations", 1, 4);
  some(6, "self_test_sample_size", 5);
  if (whole) some(6, "use_all_vocab", "true");
  some(8, "vocabulary_output_piece_score", "false");
  some(6, "unk_surface", "", "?", "▁");
  some(6, "unk_piece", "[UNK]", "UNK");
  if (random(6) === 0) args.push("--unk_id=3", "--bos_id=-1", "--eos_id=0", "--pad_id=5");
  if (!whole && random(8) > 0) args.push("--hard_vocab_limit=false");
  for (const kind of ["user_defined_symbols", "control_symbols"]) {
    if (random(3) > 0) continue;
    const named = new Set(Array.from({ length: 1 + random(4) }, () => one(random, SYMBOLS)));
    for (const symbol of symbols) named.delete(symbol);
    if (kind === "control_symbols") {
      for (const symbol of named) if (symbol.length < 3) named.delete(symbol);
    }
    if (named.size > 0) args.push(`--${kind}=${[...named].join(",")}`);
    symbols.push(...named);
  }
  return { args, symbols };
}

const WORDS = [
  "琥珀",
  "は",
  "樹脂",
  "の",
  "化石",
  "で",
  "ある",
  "。",
  "日本",
  "語",
  "ガラス",
  "カー",
  "ひらがな",
  "hello",
  "world",
  "the",
  "a",
  "ab",
  "aba",
  "Kohaku",
  "12",
  "2026",
  "１２",
  "犬",
  "猫",
  "、",
  "——",
];

/** What is easily got wrong. */
const ODD = [
  "\0",
  "\x01",
  "\x07",
  "\x0b",
  "\r",
  "\t",
  "\x7f",
  "\x85",
  "\x9f",
  "\xa0",
  "\xad",
  "　",
  " ",
  "  ",
  "▁",
  "▁▁",
  "\u200b",
  "\u200d",
  "\u2028",
  "\u2047",
  " ⁇ ",
  "\u2585",
  "\ufeff",
  "\ufffd",
  "\ufffe",
  "\ufe0f",
  "\u3099",
  "゛",
  "ｶﾞ",
  "ﾊﾟ",
  "が",
  "か\u3099",
  "é",
  "e\u0301",
  "\u0301",
  "ﬁ",
  "㍿",
  "…",
  "～",
  "〜",
  "¨",
  "ﷺ",
  "①",
  "Ⅷ",
  "Ａ",
  "İ",
  "ß",
  "ſ",
  "Σς",
  "각",
  "\u1100\u1161",
  "\u1161",
  "ำ",
  "नि",
  "א",
  "ב\u05bc",
  "\u200f",
  "عَ",
  "😀",
  "👩‍👩‍👧",
  "🇯🇵",
  "𠮟",
  "𝔸",
  "\u{e000}",
  "\u{f8ff}",
  "\u{e0001}",
  "\u{10ffff}",
  "\u{10fffe}",
  "〱",
  "々",
  "ー",
  "<unk>",
  "<s>",
  "</s>",
  "<pad>",
  "<0x41>",
  "<0xFF>",
  "[UNK]",
  "[SEP]",
  "\\",
  '"',
  "%",
  ",",
  "0",
  "９",
  "一二三",
  "x<y",
  "\u180e",
  "\u2003",
];

/** Lines for a trainer: words that come again and again, and something odd now and then. */
export function trainingText(random: Random, symbols: readonly string[]): string {
  const odd = 5 + random(40);
  const lines = Array.from(
    { length: 150 + random(400) },
    () =>
      Array.from({ length: random(14) }, () => {
        if (random(odd) === 0) return one(random, ODD);
        if (random(12) === 0 && symbols.length > 0) return one(random, symbols);
        return one(random, WORDS) + (random(4) === 0 ? " " : "");
      }).join(""),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** A line that may hold anything but its end; a byte that is no UTF-8 as half a surrogate pair. */
export function hostileLine(random: Random, symbols: readonly string[]): string {
  const parts = Array.from({ length: random(9) }, () => {
    const kind = random(12);
    if (kind < 4) return one(random, WORDS);
    if (kind < 7) return one(random, ODD);
    if (kind < 8) return " ".repeat(1 + random(3));
    if (kind < 9 && symbols.length > 0) return one(random, symbols);
    if (kind < 10) return String.fromCharCode(0xdc80 + random(128));
    if (kind < 11) return String.fromCodePoint(0x3041 + random(0x6000));
    return anyCharacter(random);
  });
  return parts.join("");
}

function anyCharacter(random: Random): string {
  const code = random(4) === 0 ? random(0x110000) : random(0x3400);
  return code === 10 || (code >= 0xd800 && code < 0xe000) ? "x" : String.fromCodePoint(code);
}
