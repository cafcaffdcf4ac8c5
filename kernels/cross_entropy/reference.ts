/**
 * Softmax cross-entropy and Gumbel sampling in float64.
 *
 * @module
 */
import { randomWord, uniformOpen } from "../random/random.ts";

/** −log p(target) of each row of logits [rows, vocabulary]. */
export function crossEntropyReference(
  vocabulary: number,
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
): Float64Array {
  return Float64Array.from({ length: targets.length }, (_, row) => {
    let largest = -Infinity, total = 0;
    for (let v = 0; v < vocabulary; v++) largest = Math.max(largest, logits[row * vocabulary + v]);
    for (let v = 0; v < vocabulary; v++) total += Math.exp(logits[row * vocabulary + v] - largest);
    return Math.log(total) + largest - logits[row * vocabulary + targets[row]];
  });
}

/** The gradient of Σ rowWeights · loss with respect to the logits. */
export function crossEntropyBackwardReference(
  vocabulary: number,
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  rowWeights: ArrayLike<number>,
): Float64Array {
  const losses = crossEntropyReference(vocabulary, logits, targets);
  return Float64Array.from({ length: targets.length * vocabulary }, (_, i) => {
    const row = Math.floor(i / vocabulary);
    const logSumExp = losses[row] + logits[row * vocabulary + targets[row]];
    const hit = i % vocabulary === targets[row] ? 1 : 0;
    return (Math.exp(logits[i] - logSumExp) - hit) * rowWeights[row];
  });
}

/** The id that wins under Gumbel noise in each row. */
export function gumbelSampleReference(
  vocabulary: number,
  logits: ArrayLike<number>,
  rows: number,
  random: { readonly seed: number; readonly stream: number; readonly step: number },
  temperature: number,
): Uint32Array {
  const stride = 4 * Math.ceil(vocabulary / 4);
  return Uint32Array.from({ length: rows }, (_, row) => {
    let best = -Infinity, id = 0;
    for (let v = 0; v < vocabulary; v++) {
      const word = randomWord(random.seed, random.stream, random.step, row * stride + v);
      const value = logits[row * vocabulary + v] / temperature -
        Math.log(-Math.log(uniformOpen(word)));
      if (value > best) [best, id] = [value, v];
    }
    return id;
  });
}
