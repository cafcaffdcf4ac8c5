/**
 * Bytes of text as strings, strictly: what is not in the encoding that was asked for is an error that says
 * where, what the text looks like, and how to convert it.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";

/** Makes the error of a text from what is wrong, the byte at which it is, and what to do. */
export type TextFault = (what: string, byte: number, advice: string) => Error;

/** Encodings that Japanese text comes in, and what iconv calls them. */
const CANDIDATES: Readonly<Record<string, string>> = {
  "shift_jis": "CP932",
  "euc-jp": "EUC-JP",
  "iso-2022-jp": "ISO-2022-JP",
  "utf-16le": "UTF-16LE",
  "utf-16be": "UTF-16BE",
};

/** Bytes of a sample that an encoding is guessed from. */
const SAMPLE_BYTES = 1 << 16;

/** The least share of kana, of what is not ASCII, that makes a guess. */
const LEAST_KANA = 0.15;

/** The largest share of broken characters that still is damaged UTF-8 and not another encoding. */
const MOST_DAMAGE = 0.1;

/** Bytes of the longest character of any encoding, less one. */
const PENDING = 3;

/** What marks ISO-2022-JP, all of whose bytes are ASCII. */
const JIS_ESCAPES = ["\x1b$B", "\x1b$@"];

/**
 * The canonical name of an encoding.
 *
 * @throws {PipelineError} for one that the platform does not know.
 */
export function encodingName(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new PipelineError(
      `encoding ${label} is not known; such are utf-8, ${Object.keys(CANDIDATES).join(", ")}`,
    );
  }
}

/** Decodes a text from its beginning, as its bytes come. */
export class TextReader {
  readonly #encoding: string;
  readonly #fault: TextFault;
  readonly #name: string;
  readonly #flag: boolean;
  #decoder: TextDecoder;
  #bytes = 0;
  #last: Uint8Array = new Uint8Array(0);

  /**
   * Begins a text.
   *
   * @param name of the file, for the command that converts it.
   * @param encoding of the text, where a person may choose it; messages then name `--encoding`. UTF-8
   *   without that.
   */
  constructor(name: string, fault: TextFault, encoding?: string) {
    this.#name = name;
    this.#fault = fault;
    this.#flag = encoding !== undefined;
    encoding ??= "utf-8";
    this.#encoding = encoding;
    this.#decoder = new TextDecoder(encoding, { fatal: true });
  }

  /** Begins the text of a file: faults name it. */
  static ofFile(name: string, encoding?: string): TextReader {
    const fault: TextFault = (what, byte, advice) =>
      new PipelineError(`${name}: ${what} at byte ${byte}; ${advice}`);
    return new TextReader(name, fault, encoding);
  }

  /** The text of the next bytes. */
  decode(bytes: Uint8Array): string {
    if (this.#bytes === 0) this.#begin(bytes);
    let text: string;
    try {
      text = this.#decoder.decode(bytes, { stream: true });
    } catch {
      throw this.#misfit(bytes);
    }
    if (this.#encoding === "utf-8" && JIS_ESCAPES.some((mark) => text.includes(mark))) {
      throw this.#otherEncoding("looks like iso-2022-jp", "iso-2022-jp", this.#bytes);
    }
    this.#bytes += bytes.length;
    this.#last = bytes.length >= PENDING
      ? bytes.slice(-PENDING)
      : Uint8Array.from([...this.#last, ...bytes]).slice(-PENDING);
    return text;
  }

  /** Ends the text; gives back what was still to come. */
  end(): string {
    try {
      return this.#decoder.decode();
    } catch {
      throw this.#fault(
        "the text ends inside a character",
        this.#bytes,
        "it is cut short; use a whole copy",
      );
    }
  }

  /** Looks at the first bytes for marks of UTF-16, which may also decode as something else. */
  #begin(bytes: Uint8Array): void {
    const big = bytes[0] === 0xfe && bytes[1] === 0xff;
    const little = bytes[0] === 0xff && bytes[1] === 0xfe;
    if (this.#encoding === "utf-16le" && big) {
      this.#decoder = new TextDecoder("utf-16be", { fatal: true });
    }
    if (this.#encoding.startsWith("utf-16")) return;
    const likely = big ? "utf-16be" : little ? "utf-16le" : zeroBytes(bytes);
    if (likely) throw this.#otherEncoding(`looks like ${likely}`, likely, 0);
  }

  /** The error for bytes that the decoder refused. */
  #misfit(bytes: Uint8Array): Error {
    const { byte, value } = this.#locate(bytes);
    const name = this.#encoding === "utf-8" ? "UTF-8" : this.#encoding;
    const what = `not ${name} (0x${value.toString(16).padStart(2, "0")})`;
    if (this.#encoding !== "utf-8") {
      return this.#fault(what, byte, "check --encoding");
    }
    const likely = guess(bytes.subarray(0, SAMPLE_BYTES));
    if (likely === "utf-8") {
      const command = this.#command("iconv -f UTF-8 -t UTF-8 -c");
      return this.#fault(what, byte, `a damaged byte? \`${command}\` leaves out such bytes`);
    }
    if (likely) return this.#otherEncoding(`${what}, but looks like ${likely},`, likely, byte);
    const advice = this.#flag ? "name its encoding with --encoding" : "convert it to UTF-8";
    return this.#fault(what, byte, advice);
  }

  #otherEncoding(what: string, likely: string, byte: number): Error {
    const command = this.#command(`iconv -f ${CANDIDATES[likely]} -t UTF-8`);
    const flag = this.#flag ? `, or add --encoding ${likely}` : "";
    return this.#fault(what, byte, `convert it with \`${command}\`${flag}`);
  }

  /** A command with the text for input. */
  #command(convert: string): string {
    const name = this.#name;
    if (!/[./]/.test(name)) return convert;
    const unpack = name.endsWith(".gz") ? "gunzip" : name.endsWith(".bz2") ? "bunzip2" : "";
    return unpack ? `${unpack} -c ${name} | ${convert} > NEW` : `${convert} ${name} > NEW`;
  }

  /** The byte of the text at which the first broken character starts, and its value. */
  #locate(bytes: Uint8Array): { byte: number; value: number } {
    // A character may have begun in the bytes before.
    const begun =
      [1, 2, 3].map((count) => this.#last.slice(-count)).find((tail) =>
        decodes(tail, this.#encoding, false) && !decodes(tail, this.#encoding, true)
      ) ?? new Uint8Array(0);
    const joined = Uint8Array.from([...begun, ...bytes]);
    const start = brokenAt(joined, this.#encoding);
    return { byte: this.#bytes - begun.length + start, value: joined[start] };
  }
}

/** A stream of text as UTF-8, checked; text in another encoding is converted. */
export async function* asUtf8(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  reader: TextReader,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  for await (const chunk of bytes) yield encoder.encode(reader.decode(chunk));
  yield encoder.encode(reader.end());
}

/** Whether bytes decode; `whole` ones may not end inside a character. */
function decodes(bytes: Uint8Array, encoding: string, whole: boolean): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: !whole });
    return true;
  } catch {
    return false;
  }
}

/** Where the first broken character starts. */
function brokenAt(bytes: Uint8Array, encoding: string): number {
  let good = 0, bad = bytes.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (decodes(bytes.subarray(0, middle), encoding, false)) good = middle;
    else bad = middle;
  }
  let start = good;
  while (
    start > 0 && good - start < PENDING && !decodes(bytes.subarray(0, start), encoding, true)
  ) {
    start--;
  }
  return Math.min(start, bytes.length - 1);
}

/** UTF-16 by its zero bytes: every other one, of ASCII characters and line ends. */
function zeroBytes(bytes: Uint8Array): string | undefined {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const zeros = [0, 0];
  sample.forEach((byte, i) => byte === 0 && zeros[i % 2]++);
  const [even, odd] = zeros.map((count) => count >= 2 && count > sample.length / 50);
  return even === odd ? undefined : even ? "utf-16be" : "utf-16le";
}

/** The encoding that a sample of Japanese text is likely in. */
function guess(sample: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(sample);
  if (share(text, /\ufffd/g) < MOST_DAMAGE) return "utf-8";
  let best: string | undefined, most = LEAST_KANA;
  for (const encoding of Object.keys(CANDIDATES)) {
    const text = new TextDecoder(encoding).decode(sample);
    const wrong = share(text, /[\ufffd\uff61-\uff9f\ue000-\uf8ff\x80-\x9f]/g);
    const score = share(text, /[、。ぁ-んァ-ヶー]/g) - 4 * wrong;
    if (score > most) [best, most] = [encoding, score];
  }
  return best;
}

/** What part of the characters that are not ASCII a pattern finds. */
function share(text: string, pattern: RegExp): number {
  const all = text.match(/[\u0080-\uffff]/g)?.length ?? 0;
  return (text.match(pattern)?.length ?? 0) / Math.max(1, all);
}
