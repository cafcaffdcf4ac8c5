/**
 * The pages of a MediaWiki export, one after the other.
 *
 * @module
 */
import { SAXParser } from "sax-ts";
import { TextReader } from "../text/encoding.ts";

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

/** XML that breaks a rule. */
export interface XmlFault {
  /** What kind of fault. */
  readonly message: string;
  /** The byte of what was written at which it is broken. */
  readonly byte: number;
  /** Which rule is broken, and what to do. */
  readonly advice: string;
}

/** How a parser begins. */
export interface PageParserOptions {
  /** Whether what comes lies within `<mediawiki>`, which stands before it. */
  readonly fragment: boolean;
  /** The file's name, for the command that converts it. */
  readonly name: string;
  /** Whether the text was converted to UTF-8, whatever its head declares. */
  readonly converted?: boolean;
}

/** What the head of XML declares its encoding to be. */
const DECLARED = /^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]{0,40})/;

const ROOT = "mediawiki";

/** Elements whose text is kept, as a path below `page`. */
const KEPT: ReadonlySet<string> = new Set(["title", "ns", "id", "revision/text"]);

/** Parses XML as it comes. */
export class PageParser {
  readonly #parser = new SAXParser(true, {}) as unknown as TypedParser;
  readonly #reader: TextReader;
  readonly #converted: boolean;
  readonly #path: string[] = [];
  readonly #fail: (fault: XmlFault) => Error;
  #pages: WikiPage[] = [];
  #fields: Record<string, string[]> = {};
  #redirect: string | undefined;
  #wanted: string | undefined;
  #fault: { message: string; position: number } | undefined;
  #inTag = false;
  #bytes = 0;
  #characters = 0;

  /**
   * Makes a parser for one document, or for a piece of one.
   *
   * @param fail makes the error to throw of a fault.
   */
  constructor(
    { fragment, name, converted = false }: PageParserOptions,
    fail: (fault: XmlFault) => Error,
  ) {
    this.#fail = fail;
    this.#converted = converted;
    this.#reader = new TextReader(
      name,
      (message, byte, advice) => fail({ message, byte, advice }),
      "utf-8",
    );
    const parser = this.#parser;
    parser.onerror = (error): void => {
      // The parser goes on to the end of its chunk, so the place is taken down here.
      this.#fault ??= { message: error.message.split("\n")[0], position: parser.position };
    };
    parser.onopentag = (tag): void => this.#open(tag);
    parser.ontext = (text): void => {
      // Long texts come in pieces.
      if (this.#wanted !== undefined) (this.#fields[this.#wanted] ??= []).push(text);
    };
    parser.oncdata = parser.ontext;
    parser.onclosetag = (tag): void => this.#close(tag);
    if (fragment) {
      parser.write(`<${ROOT}>`);
      this.#characters = parser.position;
    }
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Names of the elements that are open, the outermost first. */
  get open(): readonly string[] {
    return this.#path;
  }

  /** Whether no page is under way, nor anything that could be the start of one. */
  get betweenPages(): boolean {
    return this.#path.length <= 1 && !this.#inTag;
  }

  /** Takes the next bytes and gives back the pages that are complete. */
  write(bytes: Uint8Array): WikiPage[] {
    const text = this.#reader.decode(bytes);
    if (this.#bytes === 0) this.#checkDeclared(text);
    this.#parser.write(text);
    if (this.#fault !== undefined) {
      const within = Math.max(0, this.#fault.position - this.#characters);
      const byte = this.#bytes + new TextEncoder().encode(text.slice(0, within)).length;
      throw this.#fail({
        message: "broken XML",
        byte,
        advice: `${this.#fault.message}; download it again`,
      });
    }
    this.#bytes += bytes.length;
    this.#characters += text.length;
    const opened = text.lastIndexOf("<"), closed = text.lastIndexOf(">");
    if (opened !== closed) this.#inTag = opened > closed;
    const pages = this.#pages;
    this.#pages = [];
    return pages;
  }

  /** Refuses a document that says that it is not UTF-8. */
  #checkDeclared(text: string): void {
    const declared = DECLARED.exec(text)?.[1].toLowerCase();
    if (this.#converted || declared === undefined || /^(?:utf-?8|us-ascii)$/.test(declared)) return;
    throw this.#fail({
      message: `declares the encoding ${declared}, not UTF-8,`,
      byte: 0,
      advice: `convert it to UTF-8, or add --encoding ${declared}`,
    });
  }

  #open({ name, attributes }: { name: string; attributes: Record<string, string> }): void {
    this.#path.push(name);
    const page = this.#path.lastIndexOf("page");
    const below = this.#path.slice(page + 1).join("/");
    if (name === "page") {
      this.#fields = {};
      this.#redirect = undefined;
    }
    if (below === "redirect") this.#redirect = attributes.title ?? "";
    this.#wanted = page !== -1 && KEPT.has(below) ? below : undefined;
  }

  #close(name: string): void {
    this.#path.pop();
    this.#wanted = undefined;
    if (name !== "page") return;
    const field = (key: string): string => (this.#fields[key] ?? []).join("");
    this.#pages.push({
      id: field("id"),
      title: field("title"),
      namespace: Number(field("ns") || "0"),
      redirect: this.#redirect,
      wikitext: field("revision/text"),
    });
  }
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
