/** Numbers in JSON, which has no NaN and no infinity: here these are the words "NaN" and "Infinity". */

const WORDS: ReadonlyMap<unknown, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/** JSON of measured values; numbers that are not finite become words. */
export function encodeJson(value: unknown, indent?: number): string {
  const word = (_: string, one: unknown): unknown =>
    typeof one === "number" && !Number.isFinite(one) ? String(one) : one;
  return JSON.stringify(value, word, indent);
}

/** Parses {@linkcode encodeJson}'s JSON; its words become numbers again. */
export function decodeJson(text: string): unknown {
  return JSON.parse(text, (_, one) => WORDS.get(one) ?? one);
}
