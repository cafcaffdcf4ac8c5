/** Flags that are numbers. */

import { InvalidArgumentError } from "./command.ts";

/** Reads a flag's value as an integer from `low` on. */
export function integerFrom(low: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError(`An integer from ${low} on is needed.`);
  };
}

/** Reads a flag's value as a number above 0 and at most 1. */
export function portion(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number above 0 and at most 1 is needed.");
}

/** Reads a flag's value as a list separated by commas. */
export function list(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}
