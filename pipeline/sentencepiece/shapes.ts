/**
 * Which substrings may be pieces.
 *
 * @module
 */
import { SPACE } from "./normalizer.ts";

/** What a piece may look like. */
export interface PieceRules {
  /** Characters of the longest piece. */
  readonly maxSentencepieceLength: number;
  /** No piece joins two scripts. */
  readonly splitByUnicodeScript: boolean;
  /** No piece joins digits and letters. */
  readonly splitByNumber: boolean;
  /** Digits stand alone. */
  readonly splitDigits: boolean;
  /** Spaces stand only where words start. */
  readonly splitByWhitespace: boolean;
  /** ▁ stands behind words instead of before them. */
  readonly treatWhitespaceAsSuffix: boolean;
  /** Runs of spaces may be pieces. */
  readonly allowWhitespaceOnlyPieces: boolean;
}

/** Scripts that are told apart: those of Unicode 9. Characters of all others count as common. */
const SCRIPT_NAMES = `
  Common Latin Cyrillic Greek Hangul Arabic Hebrew Thai Devanagari Adlam Ahom Anatolian_Hieroglyphs
  Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid
  Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Coptic Cuneiform Cypriot Deseret
  Duployan Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic Grantha Gujarati Gurmukhi
  Hanunoo Hatran Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada
  Kayah_Li Kharoshthi Khmer Khojki Khudawadi Lao Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani
  Malayalam Mandaic Manichaean Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs
  Miao Modi Mongolian Mro Multani Myanmar Nabataean New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian
  Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_South_Arabian Old_Turkic Oriya Osage Osmanya
  Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra
  Sharada Shavian Siddham SignWriting Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa
  Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana Tibetan Tifinagh Tirhuta Ugaritic Vai
  Warang_Citi Yi
`.trim().split(/\s+/);

/** What finds the characters of each script. Kana and ー count as Han. */
const SCRIPTS = [
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc]$/u,
  ...SCRIPT_NAMES.map((name) => new RegExp(`^\\p{Script=${name}}$`, "u")),
];

/** The place of the script of common characters. */
const COMMON = 1;

/** Classes of characters beside the scripts, which are numbered from here down to 1. */
const ANY = 0, NONE = 252, INHERITED = 253, SPACES = 254;

const inherited = /^\p{Script=Inherited}$/u;
const digit = /^[0-9０-９]$/;

/** Judges substrings of a text by the codes of their characters. */
export class PieceShapes {
  readonly #rules: PieceRules;
  readonly #classes: Uint8Array;
  readonly #digits: Uint8Array;

  /** @param alphabet the characters of codes 1, 2, …; all other codes are in no piece. */
  constructor(alphabet: readonly string[], rules: PieceRules) {
    this.#rules = rules;
    this.#classes = new Uint8Array(alphabet.length + 2).fill(NONE);
    this.#digits = new Uint8Array(alphabet.length + 2);
    alphabet.forEach((character, i) => {
      this.#digits[i + 1] = Number(digit.test(character));
      this.#classes[i + 1] = classOf(character, rules);
    });
  }

  /** Whether `length` characters from `place` on may be a piece. */
  isValid(text: ArrayLike<number>, place: number, length: number): boolean {
    const rules = this.#rules, classes = this.#classes;
    if (length === 0 || length > rules.maxSentencepieceLength) return false;
    let script = ANY, spaces = 0, misplaced = false;
    for (let i = 0; i < length; i++) {
      let kind = classes[text[place + i]];
      if (kind === NONE) return false;
      if (kind === SPACES) {
        spaces++;
        // A space belongs to the word behind it, or, as a suffix, to that before it.
        const head = rules.treatWhitespaceAsSuffix ? length - 1 - i : i;
        if (rules.splitByWhitespace ? head > 0 : head > 0 && head === length - 1) misplaced = true;
        continue;
      }
      if (rules.splitDigits && length > 1 && this.#digits[text[place + i]] === 1) return false;
      if (kind === INHERITED) kind = script;
      if (rules.splitByUnicodeScript && kind !== ANY && script !== ANY && kind !== script) {
        return false;
      }
      script = kind;
    }
    return !misplaced || (rules.allowWhitespaceOnlyPieces && spaces === length);
  }
}

function classOf(character: string, rules: PieceRules): number {
  if (character === SPACE) return SPACES;
  if (character === "\0" || character === "\t" || character === " ") return NONE;
  if (!rules.splitByNumber && digit.test(character)) return ANY;
  if (inherited.test(character)) return INHERITED;
  const script = SCRIPTS.findIndex((pattern) => pattern.test(character));
  return 1 + (script < 0 ? COMMON : script);
}
