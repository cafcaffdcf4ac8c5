/**
 * Training of a unigram model: seeds, EM with pruning, finish (Kudo, ACL 2018).
 *
 * @module
 */
import { mapInOrder } from "../ordered_workers.ts";
import type { Corpus } from "./corpus.ts";
import { Expectation } from "./em.ts";
import { type Piece, PieceType } from "./model_proto.ts";
import type { PieceTable } from "./seeds.ts";
import type { SeedItem } from "./seeds_worker.ts";
import type { PieceRules } from "./shapes.ts";
import { compareBytes } from "./text_order.ts";

/** Settings of the training. */
export interface UnigramSettings extends PieceRules {
  /** Pieces in the vocabulary, special ones included. */
  readonly vocabSize: number;
  /** Substrings that pieces are chosen from. */
  readonly seedSentencepieceSize: number;
  /** Share of pieces kept by each pruning. */
  readonly shrinkingFactor: number;
  /** EM rounds between prunings. */
  readonly numSubIterations: number;
  /** Threads. */
  readonly numProcesses: number;
}

/** Is told what comes next, how many pieces there are, and how many steps are left. */
export type ReportRound = (stage: string, pieces: number, left?: number) => Promise<void>;

/** Pieces are pruned to this multiple of the vocabulary; the finish takes the best of them. */
const OVERSHOOT = 1.1;

/** Missing characters of the alphabet are told apart by this much. */
const MISSING_STEP = 0.0001;

/**
 * Finds the pieces of a unigram model. The result does not depend on the number of threads.
 *
 * @param size pieces wanted, special ones not counted.
 * @param report is awaited before each round.
 * @param signal ends the making of the seeds, which goes in one piece.
 */
export async function findUnigramPieces(
  corpus: Corpus,
  settings: UnigramSettings,
  size: number,
  report: ReportRound,
  signal: AbortSignal = new AbortController().signal,
): Promise<Piece[]> {
  await report("finding substrings", 0);
  let pieces = await seedsApart(corpus, settings, signal);
  const target = Math.floor(OVERSHOOT * settings.vocabSize);
  const expectation = new Expectation(corpus, settings.numProcesses);
  try {
    for (;;) {
      const { length } = pieces.places;
      const prunings = Math.ceil(Math.log(target / length) / Math.log(settings.shrinkingFactor));
      const rounds = settings.numSubIterations;
      const steps = rounds + Math.max(0, prunings) * (1 + rounds);
      for (let round = 0; round < rounds; round++) {
        await report("EM", pieces.places.length, steps - round);
        pieces = await expectation.maximize(pieces);
      }
      if (pieces.places.length <= target) break;
      await report("pruning", pieces.places.length, steps - rounds);
      pieces = await expectation.prune(pieces, target, settings.shrinkingFactor);
    }
  } finally {
    expectation.stop();
  }
  return finish(pieces, corpus, size);
}

/** Makes the seeds in a thread of its own, which ends at the signal. */
async function seedsApart(
  { text, alphabet, unknown }: Corpus,
  settings: UnigramSettings,
  signal: AbortSignal,
): Promise<PieceTable> {
  const item = {
    corpus: { text, alphabet, unknown },
    rules: settings,
    seedSize: settings.seedSentencepieceSize,
  };
  const made = mapInOrder<SeedItem, PieceTable>([item], {
    worker: new URL("./seeds_worker.ts", import.meta.url),
    workers: 1,
    setup: undefined,
    signal,
  });
  for await (const seeds of made) return seeds;
  throw new Error("no seeds came");
}

/** The whole alphabet, then the best pieces; by falling score, ties by text. */
function finish(table: PieceTable, { text, alphabet }: Corpus, size: number): Piece[] {
  const characters = [...alphabet.keys()];
  const order: ScoredText[] = [];
  table.places.forEach((place, id) => {
    let piece = "";
    for (let i = 0; i < table.lengths[id]; i++) piece += characters[text[place + i] - 1];
    order.push({ text: piece, score: table.scores[id] });
  });
  const known = new Map(order.map(({ text, score }) => [text, score]));
  const least = table.scores.reduce((low, score) => Math.min(low, score), Infinity);
  const chosen = new Map<string, number>();
  let penalty = 0;
  for (const [character] of byFrequency(alphabet)) {
    const score = known.get(character);
    chosen.set(character, score ?? least + penalty);
    if (score === undefined) penalty += MISSING_STEP;
  }
  for (const { text, score } of order.sort(byScore)) {
    if (chosen.size >= size) break;
    chosen.set(text, score);
  }
  return [...chosen].map(([text, score]) => ({ text, score: Math.fround(score) })).sort(byScore)
    .map(({ text, score }) => ({ piece: text, score, type: PieceType.NORMAL }));
}

interface ScoredText {
  readonly text: string;
  readonly score: number;
}

function byScore(a: ScoredText, b: ScoredText): number {
  return b.score - a.score || compareBytes(a.text, b.text);
}

/** Characters by falling count, whether they are required or not. */
export function byFrequency(alphabet: ReadonlyMap<string, number>): [string, number][] {
  return [...alphabet].sort(([a, m], [b, n]) => n - m || compareBytes(a, b));
}
