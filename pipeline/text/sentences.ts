/**
 * Japanese sentences.
 *
 * @module
 */

/** A sentence ends behind 。！？ (also in ASCII and half width) and the closing brackets that follow. */
const SENTENCE = /[^。｡！？!?]*[。｡！？!?]+[」』）】〉》”’)\]]*|[^。｡！？!?]+$/gu;

/**
 * Cuts text into sentences; each line of the text ends one too. A mark within brackets that goes on
 * after them (「行け！」と言った) stays with its sentence.
 */
export function splitSentences(text: string): string[] {
  const sentences: string[] = [];
  for (const line of text.split("\n")) {
    let open = "";
    for (const part of line.match(SENTENCE) ?? []) {
      open += part;
      if (depth(open) > 0) continue;
      push(sentences, open);
      open = "";
    }
    push(sentences, open);
  }
  return sentences;
}

function push(sentences: string[], text: string): void {
  const sentence = text.trim();
  if (sentence === "") return;
  const last = sentences.length - 1;
  // A quotation mark that closes and goes on: 「…。」と言った。
  if (last >= 0 && /[」』）]$/.test(sentences[last]) && /^[とがはをにでのも、]/.test(sentence)) {
    sentences[last] += sentence;
  } else {
    sentences.push(sentence);
  }
}

/** How many quotations are open at the end of a text. */
function depth(text: string): number {
  let open = 0;
  for (const character of text) {
    if ("「『（".includes(character)) open++;
    else if ("」』）".includes(character) && open > 0) open--;
  }
  return open;
}
