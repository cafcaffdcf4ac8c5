/**
 * Comments, extension tags and HTML.
 *
 * @module
 */

import { GAP, hideMarkup } from "./marks.ts";

/** Tags dropped with all they hold. */
const DROPPED = [
  "ref",
  "references",
  "pre",
  "source",
  "syntaxhighlight",
  "math",
  "chem",
  "ce",
  "gallery",
  "timeline",
  "score",
  "imagemap",
  "hiero",
  "graph",
  "templatedata",
  "includeonly",
  "inputbox",
  "mapframe",
  "maplink",
  "categorytree",
  "style",
  "script",
  "rp",
];

/** How a name of these ends: at white space, a slash, a bracket. */
const OPENER = new RegExp(`<(!--|(?:${DROPPED.join("|")}|nowiki)(?=[\\s/>]))`, "gi");

/** Removes comments and dropped tags, opened or not closed; hides the markup inside nowiki. */
export function dropTags(wikitext: string): string {
  let out = "", at = 0;
  // Where a closing tag was looked for in vain, it need not be looked for again.
  const missing = new Set<string>();
  OPENER.lastIndex = 0;
  for (let match = OPENER.exec(wikitext); match; match = OPENER.exec(wikitext)) {
    out += wikitext.slice(at, match.index);
    const tag = match[1].toLowerCase();
    if (tag === "!--") {
      const end = wikitext.indexOf("-->", match.index + 4);
      at = end === -1 ? wikitext.length : end + 3;
      // A comment on a line of its own takes the line with it.
      const before = wikitext[match.index - 1], after = wikitext[at];
      if (before === "\n" && after === "\n") at++;
      OPENER.lastIndex = at;
      continue;
    }
    const tagEnd = wikitext.indexOf(">", match.index);
    if (tagEnd === -1) {
      at = wikitext.length;
      break;
    }
    at = tagEnd + 1;
    if (tag !== "nowiki" && tag !== "rp") out += GAP;
    if (wikitext[tagEnd - 1] !== "/") {
      const close = missing.has(tag) ? -1 : findClose(wikitext, tag, at);
      if (close === -1) {
        missing.add(tag);
      } else {
        if (tag === "nowiki") out += hideMarkup(wikitext.slice(at, close));
        const closed = wikitext.indexOf(">", close);
        at = closed === -1 ? wikitext.length : closed + 1;
      }
    }
    OPENER.lastIndex = at;
  }
  return (out + wikitext.slice(at)).replace(/<\/?(?:noinclude|onlyinclude)>/gi, "");
}

/**
 * Patterns of closing tags, in any case of letters. They are not looked for in a copy in lower case: in
 * that, İ is two characters, and all that follows it has moved.
 */
const CLOSERS: ReadonlyMap<string, RegExp> = new Map(
  [...DROPPED, "nowiki"].map((tag) => [tag, new RegExp(`</${tag}`, "gi")]),
);

/** Where the closing tag of a name begins; -1 where there is none. */
function findClose(wikitext: string, tag: string, from: number): number {
  const pattern = CLOSERS.get(tag)!;
  pattern.lastIndex = from;
  return pattern.exec(wikitext)?.index ?? -1;
}

/** Tags that begin or end a paragraph. */
const BLOCK =
  "br|hr|p|div|center|blockquote|poem|ul|ol|li|dl|dt|dd|table|caption|t[rdh]|h[1-6]|section";

const TAG = new RegExp(
  `(<(?:${BLOCK})(?:\\s[^<>]{0,2000})?/?>|</(?:${BLOCK})\\s*>)|</?[a-zA-Z][^<>]{0,2000}>`,
  "gi",
);

const SUPERSCRIPTS: Readonly<Record<string, string>> = { "+": "⁺", "-": "⁻", "−": "⁻", n: "ⁿ" };
const SUPER_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Small numbers as Unicode has them: 10<sup>6</sup> is no 106. */
function raise(whole: string, tag: string, digits: string): string {
  if (tag.toLowerCase() === "sup") {
    return [...digits].map((c) => SUPER_DIGITS[Number(c)] ?? SUPERSCRIPTS[c]).join("");
  }
  if (!/^\d+$/.test(digits)) return whole;
  return digits.replace(/\d/g, (digit) => String.fromCharCode(0x2080 + Number(digit)));
}

/** Where poems begin and end. */
const POEM = /<poem(?:\s[^<>]{0,200})?>|<\/poem>/gi;

/** Makes a paragraph of each line of a poem. */
function separateVerses(text: string): string {
  let out = "", at = 0, inside = false;
  for (const { 0: tag, index } of text.matchAll(POEM)) {
    const before = text.slice(at, index);
    out += (inside ? before.replaceAll("\n", "\n\n") : before) + "\n\n";
    inside = tag[1] !== "/";
    at = index + tag.length;
  }
  return out + text.slice(at);
}

/** Removes HTML tags and keeps what they hold; those of paragraphs become empty lines. */
export function stripHtml(text: string): string {
  if (!text.includes("<")) return text;
  return separateVerses(text)
    .replace(/<(su[pb])>([\d+\-−n]{1,8})<\/su[pb]>/gi, raise)
    .replace(/<rt>([^<>]{0,200})<\/rt>/gi, "（$1）")
    .replace(TAG, (_, block) => block === undefined ? "" : "\n\n");
}

/** Named entities that are no letters of an alphabet. */
const NAMED: Readonly<Record<string, string>> = {
  nbsp: " ",
  ensp: " ",
  emsp: " ",
  thinsp: " ",
  zwnj: "",
  zwj: "",
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

/** Decodes entities once; what is not known stays. */
export function decodeEntities(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]\w{1,8});/gi, (whole, name: string) => {
    if (name[0] !== "#") return Object.hasOwn(NAMED, name) ? NAMED[name] : whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    const valid = code > 31 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000);
    return valid ? String.fromCodePoint(code) : " ";
  });
}
