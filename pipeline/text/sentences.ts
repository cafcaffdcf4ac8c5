/**
 * Japanese sentences.
 *
 * @module
 */

/** Marks that end a sentence, full, half and ASCII width. */
const MARKS = "。｡！？!?";

/** Brackets within which no sentence ends, and what closes them. */
const CLOSER_OF: Readonly<Record<string, string>> = { "「": "」", "『": "』", "（": "）" };
const CLOSERS = "」』）";

/** What may follow a mark and belongs to its sentence. */
const TRAILING = "」』】）〉》”’)]";

/** Particles by which a sentence goes on behind a quotation: 「行け！」と言った。 */
const CONTINUES = "とがはをにでのも、";

/** A quotation longer than this holds sentences of its own. */
const LONGEST_QUOTATION = 400;

/**
 * Cuts text into sentences; each line of the text ends one too. A sentence ends behind 。！？ and the
 * closing brackets that follow, not inside a quotation, and not where a particle goes on behind one.
 * A bracket without its partner counts for nothing. Takes time linear in the text.
 */
export function splitSentences(text: string): string[] {
  const sentences: string[] = [];
  for (const line of text.split("\n")) {
    const depthChange = quotations(line);
    let start = 0, depth = 0, ended = false;
    for (let at = 0; at < line.length; at++) {
      depth += depthChange[at];
      const character = line[at];
      if (endsSentence(line, at)) ended = true;
      else if (!TRAILING.includes(character)) ended = false;
      if (!ended || depth > 0) continue;
      const next = line[at + 1];
      if (next !== undefined && (MARKS.includes(next) || TRAILING.includes(next))) continue;
      if (next !== undefined && CLOSERS.includes(character) && CONTINUES.includes(next)) continue;
      push(sentences, line.slice(start, at + 1));
      start = at + 1;
      ended = false;
    }
    push(sentences, line.slice(start));
  }
  return sentences;
}

/** Whether a mark stands here; in ASCII, not one inside a name or an address: Yahoo! JAPAN. */
function endsSentence(line: string, at: number): boolean {
  if (!MARKS.includes(line[at])) return false;
  return !"!?".includes(line[at]) || at === 0 || !/[A-Za-z0-9]/.test(line[at - 1]);
}

/** +1 where a quotation opens and −1 where it closes, for brackets that have a partner in reach. */
function quotations(line: string): Int8Array {
  const change = new Int8Array(line.length);
  const open: number[] = [];
  /** How many open brackets each kind of closing one would find. */
  const waiting: Record<string, number> = { "」": 0, "』": 0, "）": 0 };
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (character in CLOSER_OF) {
      open.push(at);
      waiting[CLOSER_OF[character]]++;
    } else if (waiting[character] > 0) {
      // Brackets that were opened inside and never closed are given up.
      let start: number, closer: string;
      do {
        start = open.pop()!;
        closer = CLOSER_OF[line[start]];
        waiting[closer]--;
      } while (closer !== character);
      if (at - start > LONGEST_QUOTATION) continue;
      change[start] = 1;
      change[at] = -1;
    }
  }
  return change;
}

function push(sentences: string[], text: string): void {
  const sentence = text.trim();
  if (sentence !== "") sentences.push(sentence);
}
