/**
 * Counter-based random numbers on the host: bit for bit those of `random.wgsl`.
 *
 * @module
 */
import type { Binding } from "../launch.ts";
import source from "./random.wgsl" with { type: "text" };

/** The WGSL library with `StepState`, `random_words`, `random_word` and `uniform_open`. */
export const randomLibrary: string = source;

/** The binding of the `StepState` struct: seed, step, first sequence, loss scale (f32). */
export const stepStateBinding: Binding = {
  name: "stepState",
  access: "read",
  dtype: "u32",
  elements: 4,
};

/**
 * Four random words of a counter, the pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering"
 * (2020).
 *
 * @param out receives four u32 words.
 */
export function randomWords(
  seed: number,
  stream: number,
  step: number,
  block: number,
  out: Uint32Array,
): void {
  let x = (Math.imul(block, 1664525) + 1013904223) | 0;
  let y = (Math.imul(stream, 1664525) + 1013904223) | 0;
  let z = (Math.imul(step, 1664525) + 1013904223) | 0;
  let w = (Math.imul(seed, 1664525) + 1013904223) | 0;
  x = (x + Math.imul(y, w)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  w = (w + Math.imul(y, z)) | 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  w ^= w >>> 16;
  x = (x + Math.imul(y, w)) | 0;
  y = (y + Math.imul(z, x)) | 0;
  z = (z + Math.imul(x, y)) | 0;
  w = (w + Math.imul(y, z)) | 0;
  out[0] = x;
  out[1] = y;
  out[2] = z;
  out[3] = w;
}

const words = new Uint32Array(4);

/** The random word of one element: lane `element % 4` of block `element / 4`. */
export function randomWord(seed: number, stream: number, step: number, element: number): number {
  randomWords(seed, stream, step, element >>> 2, words);
  return words[element & 3];
}

/** A word as a uniform number in the open interval (0, 1), as `uniform_open` in WGSL. */
export function uniformOpen(word: number): number {
  return ((word >>> 9) + 0.5) / 8388608;
}

/** Keeps the seeds of a batch's parts apart; an odd number, as in cross_entropy.wgsl. */
const PART_FACTOR = 0x9e3779b1;

/** The seed of the part of a batch that begins at a sequence: for the first the seed itself. */
export function partSeed(seed: number, firstSequence: number): number {
  return (seed ^ Math.imul(firstSequence, PART_FACTOR)) >>> 0;
}

/** The words below which an element is dropped, for a dropout rate in [0, 1). */
export function dropoutThreshold(rate: number): number {
  return Math.min(0xffffffff, Math.round(rate * 4294967296));
}
