/**
 * What becomes of rows that are not as they should be.
 *
 * @module
 */
import { PipelineError } from "../../errors.ts";
import { type Place, placeText } from "../example.ts";

/** Told of a row that makes no example. */
export type OnBadRow = (place: Place, reason: string) => void;

/** Ends the reading at the first bad row. */
export function refuseBadRow(place: Place, reason: string): void {
  throw new PipelineError(
    `${placeText(place)}: ${reason}; mend it, or leave bad rows out with --skip-bad`,
  );
}

/** Counts bad rows and remembers the first few, so that a task can say what was left out. */
export class BadRows {
  /** How many there were. */
  count = 0;
  /** The first ones, as "file, row 7: reason". */
  readonly examples: string[] = [];

  /** Counts one; hand it to a reader. */
  readonly add: OnBadRow = (place, reason) => {
    this.count++;
    if (this.examples.length < 5) this.examples.push(`${placeText(place)}: ${reason}`);
  };
}
