/**
 * Suffix arrays in linear time (SA-IS: Nong, Zhang and Chan, 2009) and what the trainer reads off them.
 *
 * @module
 */

/**
 * The suffix array of a text.
 *
 * @param text symbols from 0 to alphabet − 1.
 */
export function suffixArray(text: ArrayLike<number>, alphabet: number): Int32Array {
  // One symbol below all others ends the text.
  const padded = new Int32Array(text.length + 1);
  for (let i = 0; i < text.length; i++) padded[i] = text[i] + 1;
  return sais(padded, alphabet + 1).subarray(1);
}

function sais(text: Int32Array, alphabet: number): Int32Array {
  const n = text.length;
  const sa = new Int32Array(n).fill(-1);
  if (n === 1) {
    sa[0] = 0;
    return sa;
  }
  const isS = new Uint8Array(n);
  isS[n - 1] = 1;
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
  toEnds();
  for (let i = n - 1; i >= 0; i--) if (isLms(i)) sa[--bounds[text[i]]] = i;
  induce();
  // Name the LMS substrings in their order.
  let lmsCount = 0;
  for (let i = 0; i < n; i++) if (isLms(sa[i])) sa[lmsCount++] = sa[i];
  const names = new Int32Array(n).fill(-1);
  let name = 0, previous = -1;
  for (let i = 0; i < lmsCount; i++) {
    const current = sa[i];
    if (previous >= 0 && !sameSubstring(text, isS, isLms, previous, current)) name++;
    else if (previous < 0) name = 0;
    names[current] = name;
    previous = current;
  }
  const places = new Int32Array(lmsCount), reduced = new Int32Array(lmsCount);
  for (let i = 0, k = 0; i < n; i++) {
    if (names[i] < 0) continue;
    places[k] = i;
    reduced[k++] = names[i];
  }
  let order: Int32Array;
  if (name + 1 === lmsCount) {
    order = new Int32Array(lmsCount);
    for (let i = 0; i < lmsCount; i++) order[reduced[i]] = i;
  } else {
    order = sais(reduced, name + 1);
  }
  sa.fill(-1);
  toEnds();
  for (let i = lmsCount - 1; i >= 0; i--) {
    const place = places[order[i]];
    sa[--bounds[text[place]]] = place;
  }
  induce();
  return sa;
}

function sameSubstring(
  text: Int32Array,
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

/** Longest common prefixes of neighbours in a suffix array (Kasai et al., 2001); entry 0 is 0. */
export function longestCommonPrefixes(text: ArrayLike<number>, sa: Int32Array): Int32Array {
  const n = text.length;
  const rank = new Int32Array(n), lcp = new Int32Array(n);
  for (let i = 0; i < n; i++) rank[sa[i]] = i;
  for (let i = 0, h = 0; i < n; i++) {
    if (rank[i] === 0) {
      h = 0;
      continue;
    }
    const j = sa[rank[i] - 1];
    while (i + h < n && j + h < n && text[i + h] === text[j + h]) h++;
    lcp[rank[i]] = h;
    if (h > 0) h--;
  }
  return lcp;
}

/**
 * Visits every LCP interval: every substring that occurs at least twice and cannot be prolonged to the
 * right without losing an occurrence.
 *
 * @param visit receives the rank of the first suffix that starts with the substring, its length and its number of occurrences.
 */
export function visitRepeats(
  lcp: Int32Array,
  visit: (rank: number, length: number, occurrences: number) => void,
): void {
  const n = lcp.length;
  const lengths: number[] = [0], lefts: number[] = [0];
  for (let i = 1; i <= n; i++) {
    const current = i < n ? lcp[i] : 0;
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
