/**
 * A double-array trie (Aoe, 1989) over small whole numbers: the child of a node under a code is the
 * cell `base + code`, if that cell names the node as its parent. Three typed arrays hold it, so that
 * threads can share it.
 *
 * @module
 */

/** Keys of a trie, sorted: key i is `codes[places[i] … places[i] + lengths[i]]`. */
export interface SortedKeys {
  /** Codes from 1 on. */
  readonly codes: ArrayLike<number>;
  /** Where each key starts. */
  readonly places: ArrayLike<number>;
  /** How many codes each key has. */
  readonly lengths: ArrayLike<number>;
  /** The greatest code that will be looked up. */
  readonly greatest: number;
}

/** A trie: its root is node 0; a key's value is its place among the keys. */
export interface Trie {
  /** Base and parent of each cell, in turn; the parent is −1 where the cell is free. */
  readonly cells: Int32Array;
  /** Value of each node; −1 where no key ends. */
  readonly values: Int32Array;
}

/** Free cells looked at before the search for room moves on for good. */
const PATIENCE = 64;

/**
 * Cells of a trie under construction, in memory that the next trie can use again; free ones are linked,
 * so that full stretches are passed over.
 */
export class TrieCells {
  cells = new Int32Array(0);
  values = new Int32Array(0);
  used = 1;
  #nextFree = new Int32Array(0);
  /** Where the search starts for one child, and for several. */
  #from = [1, 1];
  readonly #shared: boolean;

  /** @param shared whether threads are to share the trie. */
  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** Makes all cells free but the root's. */
  clear(): void {
    this.cells.fill(-1);
    this.values.fill(-1);
    for (let i = 0; i < this.#nextFree.length; i++) this.#nextFree[i] = i;
    this.used = 1;
    this.#from = [1, 1];
  }

  /** Makes room for so many cells, and for some more. */
  reserve(size: number): void {
    const old = this.values.length;
    if (size <= old) return;
    const length = Math.max(size, old + (old >> 2));
    const grow = (array: Int32Array, size: number): Int32Array<ArrayBuffer> => {
      const memory = this.#shared ? new SharedArrayBuffer(4 * size) : new ArrayBuffer(4 * size);
      const grown = new Int32Array(memory as ArrayBuffer);
      grown.set(array);
      return grown.fill(-1, array.length);
    };
    this.cells = grow(this.cells, 2 * length);
    this.values = grow(this.values, length);
    const nextFree = new Int32Array(length);
    nextFree.set(this.#nextFree);
    for (let i = old; i < length; i++) nextFree[i] = i;
    this.#nextFree = nextFree;
  }

  /** The first free cell from `at` on. */
  #free(at: number): number {
    const next = this.#nextFree;
    let end = at;
    while (end < next.length && next[end] !== end) end = next[end];
    // What was passed over is passed in one step the next time.
    while (at < end) {
      const step = next[at];
      next[at] = end;
      at = step;
    }
    return end;
  }

  /** A base at which all children find free cells. */
  find(children: readonly number[]): number {
    const kind = children.length > 1 ? 1 : 0;
    const first = children[0], last = children[children.length - 1];
    let cell = Math.max(this.#from[kind], first + 1);
    for (let tries = 0;; tries++) {
      cell = this.#free(cell);
      const base = cell - first;
      this.reserve(base + last + 1);
      let fits = true;
      for (let i = 1; i < children.length && fits; i++) {
        fits = this.cells[2 * (base + children[i]) + 1] === -1;
      }
      if (fits) {
        if (kind === 0 || tries > PATIENCE) this.#from[kind] = Math.max(this.#from[kind], cell);
        return base;
      }
      cell++;
    }
  }

  take(cell: number, parent: number): void {
    this.cells[2 * cell + 1] = parent;
    this.#nextFree[cell] = cell + 1;
    this.used = Math.max(this.used, cell + 1);
  }
}

/**
 * Builds a trie. Keys are sorted by their codes, none is empty, and no two are equal.
 *
 * @param out memory to build it in; a trie that was there before is lost.
 */
export function buildTrie(
  { codes, places, lengths, greatest }: SortedKeys,
  out: TrieCells = new TrieCells(false),
): Trie {
  out.clear();
  out.reserve(Math.max(1024, places.length));
  out.take(0, 0);
  // Keys from..to share the first `depth` codes, which lead to `node`.
  const nodes: number[] = [0], from: number[] = [0], to: number[] = [places.length];
  const depths: number[] = [0];
  while (nodes.length > 0) {
    const node = nodes.pop()!, end = to.pop()!, depth = depths.pop()!;
    let key = from.pop()!;
    if (key < end && lengths[key] === depth) out.values[node] = key++;
    if (key === end) continue;
    const children: number[] = [], starts: number[] = [];
    for (let last = -1; key < end; key++) {
      const code = codes[places[key] + depth];
      if (code === last) continue;
      children.push(last = code);
      starts.push(key);
    }
    const base = out.find(children);
    out.cells[2 * node] = base;
    starts.push(end);
    for (let i = 0; i < children.length; i++) {
      const cell = base + children[i];
      out.take(cell, node);
      nodes.push(cell);
      from.push(starts[i]);
      to.push(starts[i + 1]);
      depths.push(depth + 1);
    }
  }
  // With room for the greatest code behind the last cell no lookup leaves the table.
  const size = out.used + greatest + 1;
  out.reserve(size);
  return { cells: out.cells.subarray(0, 2 * size), values: out.values.subarray(0, size) };
}

/** A trie over the UTF-16 units of strings. */
export class StringTrie {
  /** Code of each unit; 0 for units in no key. */
  readonly codes = new Uint16Array(65536);
  /** Base and parent of each cell. */
  readonly cells: Int32Array;
  /** Value of each node; −1 where no key ends. */
  readonly values: Int32Array;

  /** Maps each key to its value (from 0 on). */
  constructor(entries: readonly (readonly [string, number])[]) {
    const keyed = new Map(entries);
    keyed.delete("");
    const keys = [...keyed.keys()].sort((a, b) => a < b ? -1 : 1);
    for (const key of keys) for (let i = 0; i < key.length; i++) this.codes[key.charCodeAt(i)] = 1;
    let code = 0;
    for (let unit = 0; unit < 65536; unit++) if (this.codes[unit] > 0) this.codes[unit] = ++code;
    const places = new Int32Array(keys.length), lengths = new Int32Array(keys.length);
    let length = 0;
    keys.forEach((key, i) => {
      places[i] = length;
      length += lengths[i] = key.length;
    });
    const codes = new Uint16Array(length);
    keys.forEach((key, i) => {
      for (let j = 0; j < key.length; j++) codes[places[i] + j] = this.codes[key.charCodeAt(j)];
    });
    const { cells, values } = buildTrie({ codes, places, lengths, greatest: code });
    this.cells = cells;
    this.values = values.map((key) => key < 0 ? -1 : keyed.get(keys[key])!);
  }

  /** The node under `node` for a unit, or −1. */
  child(node: number, unit: number): number {
    const code = this.codes[unit];
    if (code === 0) return -1;
    const next = this.cells[2 * node] + code;
    return this.cells[2 * next + 1] === node ? next : -1;
  }

  /** The longest key that starts at a place of a text, as its value and length. */
  longest(text: string, at: number): { value: number; length: number } | undefined {
    let node = 0, value = -1, length = 0;
    for (let i = at; i < text.length; i++) {
      node = this.child(node, text.charCodeAt(i));
      if (node === -1) break;
      if (this.values[node] >= 0) [value, length] = [this.values[node], i + 1 - at];
    }
    return value >= 0 ? { value, length } : undefined;
  }
}
