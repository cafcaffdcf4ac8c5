/**
 * The pages of a MediaWiki export, one after the other.
 *
 * @module
 */
import { SAXParser } from "sax-ts";
import { PipelineError } from "../errors.ts";
import type { DumpChunk } from "./source.ts";

/** One page as the dump has it. */
export interface WikiPage {
  /** Page id. */
  readonly id: string;
  /** Title. */
  readonly title: string;
  /** Namespace number. */
  readonly namespace: number;
  /** Where it redirects to. */
  readonly redirect: string | undefined;
  /** Wikitext of its latest revision. */
  readonly wikitext: string;
}

/** Elements whose text is kept, as a path below `page`. */
const KEPT: ReadonlySet<string> = new Set(["title", "ns", "id", "revision/text"]);

/**
 * Parses XML as it comes and yields its pages.
 *
 * @param onRead told how many bytes of the dump have been read.
 * @throws {PipelineError} naming the byte (of the decoded XML) where the XML is broken or ends.
 */
export async function* readPages(
  chunks: AsyncIterable<DumpChunk> | Iterable<DumpChunk>,
  name: string,
  onRead?: (bytes: number) => void,
): AsyncGenerator<WikiPage> {
  const parser = new SAXParser(true, {}) as unknown as TypedParser;
  const decoder = new TextDecoder("utf-8");
  const pages: WikiPage[] = [];
  const path: string[] = [];
  let fields: Record<string, string[]> = {};
  let redirect: string | undefined;
  let wanted: string | undefined;
  let fault: { message: string; position: number } | undefined;
  let seen = false, sawPage = false;
  parser.onerror = (error): void => {
    // The parser goes on to the end of its chunk, so the place is taken down here.
    fault ??= { message: error.message.split("\n")[0], position: parser.position };
  };
  parser.onopentag = ({ name: tag, attributes }): void => {
    path.push(tag);
    seen = true;
    if (tag === "page") {
      sawPage = true;
      fields = {};
      redirect = undefined;
    }
    const inPage = path.slice(path.lastIndexOf("page") + 1).join("/");
    if (inPage === "redirect") redirect = attributes.title ?? "";
    wanted = path.includes("page") && KEPT.has(inPage) ? inPage : undefined;
  };
  parser.ontext = (text): void => {
    if (wanted !== undefined) (fields[wanted] ??= []).push(text);
  };
  parser.oncdata = parser.ontext;
  parser.onclosetag = (tag): void => {
    path.pop();
    wanted = undefined;
    if (tag !== "page") return;
    const field = (key: string): string => (fields[key] ?? []).join("");
    pages.push({
      id: field("id"),
      title: field("title"),
      namespace: Number(field("ns") || "0"),
      redirect,
      wikitext: field("revision/text"),
    });
  };
  let bytesBefore = 0, charactersBefore = 0;
  const feed = (text: string): void => {
    parser.write(text);
    if (fault === undefined) return;
    const within = Math.max(0, fault.position - charactersBefore);
    const at = bytesBefore + new TextEncoder().encode(text.slice(0, within)).length;
    throw new PipelineError(
      `${name}: broken XML at byte ${at}: ${fault.message}; download it again`,
    );
  };
  for await (const { bytes, read } of chunks) {
    const text = decoder.decode(bytes, { stream: true });
    feed(text);
    bytesBefore += bytes.length;
    charactersBefore += text.length;
    onRead?.(read);
    yield* pages.splice(0);
  }
  if (!seen) throw new PipelineError(`${name} holds no XML element; give a MediaWiki dump`);
  if (path.length > 0) {
    throw new PipelineError(
      `${name} is cut short: it ends at byte ${bytesBefore} of XML inside <${path.join("><")}>; ` +
        "download it again",
    );
  }
  if (!sawPage) throw new PipelineError(`${name} holds no page; give a pages-articles dump`);
}

/** The part of sax-ts that is used, typed. */
interface TypedParser {
  position: number;
  write(text: string): void;
  onerror: (error: Error) => void;
  onopentag: (tag: { name: string; attributes: Record<string, string> }) => void;
  ontext: (text: string) => void;
  oncdata: (text: string) => void;
  onclosetag: (name: string) => void;
}
