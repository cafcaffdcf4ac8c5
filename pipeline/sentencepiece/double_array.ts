/**
 * The double-array trie inside `precompiled_charsmap`, laid out as Darts-clone does: u32 units with the
 * label in the low byte, bit 8 where a key ends below, and the XOR offset to the children above.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";

/** Set where a key ends at the parent. */
export const HAS_LEAF = 0x100;

/** Free places further back than this are given up: nearly full blocks cost more time than room. */
const WINDOW = 512;

/** How far the children of a unit lie from it, by XOR. */
export function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

interface Node {
  readonly children: Map<number, Node>;
  value: number;
}

/**
 * Builds a double array.
 *
 * @param entries keys as bytes without zero, with values from 0 to 2³¹ − 1.
 */
export function buildDoubleArray(entries: Iterable<readonly [Uint8Array, number]>): Uint32Array {
  const root: Node = { children: new Map(), value: -1 };
  for (const [key, value] of entries) {
    let node = root;
    for (const byte of key) {
      let next = node.children.get(byte);
      if (!next) node.children.set(byte, next = { children: new Map(), value: -1 });
      node = next;
    }
    node.value = value;
  }
  let units = new Uint32Array(1 << 16);
  let used = new Uint8Array(1 << 16);
  // Two nodes must not share a base: a child of one would look like a child of the other.
  let bases = new Uint8Array(1 << 16);
  let end = 1, firstFree = 1;
  used[0] = 1;
  const grow = (size: number): void => {
    if (size <= units.length) return;
    const length = 2 * size;
    const [u, t, b] = [new Uint32Array(length), new Uint8Array(length), new Uint8Array(length)];
    u.set(units);
    t.set(used);
    b.set(bases);
    [units, used, bases] = [u, t, b];
  };
  const queue: [Node, number][] = [[root, 0]];
  for (let head = 0; head < queue.length; head++) {
    const [node, at] = queue[head];
    const labels = [...node.children.keys()].sort((a, b) => a - b);
    if (node.value >= 0) labels.unshift(0);
    while (used[firstFree]) firstFree++;
    let base = -1;
    for (let slot = Math.max(firstFree, end - WINDOW); base < 0; slot++) {
      grow(slot + 512);
      if (used[slot]) continue;
      const candidate = slot ^ labels[0];
      const offset = candidate ^ at;
      const encodable = offset < 1 << 21 || (offset & 0xff) === 0;
      if (candidate === 0 || bases[candidate] || !encodable) continue;
      if (labels.every((label) => !used[candidate ^ label])) base = candidate;
    }
    bases[base] = 1;
    const offset = base ^ at;
    if (offset >= 1 << 29) throw new PipelineError("too many normalisation rules for one table");
    const placed = offset < 1 << 21 ? offset << 10 : (offset << 2) | 0x200;
    units[at] = (units[at] | placed | (node.value >= 0 ? HAS_LEAF : 0)) >>> 0;
    for (const label of labels) {
      const place = base ^ label;
      used[place] = 1;
      end = Math.max(end, place + 1);
      if (label === 0) {
        units[place] = (node.value | 0x80000000) >>> 0;
      } else {
        units[place] = label;
        queue.push([node.children.get(label)!, place]);
      }
    }
  }
  return units.slice(0, Math.ceil(end / 256) * 256);
}
