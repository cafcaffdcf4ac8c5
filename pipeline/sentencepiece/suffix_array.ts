/**
 * Suffix arrays in linear time (SA-IS: Nong, Zhang and Chan, 2009) and what the trainer reads off them.
 *
 * @module
 */

/** Symbols, from 0 on. */
export type Symbols = Int32Array | Uint16Array;

/**
 * The suffix array of a text. Beside the text and the array it takes about two bytes a symbol.
 *
 * @param text symbols from 0 to alphabet − 1.
 */
export function suffixArray(text: Symbols, alphabet: number): Int32Array {
  const sa = new Int32Array(text.length);
  if (text.length > 0) sortSuffixes(text, alphabet, sa);
  return sa;
}

/** Fills `sa`, which is as long as the text and serves as working memory too. */
function sortSuffixes(text: Symbols, alphabet: number, sa: Int32Array): void {
  const n = text.length;
  // Behind the text stands, unseen, a symbol below all others; so the last suffix is of type L.
  const isS = new Uint8Array(n);
  for (let i = n - 2; i >= 0; i--) {
    isS[i] = Number(text[i] < text[i + 1] || (text[i] === text[i + 1] && isS[i + 1] === 1));
  }
  const isLms = (i: number): boolean => i > 0 && isS[i] === 1 && isS[i - 1] === 0;
  const counts = new Int32Array(alphabet);
  for (let i = 0; i < n; i++) counts[text[i]]++;
  const bounds = new Int32Array(alphabet);
  const toEnds = (): void => {
    for (let c = 0, sum = 0; c < alphabet; c++) bounds[c] = sum += counts[c];
  };
  const toStarts = (): void => {
    for (let c = 0, sum = 0; c < alphabet; sum += counts[c++]) bounds[c] = sum;
  };
  const induce = (): void => {
    toStarts();
    sa[bounds[text[n - 1]]++] = n - 1;
    for (let i = 0; i < n; i++) {
      const j = sa[i] - 1;
      if (j >= 0 && isS[j] === 0) sa[bounds[text[j]]++] = j;
    }
    toEnds();
    for (let i = n - 1; i >= 0; i--) {
      const j = sa[i] - 1;
      if (j >= 0 && isS[j] === 1) sa[--bounds[text[j]]] = j;
    }
  };
  sa.fill(-1);
  toEnds();
  for (let i = n - 1; i >= 0; i--) if (isLms(i)) sa[--bounds[text[i]]] = i;
  induce();
  // Name the LMS substrings in their order. Two never stand side by side, so that half the places do.
  let lmsCount = 0;
  for (let i = 0; i < n; i++) if (isLms(sa[i])) sa[lmsCount++] = sa[i];
  if (lmsCount === 0) return;
  sa.fill(-1, lmsCount);
  let name = -1, previous = -1;
  for (let i = 0; i < lmsCount; i++) {
    const current = sa[i];
    if (previous < 0 || !sameSubstring(text, isS, isLms, previous, current)) name++;
    sa[lmsCount + (current >> 1)] = name;
    previous = current;
  }
  // The names in the order of the text, at the end of the array.
  let end = n;
  for (let i = n - 1; i >= lmsCount; i--) if (sa[i] >= 0) sa[--end] = sa[i];
  const reduced = sa.subarray(n - lmsCount), order = sa.subarray(0, lmsCount);
  if (name + 1 === lmsCount) {
    for (let i = 0; i < lmsCount; i++) order[reduced[i]] = i;
  } else {
    sortSuffixes(reduced, name + 1, order);
  }
  for (let i = 0, k = 0; i < n; i++) if (isLms(i)) reduced[k++] = i;
  for (let i = 0; i < lmsCount; i++) order[i] = reduced[order[i]];
  sa.fill(-1, lmsCount);
  toEnds();
  for (let i = lmsCount - 1; i >= 0; i--) {
    const place = sa[i];
    sa[i] = -1;
    sa[--bounds[text[place]]] = place;
  }
  induce();
}

function sameSubstring(
  text: Symbols,
  isS: Uint8Array,
  isLms: (i: number) => boolean,
  a: number,
  b: number,
): boolean {
  for (let d = 0;; d++) {
    if (a + d >= text.length || b + d >= text.length) return false;
    if (text[a + d] !== text[b + d] || isS[a + d] !== isS[b + d]) return false;
    if (d > 0) {
      const [endA, endB] = [isLms(a + d), isLms(b + d)];
      if (endA && endB) return true;
      if (endA !== endB) return false;
    }
  }
}

/**
 * For each place, how long the prefix is that its suffix has in common with the one sorted before it
 * (Kärkkäinen, Manzini and Puglisi, 2009).
 */
export function commonPrefixes(text: Symbols, sa: Int32Array): Int32Array {
  const n = text.length;
  // First the suffix sorted before each, then, in the same place, the length.
  const lengths = new Int32Array(n);
  for (let i = 0; i < n; i++) lengths[sa[i]] = i > 0 ? sa[i - 1] : -1;
  for (let i = 0, h = 0; i < n; i++) {
    const j = lengths[i];
    if (j < 0) h = 0;
    else while (i + h < n && j + h < n && text[i + h] === text[j + h]) h++;
    lengths[i] = h;
    if (h > 0) h--;
  }
  return lengths;
}

/**
 * Visits every LCP interval: every substring that occurs at least twice and cannot be prolonged to the
 * right without losing an occurrence.
 *
 * @param prefixes of {@linkcode commonPrefixes}.
 * @param visit receives the rank of the first suffix that starts with the substring, its length and its number of occurrences.
 */
export function visitRepeats(
  sa: Int32Array,
  prefixes: Int32Array,
  visit: (rank: number, length: number, occurrences: number) => void,
): void {
  const n = sa.length;
  const lengths: number[] = [0], lefts: number[] = [0];
  for (let i = 1; i <= n; i++) {
    const current = i < n ? prefixes[sa[i]] : 0;
    let left = i - 1;
    while (lengths[lengths.length - 1] > current) {
      const length = lengths.pop()!;
      left = lefts.pop()!;
      visit(left, length, i - left);
    }
    if (lengths[lengths.length - 1] < current) {
      lengths.push(current);
      lefts.push(left);
    }
  }
}
