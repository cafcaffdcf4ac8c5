/**
 * Comments, extension tags and HTML.
 *
 * @module
 */

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
  "style",
  "script",
  "code",
  "tt",
];

const OPENER = new RegExp(`<(!--|(?:${DROPPED.join("|")}|nowiki)(?=[\\s/>]))`, "gi");

/** Markup inside nowiki is hidden from later steps by a shift into a private range. */
const MARKUP = /[{}\[\]|'<>&=*#:;_-]/g;
const PRIVATE = 0xe000;
const HIDDEN = /[\ue000-\ue07f]/g;

/** Removes comments and dropped tags, opened or not closed; hides the markup inside nowiki. */
export function dropTags(wikitext: string): string {
  let out = "", at = 0;
  const lower = wikitext.toLowerCase();
  // Where a closing tag was looked for in vain, it need not be looked for again.
  const missing = new Set<string>();
  OPENER.lastIndex = 0;
  for (let match = OPENER.exec(wikitext); match; match = OPENER.exec(wikitext)) {
    out += wikitext.slice(at, match.index);
    const tag = match[1].toLowerCase();
    if (tag === "!--") {
      const end = wikitext.indexOf("-->", match.index + 4);
      at = end === -1 ? wikitext.length : end + 3;
      OPENER.lastIndex = at;
      continue;
    }
    const tagEnd = wikitext.indexOf(">", match.index);
    if (tagEnd === -1) {
      at = wikitext.length;
      break;
    }
    at = tagEnd + 1;
    if (wikitext[tagEnd - 1] !== "/") {
      const close = missing.has(tag) ? -1 : lower.indexOf(`</${tag}`, at);
      if (close === -1) {
        missing.add(tag);
      } else {
        if (tag === "nowiki") out += hide(wikitext.slice(at, close));
        const closed = wikitext.indexOf(">", close);
        at = closed === -1 ? wikitext.length : closed + 1;
      }
    }
    OPENER.lastIndex = at;
  }
  return (out + wikitext.slice(at)).replace(/<noinclude>|<\/noinclude>|<\/?onlyinclude>/gi, "");
}

function hide(text: string): string {
  return text.replace(MARKUP, (c) => String.fromCharCode(PRIVATE + c.charCodeAt(0)));
}

/** Shows again what nowiki held. */
export function revealNowiki(text: string): string {
  return text.replace(HIDDEN, (c) => String.fromCharCode(c.charCodeAt(0) - PRIVATE));
}

/** Removes HTML tags and keeps what they hold; breaks become line ends. */
export function stripHtml(text: string): string {
  return text.replace(/<br\s*\/?>/gi, "\n").replace(/<\/?[a-zA-Z][^<>]{0,2000}>/g, "");
}

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
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  ndash: "–",
  mdash: "—",
  hellip: "…",
  middot: "·",
  times: "×",
  divide: "÷",
  minus: "−",
  plusmn: "±",
  deg: "°",
  prime: "′",
  Prime: "″",
  laquo: "«",
  raquo: "»",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  sect: "§",
  copy: "©",
  reg: "®",
  trade: "™",
  yen: "¥",
  euro: "€",
  pound: "£",
  frac12: "½",
  frac14: "¼",
  frac34: "¾",
  sup2: "²",
  sup3: "³",
  micro: "µ",
  alpha: "α",
  beta: "β",
  gamma: "γ",
  delta: "δ",
  lambda: "λ",
  mu: "μ",
  pi: "π",
  sigma: "σ",
  omega: "ω",
  rarr: "→",
  larr: "←",
  uarr: "↑",
  darr: "↓",
  harr: "↔",
  le: "≤",
  ge: "≥",
  ne: "≠",
  infin: "∞",
  bull: "•",
  eacute: "é",
  egrave: "è",
  uuml: "ü",
  ouml: "ö",
  auml: "ä",
  ccedil: "ç",
  ntilde: "ñ",
};

/** Decodes entities once; what is not known stays. */
export function decodeEntities(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]\w{1,8});/gi, (whole, name: string) => {
    if (name[0] !== "#") return Object.hasOwn(NAMED, name) ? NAMED[name] : whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    const valid = code > 31 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000);
    return valid ? String.fromCodePoint(code) : " ";
  });
}
