/**
 * The pages of a MediaWiki export, one after the other.
 *
 * @module
 */
import { SAXParser } from "sax-ts";
import { TextReader } from "../text/encoding.ts";
import { otherKind } from "./dump_kind.ts";
import { namespaceOf } from "./namespaces.ts";

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
  /** What its text is. Default: wikitext. */
  readonly model?: string;
}

/** A revision of a page. */
interface Revision {
  readonly id: number;
  readonly timestamp: string;
  readonly model: string;
  readonly text: string;
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

/** Elements within each other; an export has six. More is no export, and costs more the deeper it is. */
const DEEPEST = 100;

/** Elements whose text is kept, as a path below `page`. */
const KEPT: ReadonlySet<string> = new Set([
  "title",
  "ns",
  "id",
  "revision/id",
  "revision/timestamp",
  "revision/model",
  "revision/text",
]);

/** The element of the head that names a namespace, as a path. */
const NAMESPACE = `${ROOT}/siteinfo/namespaces/namespace`;

/** What breaks where a file was joined of several, and what to do. */
const JOINED =
  "another document begins: of the files that were joined, download the one before it again";

/** Characters around a fault in which the beginning of a document is looked for. */
const AROUND = 200;

/** Parses XML as it comes. */
export class PageParser {
  readonly #parser = new SAXParser(true, {}) as unknown as TypedParser;
  readonly #reader: TextReader;
  readonly #converted: boolean;
  readonly #fragment: boolean;
  readonly #path: string[] = [];
  readonly #fail: (fault: XmlFault) => Error;
  #pages: WikiPage[] = [];
  #fields: Record<string, string[]> = {};
  #redirect: string | undefined;
  /** The latest revision of the page under way whose text is there. */
  #latest: Revision | undefined;
  /** Numbers of namespaces by the names that the head gives. */
  readonly #namespaces = new Map<string, number>();
  #namespace: number | undefined;
  #wanted: string | undefined;
  #fault: { message: string; position: number; rule?: string } | undefined;
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
    this.#fragment = fragment;
    this.#reader = new TextReader(
      name,
      (message, byte, advice) => fail({ message, byte, advice }),
      "utf-8",
    );
    const parser = this.#parser;
    parser.onerror = (error): void => {
      this.#stop(error.message.split("\n")[0]);
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
    if (this.#bytes === 0 && !this.#fragment) this.#checkBeginning(text);
    try {
      this.#parser.write(text);
    } catch (error) {
      // The parser has no words of its own for a character that does not exist, such as &#x110000;.
      if (this.#fault === undefined && error instanceof RangeError) {
        this.#fault = { message: error.message, position: this.#parser.position };
      }
      if (this.#fault === undefined) throw error;
      const within = Math.max(0, this.#fault.position - this.#characters);
      const byte = this.#bytes + new TextEncoder().encode(text.slice(0, within)).length;
      const around = text.slice(Math.max(0, within - AROUND), within + AROUND);
      const rule = this.#fault.rule ??
        (/<mediawiki[\s>]|<\?xml\s/.test(around) ? JOINED : undefined);
      const advice = rule ?? `${this.#fault.message}; use a whole copy`;
      throw this.#fail({ message: "broken XML", byte, advice });
    }
    this.#bytes += bytes.length;
    this.#characters += text.length;
    const opened = text.lastIndexOf("<"), closed = text.lastIndexOf(">");
    if (opened !== closed) this.#inTag = opened > closed;
    const pages = this.#pages;
    this.#pages = [];
    return pages;
  }

  /** Refuses a document that is something else, or says that it is not UTF-8. */
  #checkBeginning(text: string): void {
    const other = otherKind(text);
    if (other !== undefined) {
      throw this.#fail({ message: `no dump but another file`, byte: 0, advice: `it ${other}` });
    }
    if (/^\s*<page>/.test(text)) {
      throw this.#fail({
        message: "no head",
        byte: 0,
        advice: "it begins with <page>, so it is a piece of a dump: join it to those before it",
      });
    }
    const declared = DECLARED.exec(text)?.[1].toLowerCase();
    if (this.#converted || declared === undefined || /^(?:utf-?8|us-ascii)$/.test(declared)) return;
    throw this.#fail({
      message: `declares the encoding ${declared}, not UTF-8,`,
      byte: 0,
      advice: `convert it to UTF-8, or add --encoding ${declared}`,
    });
  }

  /** Takes down where the parser is and leaves it, so that nothing of a broken chunk is worked on. */
  #stop(message: string, rule?: string): never {
    this.#fault = { message, position: this.#parser.position, rule };
    throw new Error(message);
  }

  #open({ name, attributes }: { name: string; attributes: Record<string, string> }): void {
    if (name === ROOT) this.#beginDocument();
    this.#path.push(name);
    if (this.#path.length > DEEPEST) {
      this.#stop(`more than ${DEEPEST} elements within each other`);
    }
    const page = this.#path.lastIndexOf("page");
    const below = this.#path.slice(page + 1).join("/");
    if (page === -1) {
      const named = this.#path.join("/") === NAMESPACE;
      this.#namespace = named ? Number(attributes.key) : undefined;
      this.#wanted = named ? "namespace" : undefined;
      return;
    }
    if (name === "page") {
      this.#fields = {};
      this.#redirect = undefined;
      this.#latest = undefined;
    }
    if (below === "redirect") this.#redirect = attributes.title ?? "";
    this.#wanted = KEPT.has(below) ? below : undefined;
    if (below === "revision/text" && attributes.deleted === undefined) this.#fields[below] = [""];
  }

  /** A dump may be several, one behind the other; each has a head of its own. */
  #beginDocument(): void {
    if (this.#path.length > 0) {
      this.#stop("a second root", `inside <${this.#path.join("><")}>, ${JOINED}`);
    }
    // The parser would take what follows a root for an error.
    this.#parser.closedRoot = false;
  }

  #close(name: string): void {
    const path = this.#path.join("/");
    this.#path.pop();
    this.#wanted = undefined;
    if (name === "page") this.#endPage();
    else if (path.endsWith("page/revision")) this.#endRevision();
    else if (this.#namespace !== undefined && path === NAMESPACE) {
      this.#namespaces.set(this.#take("namespace").toLowerCase(), this.#namespace);
    }
  }

  /** The text of an element, which is forgotten. */
  #take(key: string): string {
    const text = (this.#fields[key] ?? []).join("");
    delete this.#fields[key];
    return text;
  }

  /** Of several revisions, the latest counts, in whatever order they come. */
  #endRevision(): void {
    const hasText = this.#fields["revision/text"] !== undefined;
    const revision: Revision = {
      id: Number(this.#take("revision/id")),
      timestamp: this.#take("revision/timestamp"),
      model: this.#take("revision/model"),
      text: this.#take("revision/text"),
    };
    if (hasText && (this.#latest === undefined || !isOlder(revision, this.#latest))) {
      this.#latest = revision;
    }
  }

  #endPage(): void {
    const title = this.#take("title"), number = this.#take("ns");
    this.#pages.push({
      id: this.#take("id"),
      title,
      namespace: number === "" ? namespaceOf(title, this.#namespaces) : Number(number),
      redirect: this.#redirect,
      wikitext: this.#latest?.text ?? "",
      model: this.#latest?.model || "wikitext",
    });
    this.#latest = undefined;
  }
}

/** By their times where both have one, else by their numbers. */
function isOlder(a: Revision, b: Revision): boolean {
  if (a.timestamp !== "" && b.timestamp !== "" && a.timestamp !== b.timestamp) {
    return a.timestamp < b.timestamp;
  }
  return a.id < b.id;
}

/** The part of sax-ts that is used, typed. */
interface TypedParser {
  position: number;
  closedRoot: boolean;
  write(text: string): void;
  onerror: (error: Error) => void;
  onopentag: (tag: { name: string; attributes: Record<string, string> }) => void;
  ontext: (text: string) => void;
  oncdata: (text: string) => void;
  onclosetag: (name: string) => void;
}
