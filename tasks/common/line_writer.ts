/** Lines to standard output in large writes. */

const FLUSH_CHARACTERS = 1 << 16;

/** Collects lines and writes many at once. */
export class LineWriter {
  #lines: string[] = [];
  #length = 0;

  /** Adds a line. */
  async write(line: string): Promise<void> {
    this.#lines.push(line, "\n");
    this.#length += line.length;
    if (this.#length > FLUSH_CHARACTERS) await this.flush();
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    const bytes = new TextEncoder().encode(this.#lines.join(""));
    this.#lines = [];
    this.#length = 0;
    await writeOut(bytes);
  }
}

/** Writes all of these bytes to standard output. */
export async function writeOut(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}
