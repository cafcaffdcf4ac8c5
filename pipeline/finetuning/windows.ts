/**
 * Windows over a text that is longer than the model.
 *
 * @module
 */

/** A run of tokens that fits the model. */
export interface Window {
  /** Its first token. */
  readonly start: number;
  /** One past its last token. */
  readonly end: number;
  /**
   * The tokens that this window sees with more context than any other, where context is the smaller of the
   * counts to the left and to the right: predictions for them are taken from here. These runs join without gaps.
   */
  readonly core: readonly [number, number];
}

/**
 * Windows of at most `capacity` tokens, each `stride` further than the last, over `length` tokens; one where
 * all fit.
 *
 * @param stride tokens from the start of one window to the start of the next; at most `capacity`.
 */
export function windowsOver(length: number, capacity: number, stride: number): Window[] {
  const bounds: { start: number; end: number }[] = [];
  const step = Math.max(1, Math.min(stride, capacity));
  for (let start = 0;; start += step) {
    const end = Math.min(length, start + capacity);
    bounds.push({ start, end });
    if (end === length) break;
  }
  // Neighbours share the tokens from the start of the next to their end; half way both see as much.
  const seam = (i: number): number => {
    if (i < 0) return 0;
    if (i === bounds.length - 1) return length;
    return Math.ceil((bounds[i + 1].start + bounds[i].end) / 2);
  };
  return bounds.map(({ start, end }, i) => ({ start, end, core: [seam(i - 1), seam(i)] }));
}
