/**
 * A decoder of bzip2, block by block: Huffman codes, move-to-front, the inverse of Burrows and Wheeler's
 * transform, and two encodings of runs, checked by the sums that blocks and streams carry.
 *
 * @module
 */
import type { ByteInput } from "./byte_input.ts";

/** bzip2 that cannot be decoded. */
export class Bzip2Fault extends Error {
  /** The class's name, for messages. */
  override name = "Bzip2Fault";
}

const BLOCK_MAGIC = [0x314159, 0x265359] as const;
const END_MAGIC = [0x177245, 0x385090] as const;

/** Symbols of an alphabet at most: 256 bytes, two for runs, one for the end. */
const MOST_SYMBOLS = 258;
const LONGEST_CODE = 20;
/** Symbols that share a table of codes. */
const GROUP = 50;
/** Bits of a code that are looked up at once. */
const LOOKUP_BITS = 10;

const WINDOW_BYTES = 1 << 16;

/** The bits of an input, the highest of a byte first. */
class BitInput {
  readonly #input: ByteInput;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bits that were read and not used, at the top. */
  #held = 0;
  #count = 0;

  constructor(input: ByteInput) {
    this.#input = input;
  }

  #refill(): void {
    this.#input.skip(this.#at);
    this.#bytes = this.#input.peek(WINDOW_BYTES);
    this.#at = 0;
    if (this.#bytes.length === 0) throw new Bzip2Fault("it ends too early");
  }

  /** Makes sure that the next bits are held, up to 25; behind the end of the input there are zeros. */
  #hold(): void {
    while (this.#count <= 24) {
      if (this.#at === this.#bytes.length) {
        this.#input.skip(this.#at);
        this.#bytes = this.#input.peek(WINDOW_BYTES);
        this.#at = 0;
        if (this.#bytes.length === 0) return;
      }
      this.#held |= this.#bytes[this.#at++] << (24 - this.#count);
      this.#count += 8;
    }
  }

  /** The next bits as a number, up to 24 of them. */
  read(bits: number): number {
    if (this.#count < bits) {
      this.#hold();
      if (this.#count < bits) this.#refill();
    }
    const value = this.#held >>> (32 - bits);
    this.#held <<= bits;
    this.#count -= bits;
    return value;
  }

  /** Reads the symbol of a code. */
  symbol(codes: Codes): number {
    if (this.#count < LONGEST_CODE) this.#hold();
    const found = codes.lookup[this.#held >>> (32 - LOOKUP_BITS)];
    if (found !== 0) {
      const length = found & 31;
      this.#held <<= length;
      this.#count -= length;
      if (this.#count < 0) this.#refill();
      return found >>> 5;
    }
    for (let length = LOOKUP_BITS + 1; length <= LONGEST_CODE; length++) {
      const code = this.#held >>> (32 - length);
      if (code < codes.limits[length]) {
        this.#held <<= length;
        this.#count -= length;
        if (this.#count < 0) this.#refill();
        return codes.symbols[code - codes.offsets[length]];
      }
    }
    throw new Bzip2Fault("a code that stands for nothing");
  }

  /** The byte of the input that holds the next bit. */
  get position(): number {
    return this.#input.position + this.#at - (this.#count >> 3);
  }

  /** Goes on to the next whole byte and gives back those that were not used. */
  align(): void {
    const unused = this.#count >> 3;
    this.#input.skip(this.#at - unused);
    this.#bytes = new Uint8Array(0);
    this.#at = this.#held = this.#count = 0;
  }
}

/** Codes of an alphabet. */
class Codes {
  /** By the next bits: the symbol, and in the lowest five bits its length; 0 for longer ones. */
  readonly lookup = new Uint16Array(1 << LOOKUP_BITS);
  /** The first number that is no code of a length. */
  readonly limits = new Int32Array(LONGEST_CODE + 1);
  /** What to take from a code of a length to find its symbol. */
  readonly offsets = new Int32Array(LONGEST_CODE + 1);
  /** Symbols by length and number. */
  readonly symbols = new Uint16Array(MOST_SYMBOLS);

  /** Takes the lengths of the codes of all symbols. */
  set(lengths: Uint8Array, count: number): void {
    const numbers = new Int32Array(LONGEST_CODE + 2);
    for (let i = 0; i < count; i++) numbers[lengths[i]]++;
    let code = 0, symbol = 0;
    this.lookup.fill(0);
    for (let length = 1; length <= LONGEST_CODE; length++) {
      this.offsets[length] = code - symbol;
      for (let i = 0; numbers[length] > 0 && i < count; i++) {
        if (lengths[i] !== length) continue;
        this.symbols[symbol++] = i;
        if (length <= LOOKUP_BITS) {
          const shift = LOOKUP_BITS - length;
          this.lookup.fill((i << 5) | length, code << shift, (code + 1) << shift);
        }
        code++;
      }
      if (code > 1 << length) throw new Bzip2Fault("more codes than their lengths allow");
      this.limits[length] = code;
      code <<= 1;
    }
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 24;
  for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c11db7 : sum << 1;
  return sum >>> 0;
});

/** Decodes one stream after the other, with the memory of one block. */
export class Bzip2Decoder {
  readonly #input: ByteInput;
  readonly #bits: BitInput;
  readonly #tables = Array.from({ length: 6 }, () => new Codes());
  readonly #lengths = new Uint8Array(MOST_SYMBOLS);
  readonly #selectors = new Uint8Array(1 << 15);
  #selectorCount = 0;
  /** Bytes of a block as they were sorted, in the lowest eight bits; above them, who comes next. */
  #sorted: Uint32Array = new Uint32Array(0);
  #output = new Uint8Array(1 << 20);
  #blockSize = 0;
  #streamSum = 0;

  /** Reads on from where the input stands. */
  constructor(input: ByteInput) {
    this.#input = input;
    this.#bits = new BitInput(input);
  }

  /** The byte of the input up to which it was decoded. */
  get position(): number {
    return this.#bits.position;
  }

  /** Begins a stream: `BZh`, and the size of its blocks as a digit. */
  begin(): void {
    const [b, z, h, level] = [0, 1, 2, 3].map(() => this.#bits.read(8));
    if (b !== 0x42 || z !== 0x5a || h !== 0x68 || level < 0x31 || level > 0x39) {
      throw new Bzip2Fault("what follows is no bzip2 stream");
    }
    this.#blockSize = (level - 0x30) * 100_000;
    if (this.#sorted.length < this.#blockSize) this.#sorted = new Uint32Array(this.#blockSize);
    this.#streamSum = 0;
  }

  /** The bytes of the next block; undefined at the end of the stream, behind which the input then stands. */
  block(): Uint8Array | undefined {
    const magic = [this.#bits.read(24), this.#bits.read(24)];
    const sum = this.#readSum();
    if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) {
      if (sum !== this.#streamSum >>> 0) throw new Bzip2Fault("wrong checksum of a stream");
      this.#bits.align();
      return undefined;
    }
    if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) {
      throw new Bzip2Fault("neither a block nor the end of a stream");
    }
    if (this.#bits.read(1) === 1) throw new Bzip2Fault("blocks of bzip2 before 0.9.5, from 1997");
    const first = this.#bits.read(24);
    if (first >= this.#blockSize) throw new Bzip2Fault("a block that begins outside of itself");
    const length = this.#readSorted();
    if (first >= length) throw new Bzip2Fault("a block that begins outside of itself");
    const bytes = this.#unsort(first, length);
    const found = checksum(bytes);
    if (found !== sum) throw new Bzip2Fault("wrong checksum of a block");
    this.#streamSum = ((this.#streamSum << 1) | (this.#streamSum >>> 31)) ^ found;
    return bytes;
  }

  #readSum(): number {
    return (this.#bits.read(16) * 0x10000 + this.#bits.read(16)) >>> 0;
  }

  /** Bytes that a block has, in order: 16 bits say which sixteenths have any. */
  #readAlphabet(): Uint8Array {
    const bits = this.#bits, ranges = bits.read(16), alphabet: number[] = [];
    for (let range = 0; range < 16; range++) {
      if ((ranges & (0x8000 >> range)) === 0) continue;
      const used = bits.read(16);
      for (let i = 0; i < 16; i++) if (used & (0x8000 >> i)) alphabet.push(16 * range + i);
    }
    if (alphabet.length === 0) throw new Bzip2Fault("a block without bytes");
    return Uint8Array.from(alphabet);
  }

  /** Reads which table serves which group of symbols, and the tables. */
  #readTables(symbols: number): void {
    const bits = this.#bits, tables = bits.read(3), count = bits.read(15);
    if (tables < 2 || tables > 6 || count === 0) {
      throw new Bzip2Fault("an impossible table of codes");
    }
    const order = Array.from({ length: tables }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      let at = 0;
      while (bits.read(1) === 1) {
        if (++at >= tables) throw new Bzip2Fault("a table that is not there");
      }
      const [table] = order.splice(at, 1);
      order.unshift(table);
      this.#selectors[i] = table;
    }
    this.#selectorCount = count;
    for (let table = 0; table < tables; table++) {
      let length = bits.read(5);
      for (let i = 0; i < symbols; i++) {
        while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1;
        if (length < 1 || length > LONGEST_CODE) {
          throw new Bzip2Fault("a code of impossible length");
        }
        this.#lengths[i] = length;
      }
      this.#tables[table].set(this.#lengths, symbols);
    }
  }

  /** Reads a block as it was sorted, and says how long it is. */
  #readSorted(): number {
    const bits = this.#bits, sorted = this.#sorted, size = this.#blockSize;
    // Bytes by how lately they came.
    const recent = this.#readAlphabet();
    const end = recent.length + 1;
    this.#readTables(end + 1);
    let length = 0, run = 0, weight = 1, group = 0, left = 0, codes = this.#tables[0];
    for (;;) {
      if (left === 0) {
        if (group >= this.#selectorCount) throw new Bzip2Fault("a block without an end");
        codes = this.#tables[this.#selectors[group++]];
        left = GROUP;
      }
      left--;
      const symbol = bits.symbol(codes);
      if (symbol <= 1) {
        // The length of a run, in digits of one and two.
        run += weight << symbol;
        weight *= 2;
        if (run > size) throw new Bzip2Fault("a run longer than its block");
        continue;
      }
      if (run > 0) {
        if (length + run > size) throw new Bzip2Fault("a block longer than its stream allows");
        sorted.fill(recent[0], length, length + run);
        length += run;
        run = 0;
        weight = 1;
      }
      if (symbol === end) return length;
      if (length >= size) throw new Bzip2Fault("a block longer than its stream allows");
      const at = symbol - 1, byte = recent[at];
      if (at < 16) { for (let i = at; i > 0; i--) recent[i] = recent[i - 1]; }
      else recent.copyWithin(1, 0, at);
      recent[0] = byte;
      sorted[length++] = byte;
    }
  }

  /** Undoes the sorting, and the runs of four and more that were shortened before it. */
  #unsort(first: number, length: number): Uint8Array {
    const sorted = this.#sorted, starts = new Uint32Array(257);
    for (let i = 0; i < length; i++) starts[(sorted[i] & 0xff) + 1]++;
    for (let byte = 0; byte < 256; byte++) starts[byte + 1] += starts[byte];
    for (let i = 0; i < length; i++) sorted[starts[sorted[i] & 0xff]++] |= i << 8;
    let output = this.#output, filled = 0;
    let entry = sorted[first], last = -1, repeated = 0;
    for (let i = 0; i < length; i++) {
      entry = sorted[entry >>> 8];
      const byte = entry & 0xff;
      if (filled + 256 > output.length) {
        const grown = new Uint8Array(2 * output.length);
        grown.set(output);
        output = this.#output = grown;
      }
      if (repeated === 4) {
        // Behind four equal bytes stands how many more there were.
        output.fill(last, filled, filled + byte);
        filled += byte;
        repeated = 0;
        last = -1;
        continue;
      }
      repeated = byte === last ? repeated + 1 : 1;
      last = byte;
      output[filled++] = byte;
    }
    return output.slice(0, filled);
  }

  /** Whether nothing is left of the input, but zero bytes, which are passed. */
  atEnd(): boolean {
    while (this.#input.peek(1)[0] === 0) this.#input.skip(1);
    return this.#input.eof();
  }
}

function checksum(bytes: Uint8Array): number {
  let sum = -1;
  for (let i = 0; i < bytes.length; i++) {
    sum = (sum << 8) ^ CRC_TABLE[(sum >>> 24) ^ bytes[i]];
  }
  return ~sum >>> 0;
}
