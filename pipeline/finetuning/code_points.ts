/**
 * Places in code points, as Python and published data count them, and in UTF-16 units, as JavaScript does.
 *
 * @module
 */

/** Converts places in one text. Both directions take linear time once. */
export class CodePoints {
  /** UTF-16 place of each code point, and of the end; undefined where both counts agree. */
  readonly #units: Int32Array | undefined;
  readonly #length: number;

  constructor(text: string) {
    this.#length = text.length;
    if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return;
    const units: number[] = [];
    let at = 0;
    for (const character of text) {
      units.push(at);
      at += character.length;
    }
    this.#units = Int32Array.from([...units, at]);
  }

  /** How many code points the text has. */
  get length(): number {
    return this.#units ? this.#units.length - 1 : this.#length;
  }

  /** The UTF-16 place of a code point; undefined past the end or before the start. */
  toUnits(codePoint: number): number | undefined {
    if (!Number.isInteger(codePoint) || codePoint < 0 || codePoint > this.length) return undefined;
    return this.#units ? this.#units[codePoint] : codePoint;
  }

  /** The code point at a UTF-16 place; within a surrogate pair, the pair's. */
  fromUnits(unit: number): number {
    const units = this.#units;
    if (!units) return unit;
    let low = 0, high = units.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (units[middle] <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
