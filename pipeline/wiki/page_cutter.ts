/**
 * XML that comes in chunks, cut behind ends of pages.
 *
 * @module
 */
import { Buffer } from "node:buffer";

const PAGE_END = "</page>";

/** Cuts XML into pieces of at least some bytes. Where it cuts depends on the XML alone, not on how it comes. */
export class PageCutter {
  readonly #least: number;
  #held: Buffer[] = [];
  #bytes = 0;
  /** Whether no page ends in what is held, behind the least length. */
  #searched = false;
  #work = 0;

  /** @param least bytes of a piece; the last may have fewer. */
  constructor(least: number) {
    this.#least = least;
  }

  /** Bytes that wait for the end of their page. */
  get held(): number {
    return this.#bytes;
  }

  /** Bytes that were copied or searched so far: in proportion to those that came, whatever they hold. */
  get work(): number {
    return this.#work;
  }

  /** Takes the next bytes and gives back the pieces that are complete. */
  *push(bytes: Uint8Array): Generator<Buffer> {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const mayEnd = !this.#searched || this.#endsIn(chunk);
    this.#held.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#least || !mayEnd) return;
    let rest = this.#join();
    for (;;) {
      const end = rest.indexOf(PAGE_END, this.#least - PAGE_END.length);
      this.#work += end === -1 ? rest.length : end;
      if (end === -1) break;
      yield rest.subarray(0, end + PAGE_END.length);
      rest = rest.subarray(end + PAGE_END.length);
    }
    this.#held = [rest];
    this.#bytes = rest.length;
    this.#searched = rest.length >= this.#least;
  }

  /** What is left at the end. */
  end(): Buffer {
    return this.#join();
  }

  /** Whether a page ends in a chunk, or over its beginning. */
  #endsIn(chunk: Buffer): boolean {
    this.#work += chunk.length;
    let before = "";
    for (let i = this.#held.length - 1; i >= 0 && before.length < PAGE_END.length - 1; i--) {
      before = this.#held[i].subarray(1 - PAGE_END.length).toString("latin1") + before;
    }
    before = before.slice(1 - PAGE_END.length);
    return chunk.includes(PAGE_END) ||
      (before + chunk.toString("latin1", 0, PAGE_END.length - 1)).includes(PAGE_END);
  }

  #join(): Buffer {
    this.#work += this.#bytes;
    return Buffer.concat(this.#held);
  }
}
