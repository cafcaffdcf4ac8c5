/**
 * Normalisation rules, built from the runtime's Unicode tables.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";

/** Rules by the text they replace. */
export type NormalizationRules = ReadonlyMap<string, string>;

/** Names of rule sets that can be built. */
export type RuleName = "nmt_nfkc" | "nfkc" | "identity";

/** Characters that the NMT rules turn into a space. */
const TO_SPACE =
  "\u0009\u000a\u000c\u000d\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd";

/** Ranges of characters that the NMT rules drop. */
const DROPPED = [[0x01, 0x08], [0x0b, 0x0b], [0x0e, 0x1f], [0x7f, 0x7f], [0x8f, 0x8f], [
  0x9f,
  0x9f,
]];

/** The full-width tilde stays as it is under the NMT rules. */
const FULL_WIDTH_TILDE = "\uff5e";

/**
 * Builds a rule set from the runtime's Unicode tables.
 *
 * @throws {PipelineError} for a name that is not known.
 */
export function buildRules(name: RuleName): NormalizationRules {
  if (name === "identity") return new Map();
  const rules = nfkcRules();
  if (name === "nmt_nfkc") {
    for (const character of TO_SPACE) rules.set(character, " ");
    for (const [from, to] of DROPPED) {
      for (let code = from; code <= to; code++) rules.set(String.fromCodePoint(code), "");
    }
    rules.delete(FULL_WIDTH_TILDE);
  } else if (name !== "nfkc") {
    throw new PipelineError(
      `normalisation rule "${name}" is not known; it is nmt_nfkc, nfkc or identity`,
    );
  }
  return rules;
}

/**
 * Every character that NFKC changes, and every sequence that NFKC composes: base and marks as they
 * are, or as characters (half-width kana) that decompose to them.
 */
function nfkcRules(): Map<string, string> {
  const rules = new Map<string, string>();
  const variants = new Map<string, string[]>();
  const composed: [string, string[]][] = [];
  for (let code = 1; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    const nfkc = character.normalize("NFKC");
    if (nfkc !== character) rules.set(character, nfkc);
    const parts = [...character.normalize("NFKD")];
    if (parts.length === 1 && parts[0] !== character) {
      variants.set(parts[0], [...variants.get(parts[0]) ?? [parts[0]], character]);
    } else if (parts.length > 1 && [...nfkc].length === 1) {
      composed.push([nfkc, parts]);
    }
  }
  for (const [target, parts] of composed) {
    // Conjoining jamo only in their own form: their variants are letters of their own.
    const hangul = target >= "\uac00" && target <= "\ud7a3";
    let sequences = [""];
    for (const part of parts) {
      const forms = hangul ? [part] : variants.get(part) ?? [part];
      sequences = sequences.flatMap((head) => forms.map((form) => head + form));
    }
    for (const sequence of sequences) {
      if (sequence.normalize("NFKC") === target && [...sequence].length > 1) {
        rules.set(sequence, target);
      }
    }
    // Marks may also follow a base that is composed already.
    for (let cut = 2; cut < parts.length; cut++) {
      const head = parts.slice(0, cut).join("").normalize("NFC");
      const sequence = head + parts.slice(cut).join("");
      if ([...head].length === 1 && sequence.normalize("NFKC") === target) {
        rules.set(sequence, target);
      }
    }
  }
  return rules;
}
