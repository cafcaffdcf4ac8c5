/**
 * Exact match and F1 over characters of answers, as JGLUE scores JSQuAD: text in lower case, full stops at the
 * end dropped, white space folded; nothing else.
 *
 * @module
 */

/** White space as Python's `str.split` knows it, which JGLUE's script uses. */
// deno-lint-ignore no-control-regex -- file, group, record and unit separators part words in Python.
const WHITE_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

/** An answer as it is compared. */
export function normalizeAnswer(text: string): string {
  return text.toLowerCase().replace(/。+$/, "").replace(WHITE_SPACE, " ").replace(/^ | $/g, "");
}

/** 1 where the predicted answer equals an accepted one, else 0; both empty are equal. */
export function exactMatch(accepted: readonly string[], predicted: string): number {
  const given = normalizeAnswer(predicted);
  return goldAnswers(accepted).some((answer) => answer === given) ? 1 : 0;
}

/** The best F1 over characters with an accepted answer. */
export function characterF1(accepted: readonly string[], predicted: string): number {
  const given = normalizeAnswer(predicted);
  return Math.max(...goldAnswers(accepted).map((answer) => overlapF1([...answer], [...given])));
}

/** Accepted answers as they are compared; without any, an empty answer is right. */
function goldAnswers(accepted: readonly string[]): string[] {
  const answers = accepted.map(normalizeAnswer).filter((answer) => answer !== "");
  return answers.length > 0 ? answers : [""];
}

/** F1 of two bags of characters. */
function overlapF1(right: readonly string[], predicted: readonly string[]): number {
  if (right.length === 0 || predicted.length === 0) {
    return right.length === predicted.length ? 1 : 0;
  }
  const left = new Map<string, number>();
  for (const character of right) left.set(character, (left.get(character) ?? 0) + 1);
  let shared = 0;
  for (const character of predicted) {
    const count = left.get(character) ?? 0;
    if (count === 0) continue;
    left.set(character, count - 1);
    shared++;
  }
  return 2 * shared / (right.length + predicted.length);
}
