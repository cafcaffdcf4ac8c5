/**
 * The area under the ROC curve.
 *
 * @module
 */
import { ranks } from "./correlation.ts";

/**
 * The chance that a positive scores above a negative, ties counting half (Mann–Whitney). NaN where there are no
 * positives or no negatives, or where any score is NaN.
 *
 * @param labels above 0 for positives.
 */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const ranked = ranks(scores);
  let positives = 0, rankSum = 0;
  ranked.forEach((rank, i) => {
    if (labels[i] <= 0) return;
    positives++;
    rankSum += rank;
  });
  const negatives = ranked.length - positives;
  return (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
}
