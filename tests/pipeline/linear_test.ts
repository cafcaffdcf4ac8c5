/** No page takes more than its share: whatever is repeated in it, work grows with its length only. */
import { assert } from "@std/assert/mod.js";
import { splitSentences } from "../../pipeline/text/sentences.ts";
import { cleanWikitext } from "../../pipeline/wiki/clean.ts";
import { dropReason } from "../../pipeline/wiki/filter.ts";
import { countLeftovers } from "../../pipeline/wiki/leftovers.ts";
import { StepLimit } from "../../pipeline/wiki/steps.ts";

/** All that is done to a page, and to its text later. */
function work(text: string): void {
  dropReason({ id: "", title: text, namespace: 0, redirect: undefined, wikitext: text }, true);
  let clean = "";
  try {
    clean = cleanWikitext(text, { dropSections: true });
  } catch (error) {
    // Given up in bounded time as well.
    if (!(error instanceof StepLimit)) throw error;
  }
  for (const made of [clean, text]) {
    countLeftovers(made);
    splitSentences(made);
  }
}

/** What pages are made of: blanks, brackets, quotes, marks, tags, digits, letters. */
const REPEATED =
  `[ ] [[ ]] { } {{ }} < > = # * : ; | ! - _ ~ & &# ' （ ） 「 」 「」 、 。 あ ア a 1 / <ref>
  </ref> <ref <!-- {| |} [http://a <br> <rt> <poem> __ -{ {{x}} 一覧( 曖昧さ回避 -a （、`
    .split(/\s+/).concat([" ", "\t", "\u3000", "\n", "a\n", "ア\n", "、\n{{x}}\n", "「）"]);

/** Where a run of them may stand, and what makes a pattern try again from each place in it. */
const AROUND: readonly (readonly [string, string])[] = [
  ["[[", "]]"],
  ["[[a#", "\nx]]"],
  ["{{small|", "}}"],
  ["{{lang-en", "!|a}}"],
  ["{{{1|", "}}}"],
  ["== ", " =="],
  ["; ", ": x"],
  ["（", "）"],
  ["<ref ", ">"],
  ["<sup>", "</sup>"],
  ["[http://a ", "]"],
  ["[[category:", "曖昧さ"],
  ["{{x}}", "."],
];

const LENGTH = 50_000;
const FACTOR = 4;

/**
 * Linear work takes some 100 ms for the longer text; quadratic work, at a tenth of a nanosecond for each
 * pair of characters, would take 4 seconds. What stays far below that is not compared.
 */
const LINEAR_MS = 1500;

/** Linear work is FACTOR times as much, quadratic 16 times. */
function checkGrowth(name: string, make: (length: number) => string): void {
  const time = (length: number): number => {
    const text = make(length);
    const start = performance.now();
    work(text);
    return performance.now() - start;
  };
  const once = time(LENGTH);
  let more = time(FACTOR * LENGTH);
  // A machine may stutter, not three times in a row.
  for (let again = 0; again < 2 && more > Math.max(LINEAR_MS, 2 * FACTOR * once); again++) {
    more = Math.min(more, time(FACTOR * LENGTH));
  }
  assert(
    more <= Math.max(LINEAR_MS, 2 * FACTOR * once),
    `${name}: ${once.toFixed()} ms for ${LENGTH} characters, ${more.toFixed()} for ${FACTOR} times`,
  );
}

Deno.test("a run of anything takes work in proportion to its length", () => {
  for (const part of REPEATED) {
    checkGrowth(JSON.stringify(part), (length) => part.repeat(length / part.length));
  }
});

Deno.test("so does a run inside of markup", () => {
  for (const [before, after] of AROUND) {
    for (const part of [" ", "#", "a", "-a", "（", "1", "\n", "あ"]) {
      checkGrowth(
        JSON.stringify(before + part + after),
        (length) => before + part.repeat(length / part.length) + after,
      );
    }
  }
});

Deno.test("and so does a jumble of everything, up to 2 MB", () => {
  let state = 1;
  const next = (): number => state = Math.imul(state, 48271) & 0x7fffffff;
  const jumble = Array.from({ length: 600_000 }, () => REPEATED[next() % REPEATED.length]).join("");
  assert(jumble.length > 1_000_000);
  work(jumble);
});
