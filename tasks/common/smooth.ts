/** Curves made readable: noise averaged out, and no more points than a picture has columns. */

import type { Points } from "./run_curves.ts";

/**
 * A moving average that weighs points by exp(−distance / reach) in both directions, so that it does not lag
 * behind a loss that falls. A value that is not finite stays as it is and is no part of the average.
 *
 * @param reach in steps.
 */
export function smooth(points: Points, reach: number): Points {
  const before = fadingSums(points, reach);
  const after = fadingSums(points.toReversed(), reach).reverse();
  return points.map(([step, value], i) => {
    if (!Number.isFinite(value)) return [step, value] as const;
    // The point itself is in both sums.
    const sum = before[i].sum + after[i].sum - value;
    return [step, sum / (before[i].weight + after[i].weight - 1)] as const;
  });
}

/** For each point the weighted sum of all up to it. */
function fadingSums(points: Points, reach: number): { sum: number; weight: number }[] {
  let sum = 0, weight = 0, last = points[0]?.[0] ?? 0;
  return points.map(([step, value]) => {
    if (Number.isFinite(value)) {
      const fade = Math.exp(-Math.abs(step - last) / reach);
      sum = sum * fade + value;
      weight = weight * fade + 1;
      last = step;
    }
    return { sum, weight };
  });
}

/**
 * As many points as two a column at most: the least and the largest of each, so that no peak is lost, and every
 * point that is not finite in its place.
 */
export function thin(points: Points, columns: number): Points {
  const finite = points.filter(([, value]) => Number.isFinite(value));
  if (points.length <= 2 * columns) return points;
  const begin = points[0][0], width = (points[points.length - 1][0] - begin) / columns || 1;
  const kept: (readonly [number, number])[] = points.filter(([, value]) => !Number.isFinite(value));
  for (let at = 0; at < finite.length;) {
    const column = Math.floor((finite[at][0] - begin) / width);
    let low = finite[at], high = finite[at];
    for (; at < finite.length; at++) {
      if (Math.floor((finite[at][0] - begin) / width) !== column) break;
      if (finite[at][1] < low[1]) low = finite[at];
      if (finite[at][1] > high[1]) high = finite[at];
    }
    kept.push(low);
    if (high !== low) kept.push(high);
  }
  return kept.sort(([a], [b]) => a - b);
}
