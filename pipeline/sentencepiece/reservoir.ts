/**
 * Sampling as the original does it: a reservoir driven by the Mersenne Twister with a fixed seed, so that
 * both trainers see the same sentences.
 *
 * @module
 */

const STATE = 624, SHIFT = 397;

/** MT19937 (Matsumoto and Nishimura, 1998). */
export class MersenneTwister {
  readonly #state = new Uint32Array(STATE);
  #at = STATE;

  /** @param seed 32 bits. */
  constructor(seed: number) {
    this.#state[0] = seed;
    for (let i = 1; i < STATE; i++) {
      const previous = this.#state[i - 1];
      this.#state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** The next 32 bits. */
  next(): number {
    const state = this.#state;
    if (this.#at === STATE) {
      for (let i = 0; i < STATE; i++) {
        const mixed = (state[i] & 0x80000000) | (state[(i + 1) % STATE] & 0x7fffffff);
        const odd = (mixed & 1) === 1 ? 0x9908b0df : 0;
        state[i] = state[(i + SHIFT) % STATE] ^ (mixed >>> 1) ^ odd;
      }
      this.#at = 0;
    }
    let bits = state[this.#at++];
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  }

  /** A number from 0 to n − 1, each with the same chance (Lemire, 2019). */
  below(n: number): number {
    const least = 2 ** 32 % n;
    for (;;) {
      const product = BigInt(this.next()) * BigInt(n);
      if (Number(product & 0xffffffffn) >= least) return Number(product >> 32n);
    }
  }
}

/** A sample in which each item that was offered is with the same chance. */
export class Reservoir<Item> {
  /** The items chosen so far. */
  readonly items: Item[] = [];
  readonly #size: number;
  readonly #random: MersenneTwister;
  #offered = 0;

  /** @param size how many items the sample has. */
  constructor(size: number, seed: number) {
    this.#size = size;
    this.#random = new MersenneTwister(seed);
  }

  /** Takes the item or not. */
  offer(item: Item): void {
    if (this.#size === 0) return;
    this.#offered++;
    if (this.items.length < this.#size) {
      this.items.push(item);
      return;
    }
    const place = this.#random.below(this.#offered);
    if (place < this.#size) this.items[place] = item;
  }
}
