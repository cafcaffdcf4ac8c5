/**
 * Exponents and indices: 10<sup>6</sup> is no 106.
 *
 * @module
 */
import { revealMarkup } from "./marks.ts";

/** The innermost element, so that those around it come next. */
const SCRIPT = /<(su[pb])(?:\s[^<>]{0,200})?>([^<>]{0,200})<\/\1\s{0,9}>/gi;

/** One that lacks its other tag. */
const REST = /<(\/?)(su[pb])(?:\s[^<>]{0,200})?\/?>/gi;

const MAX_DEPTH = 8;

const SIGNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sup: pairs(
    "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ",
  ),
  sub: pairs("0123456789+-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ"),
};

function pairs(from: string, to: string): Record<string, string> {
  const signs = [...to];
  return Object.fromEntries([...from].map((character, i) => [character, signs[i]]));
}

/** All that is written for a minus. */
const MINUS = /[−–‐‑－]/g;

/** Words: ordinals, names of points, notes. Raised or not, they change no number. */
const WORD = /^\p{Script=Latin}{2,}\.?$|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** What an exponent or an index can be mistaken for a part of. */
const BASE = /[\p{Script=Latin}\p{Script=Greek}\p{N})\]}⁾₎'′!]$/u;

/** Digits, letters and operators; marks of notes are none. */
const VALUE = /[\p{N}\p{Script=Latin}\p{Script=Greek}∞]/u;

/** Writes each `<sup>` and `<sub>` as Unicode has it, or with ^ or _ in front. */
export function replaceScripts(text: string): string {
  if (!/<\/?su[pb]/i.test(text)) return text;
  let out = text;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const before = out;
    out = out.replace(SCRIPT, (_, tag: string, held: string, at: number, whole: string) => {
      return script(tag.toLowerCase(), held.trim(), whole.slice(Math.max(0, at - 2), at));
    });
    if (out === before) break;
  }
  return out.replace(REST, (whole, slash: string, tag: string, at: number, all: string) => {
    const joins = slash === "" && /[\p{L}\p{N}]/u.test(all[at - 1] ?? "") &&
      /[\d−-]/.test(all[at + whole.length] ?? "");
    return joins ? separator(tag.toLowerCase()) : "";
  });
}

function separator(tag: string): string {
  return tag === "sup" ? "^" : "_";
}

function script(tag: string, held: string, before: string): string {
  const plain = revealMarkup(held).replace(MINUS, "-").replace(/\s/g, "");
  if (plain === "" || WORD.test(plain)) return held;
  const signs = [...plain].map((character) => SIGNS[tag][character]);
  if (signs.every((sign) => sign !== undefined)) return signs.join("");
  // An index without a digit changes no number.
  const matters = tag === "sup" ? VALUE.test(plain) : /\p{N}/u.test(plain);
  return matters && BASE.test(before) ? separator(tag) + held : held;
}
