/** Flags that are numbers. */

import { InvalidArgumentError } from "./command.ts";

/** Reads a flag's value as an integer from `low` on, and up to `high` where one is given. */
export function integerFrom(low: number, high?: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const most = high ?? Number.MAX_SAFE_INTEGER;
    if (/^\d+$/.test(text) && value >= low && value <= most) return value;
    const end = high === undefined ? "on" : `to ${high}`;
    throw new InvalidArgumentError(`An integer from ${low} ${end} is needed.`);
  };
}

/** Seeds are 32 bits: larger ones would repeat the runs of smaller ones. */
export const seed: (text: string) => number = integerFrom(0, 2 ** 32 - 1);

/** Reads a flag's value as a number above 0 and at most 1. */
export function portion(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number above 0 and at most 1 is needed.");
}

/** Reads a flag's value as a number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("A number above 0 is needed.");
}

/** Each worker takes some 15 MB, and no machine has more cores. */
export const workers: (text: string) => number = integerFrom(1, 256);

/** Tokens of an example: attention is quadratic in them. */
export const sequenceLength: (text: string) => number = integerFrom(5, 8192);

/** Reads a flag's value as a list separated by commas. */
export function list(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}
