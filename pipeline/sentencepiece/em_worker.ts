/** What one thread of the trainer does: it goes over its share of the words, or of the pieces. */

import { serve } from "../ordered_workers.ts";
import type { Codes } from "./corpus.ts";
import { Lattice, type LatticePieces, UNKNOWN_ID } from "./lattice.ts";

/** Sent once. */
export interface EmSetup {
  /** Codes of all characters. */
  text: Codes;
  /** Start, end and count of the words of this thread. */
  words: Int32Array;
}

/** What is to be done. */
export type EmTask =
  /** Expected counts (forward–backward). */
  | { kind: "expect"; pieces: LatticePieces }
  /** Counts along the best paths. */
  | { kind: "count"; pieces: LatticePieces }
  /** What would stand in the place of each of these pieces: `ranges` are start, end and id. */
  | { kind: "replace"; pieces: LatticePieces; ranges: Int32Array };

/** What comes of it. */
export interface EmResult {
  /** A count for each piece; for "replace", lists of length (0 for a piece that may go) and ids. */
  numbers: Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

serve<EmSetup, EmTask, EmResult>(({ text, words }) => {
  const expect = (lattice: Lattice, counts: Float64Array): void => {
    for (let i = 0; i < words.length; i += 3) {
      lattice.addExpected(words[i], words[i + 1], words[i + 2], counts);
    }
  };
  const count = (lattice: Lattice, counts: Float64Array): void => {
    const path: number[] = [];
    for (let i = 0; i < words.length; i += 3) {
      lattice.best(words[i], words[i + 1], true, path);
      for (const id of path) counts[id < 0 ? UNKNOWN_ID : id] += words[i + 2];
    }
  };
  let lattice: Lattice | undefined;
  return (task) => {
    if (lattice === undefined) lattice = new Lattice(text, task.pieces);
    else lattice.use(task.pieces);
    let numbers: EmResult["numbers"];
    if (task.kind === "replace") {
      numbers = replacements(lattice, task.pieces.scores, task.ranges);
    } else {
      numbers = new Float64Array(task.pieces.scores.length);
      (task.kind === "expect" ? expect : count)(lattice, numbers);
    }
    return Promise.resolve({ result: { numbers }, transfer: [numbers.buffer] });
  };
});

function replacements(
  lattice: Lattice,
  scores: Float64Array,
  ranges: Int32Array,
): Int32Array<ArrayBuffer> {
  let out = new Int32Array(2 * ranges.length), size = 0;
  const path: number[] = [];
  for (let i = 0; i < ranges.length; i += 3) {
    const score = lattice.best(ranges[i], ranges[i + 1], false, path);
    const length = score > scores[ranges[i + 2]] ? 0 : path.length;
    if (size + length + 1 > out.length) {
      const grown = new Int32Array(2 * (size + length + 1));
      grown.set(out);
      out = grown;
    }
    out[size++] = length;
    for (let j = 0; j < length; j++) out[size++] = path[j] < 0 ? UNKNOWN_ID : path[j];
  }
  return out.slice(0, size);
}
