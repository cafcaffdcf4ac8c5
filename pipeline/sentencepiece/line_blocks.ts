/**
 * Streams of lines as blocks of bytes, and bytes that need not be UTF-8 as text and back.
 *
 * @module
 */

/** Bytes of a block, and a line or more beyond. */
const BLOCK = 1 << 19;

const LINE_END = 10;

/** The lines of a block; behind the last line end none begins. */
export function linesOf(block: Uint8Array): string[] {
  const lines = decodeText(block).split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  return lines;
}

/** UTF-8 to text; a byte that is no UTF-8 becomes half a surrogate pair, which no text can hold. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return decodeDamaged(bytes);
  }
}

function decodeDamaged(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    try {
      parts.push(decoder.decode(bytes.subarray(at, at + length)));
      at += length;
    } catch {
      parts.push(String.fromCharCode(0xdc00 | first));
      at++;
    }
  }
  return parts.join("");
}

/** Cuts a stream behind line ends into blocks of some size. */
export async function* lineBlocks(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): Uint8Array<ArrayBuffer> => {
    const block = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      block.set(part, at);
      at += part.length;
    }
    [parts, length] = [[], 0];
    return block;
  };
  for await (const chunk of stream) {
    const cut = length + chunk.length < BLOCK ? 0 : chunk.lastIndexOf(LINE_END) + 1;
    if (cut > 0) {
      parts.push(chunk.subarray(0, cut));
      length += cut;
      yield take();
    }
    if (cut < chunk.length) {
      parts.push(chunk.subarray(cut));
      length += chunk.length - cut;
    }
  }
  if (length > 0) yield take();
}

/** Text to UTF-8; the half pairs of {@linkcode decodeText} become the bytes that they stand for. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  const utf8 = new TextEncoder();
  if (text.isWellFormed()) return utf8.encode(text);
  const parts: Uint8Array[] = [];
  let start = 0, length = 0;
  const push = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
  };
  for (const { index, 0: half } of text.matchAll(/[\udc80-\udcff]/gu)) {
    push(utf8.encode(text.slice(start, index)));
    push(Uint8Array.of(half.charCodeAt(0) & 0xff));
    start = index + 1;
  }
  push(utf8.encode(text.slice(start)));
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
