/**
 * A trie over UTF-16 units in flat arrays: one open-addressing table of (node, unit) → child.
 *
 * @module
 */

/** Maps strings to numbers and finds all keys that start at a place of a text. */
export class Trie {
  /** Value of each node; −1 where no key ends. */
  values: Int32Array;
  #nodes: Int32Array;
  #units: Int32Array;
  #children: Int32Array;
  #mask: number;
  #count = 1;
  #edges = 0;

  /** An empty trie. */
  constructor() {
    this.values = new Int32Array(1024).fill(-1);
    this.#mask = 4095;
    this.#nodes = new Int32Array(4096).fill(-1);
    this.#units = new Int32Array(4096);
    this.#children = new Int32Array(4096);
  }

  /** The node under `node` for a unit, or −1. */
  child(node: number, unit: number): number {
    const nodes = this.#nodes, units = this.#units, mask = this.#mask;
    let slot = hash(node, unit) & mask;
    while (nodes[slot] !== -1) {
      if (nodes[slot] === node && units[slot] === unit) return this.#children[slot];
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  /** Adds a key, or gives a key another value. */
  set(key: string, value: number): void {
    let node = 0;
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      const next = this.child(node, unit);
      node = next === -1 ? this.#add(node, unit) : next;
    }
    this.values[node] = value;
  }

  #add(node: number, unit: number): number {
    if (2 * ++this.#edges > this.#mask) this.#grow();
    if (this.#count >= this.values.length) {
      const values = new Int32Array(2 * this.values.length).fill(-1);
      values.set(this.values);
      this.values = values;
    }
    const child = this.#count++;
    this.#insert(node, unit, child);
    return child;
  }

  #insert(node: number, unit: number, child: number): void {
    let slot = hash(node, unit) & this.#mask;
    while (this.#nodes[slot] !== -1) slot = (slot + 1) & this.#mask;
    this.#nodes[slot] = node;
    this.#units[slot] = unit;
    this.#children[slot] = child;
  }

  #grow(): void {
    const [nodes, units, children] = [this.#nodes, this.#units, this.#children];
    const size = 2 * nodes.length;
    this.#mask = size - 1;
    this.#nodes = new Int32Array(size).fill(-1);
    this.#units = new Int32Array(size);
    this.#children = new Int32Array(size);
    for (let i = 0; i < nodes.length; i++) {
      if (nodes[i] !== -1) this.#insert(nodes[i], units[i], children[i]);
    }
  }
}

function hash(node: number, unit: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
