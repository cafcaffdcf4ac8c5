/** The curves of a run as its `metrics.jsonl` has them, of pre-training or fine-tuning. */

import { join } from "@std/path/mod.js";
import { decodeJson } from "./json.ts";

/** Steps and values; a value may be NaN or infinite. */
export type Points = readonly (readonly [step: number, value: number])[];

/** What a run measured, by the names of its log. */
export interface RunCurves {
  /** The run. */
  readonly name: string;
  /** Of training steps. */
  readonly train: ReadonlyMap<string, Points>;
  /** Of evaluations on held-out examples. */
  readonly held: ReadonlyMap<string, Points>;
}

/** The curves of logged lines; what is not measured, as null, is left out. */
export function curvesOf(name: string, lines: Iterable<object>): RunCurves {
  const train = new Map<string, [number, number][]>(), held = new Map<string, [number, number][]>();
  const add = (curves: Map<string, [number, number][]>, step: number, values: object): void => {
    for (const [key, value] of Object.entries(values)) {
      if (typeof value !== "number" || key === "step") continue;
      const points = curves.get(key);
      if (points) points.push([step, value]);
      else curves.set(key, [[step, value]]);
    }
  };
  for (const line of lines) {
    const { step, eval: evaluation } = line as { step?: unknown; eval?: unknown };
    if (typeof step !== "number") continue;
    if (typeof evaluation === "object" && evaluation !== null) add(held, step, evaluation);
    else add(train, step, line);
  }
  return { name, train, held };
}

/** Reads a run's curves; lines that are no metrics, such as one being written, are left out. */
export async function readCurves(folder: string, name: string): Promise<RunCurves> {
  const text = await Deno.readTextFile(join(folder, "metrics.jsonl"));
  return curvesOf(name, parsed(text));
}

function* parsed(text: string): Generator<object> {
  for (const line of text.split("\n")) {
    try {
      const value = decodeJson(line);
      if (typeof value === "object" && value !== null) yield value;
    } catch {
      // It is no metrics.
    }
  }
}
