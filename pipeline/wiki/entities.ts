/**
 * Entities: characters by their names or numbers.
 *
 * @module
 */
import { hideMarkup } from "./marks.ts";

/** Named entities that are no letters of an alphabet. */
const NAMED: Readonly<Record<string, string>> = {
  nbsp: " ",
  ensp: " ",
  emsp: " ",
  thinsp: " ",
  zwnj: "\u200c",
  zwj: "\u200d",
  lrm: "",
  rlm: "",
  shy: "",
  quot: '"',
  amp: "&",
  lt: "<",
  gt: ">",
  apos: "'",
  ...named(
    "–—‘’‚“”„†‡•…‰′″‹›‾⁄€™←↑→↓↔⇒⇔",
    `ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo dagger
    Dagger bull hellip permil prime Prime lsaquo rsaquo oline frasl euro trade larr uarr rarr darr harr
    rArr hArr`,
  ),
  ...named(
    "∀∂∃∅∇∈∉∋∏∑−√∝∞∠∧∨∩∪∫∴∼≅≈≠≡≤≥⊂⊃⊆⊇⊕⊗⊥⋅",
    `forall part exist empty nabla isin notin ni prod
    sum minus radic prop infin ang and or cap cup int there4 sim cong asymp ne equiv le ge sub sup sube
    supe oplus otimes perp sdot`,
  ),
  ...named(
    "♠♣♥♦◊⌈⌉⌊⌋⟨⟩⇐⇑⇓↵ℵϑϒϖ⊄",
    `spades clubs hearts diams loz lceil rceil lfloor rfloor lang rang lArr uArr dArr crarr alefsym
    thetasym upsih piv nsub`,
  ),
  // Latin-1 from the no-break space on.
  ...named(
    range(0xa1, 0xff),
    `iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr
    deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest
    Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc
    Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN
    szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute
    icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute
    thorn yuml`,
  ),
  ...named(
    range(0x391, 0x3a9).replace("\u03a2", ""),
    `Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota
    Kappa Lambda Mu Nu Xi Omicron Pi Rho Sigma Tau Upsilon Phi Chi Psi Omega`,
  ),
  ...named(
    range(0x3b1, 0x3c9),
    `alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi
    omicron pi rho sigmaf sigma tau upsilon phi chi psi omega`,
  ),
  ...named(
    "ŒœŠšŸƒˆ˜ĀāĒēĪīŌōŪūČčŽž",
    `OElig oelig Scaron scaron Yuml fnof circ tilde Amacr amacr Emacr emacr
    Imacr imacr Omacr omacr Umacr umacr Ccaron ccaron Zcaron zcaron`,
  ),
};

function named(characters: string, names: string): Record<string, string> {
  const all = [...characters];
  return Object.fromEntries(names.trim().split(/\s+/).map((name, i) => [name, all[i]]));
}

function range(from: number, to: number): string {
  return String.fromCodePoint(...Array.from({ length: to - from + 1 }, (_, i) => from + i));
}

/**
 * Decodes entities once; what is not known stays. A character that would be markup is hidden, since an
 * entity never is: `&lt;` begins no tag.
 */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]\w{1,8});/gi, (whole, name: string) => {
    if (name[0] !== "#") return Object.hasOwn(NAMED, name) ? hideMarkup(NAMED[name]) : whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    const valid = code > 31 && code < 0x110000 && !(code >= 0xd800 && code < 0xe100);
    return valid ? hideMarkup(String.fromCodePoint(code)) : " ";
  });
}
