/**
 * What kind of file a dump is, by its first bytes, and what to do with files that are none.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";

/** How a dump is packed. */
export type DumpKind = "xml" | "bzip2" | "gzip" | "zstd" | "xz" | "7z";

/** Bytes by which packed files begin. */
const BEGINNINGS: Readonly<Record<Exclude<DumpKind, "xml">, readonly number[]>> = {
  "bzip2": [0x42, 0x5a, 0x68],
  "gzip": [0x1f, 0x8b],
  "zstd": [0x28, 0xb5, 0x2f, 0xfd],
  "xz": [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  "7z": [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c],
};

/** Tools that decode what is not decoded here, with their packages. */
const TOOLS: Partial<Record<DumpKind, string>> = {
  "zstd": "zstd",
  "xz": "xz",
  "7z": "7z (of the package p7zip-full or 7zip)",
};

/** Files that people take for dumps, by how they begin, and what they are. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/^\s*<!doctype html/i, "is a web page, not a dump: what was downloaded is an error or a form"],
  [/^\d+:\d+:/, "is the index of a multistream dump; give the dump itself, and this by --index"],
  [/^\s*(?:--|\/\*|INSERT |CREATE )/i, "is an SQL dump; give …-pages-articles.xml"],
  [/^\s*[[{]/, "is JSON, not XML; give …-pages-articles.xml"],
  [/^PK/, "is a ZIP archive; unpack it and give the XML"],
  [/^\s*[0-9a-f]{32,64} /, "is a list of checksums; give the dump itself"],
];

/** What a text is that does not begin as XML; undefined where nobody knows. */
export function otherKind(text: string): string | undefined {
  return OTHERS.find(([beginning]) => beginning.test(text))?.[1];
}

/**
 * Tells the kind of a file.
 *
 * @param head its first bytes.
 * @param name of the file, for messages.
 * @param hasTool whether a tool is given that decodes what is not decoded here.
 * @throws {PipelineError} when it is empty, no dump, or wants a tool.
 */
export function tellKind(head: Uint8Array, name: string, hasTool: boolean): DumpKind {
  if (head.length === 0) throw new PipelineError(`${name} is empty; use a whole copy`);
  for (const [kind, bytes] of Object.entries(BEGINNINGS) as [DumpKind, readonly number[]][]) {
    if (!bytes.every((byte, i) => head[i] === byte)) continue;
    if (TOOLS[kind] === undefined || hasTool) return kind;
    throw new PipelineError(
      `${name} is packed with ${kind}, which an installed tool must decode: add --decompressor ` +
        TOOLS[kind],
    );
  }
  const text = new TextDecoder().decode(head);
  const other = otherKind(text);
  if (other !== undefined) throw new PipelineError(`${name} ${other}`);
  // With its zero bytes, UTF-16 looks the same; it is told where it is decoded.
  if (/^(?:\ufffd\ufffd)?[\0\s]*</.test(text)) return "xml";
  const shown = [...head.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0"));
  throw new PipelineError(
    `${name} is neither XML nor bzip2 nor gzip (it starts with ${shown.join(" ")}); ` +
      "give a MediaWiki dump",
  );
}
