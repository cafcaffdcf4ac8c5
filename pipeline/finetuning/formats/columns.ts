/**
 * Tags in columns, as at CoNLL: a token and its tag a line, an empty line between sentences.
 *
 * The first column is the token, the last its tag; a tab parts them, or spaces. Tokens are joined without
 * spaces, but where both sides of a seam are Latin letters or digits, so that Japanese comes out as written.
 *
 * @module
 */
import type { TaskDescription } from "../description.ts";
import type { Span, TaggingExample } from "../example.ts";
import type { OnBadRow } from "./report.ts";

/** A token's tag: where in a span it stands, and the span's label. */
interface Tag {
  readonly mark: "B" | "I" | "O" | "L" | "U";
  readonly label: string;
}

/** The examples of a file. */
export function* readColumns(
  text: string,
  file: string,
  { tagScheme = "BIO" }: TaskDescription,
  onBad: OnBadRow,
): Generator<TaggingExample> {
  let tokens: string[] = [], tags: Tag[] = [];
  let first = 1, number = 0, fault = "", comments = 0;
  const lines = [...text.split(/\r?\n/), ""];
  for (const line of lines) {
    number++;
    if (line.trim() !== "") {
      if (line.startsWith("# ") || line.startsWith("-DOCSTART-")) {
        comments++;
        continue;
      }
      const fields = line.includes("\t") ? line.split("\t") : line.split(/ +/);
      const tag = fields.length > 1 ? parseTag(fields.at(-1)!.trim(), tagScheme) : undefined;
      if (!tag) fault ||= `line ${number} is no token with a tag of the scheme ${tagScheme}`;
      else {
        tokens.push(fields[0]);
        tags.push(tag);
      }
      continue;
    }
    const place = { file, row: first };
    if (fault) onBad(place, fault);
    else if (tokens.length > 0) {
      const { text: sentence, starts } = join(tokens);
      const spans = spansOfTags(tags).map(({ start, end, label }) => ({
        start: starts[start],
        end: starts[end - 1] + tokens[end - 1].length,
        label,
      }));
      yield { kind: "tagging", id: String(first), place, text: sentence, spans };
    }
    [tokens, tags, fault, first] = [[], [], "", number + 1];
  }
  if (comments === number) onBad({ file, row: 1 }, "holds no sentence");
}

/** "B-人名" in BIO and its kin; IREX-style tags put the mark last: "PERSON-B" or "人名B". */
function parseTag(word: string, scheme: string): Tag | undefined {
  if (word === "O") return { mark: "O", label: "" };
  const { mark, label } =
    (scheme === "IREX"
      ? /^(?<label>.+?)[-_]?(?<mark>[BIESLU])$/
      : /^(?<mark>[BIELSU])[-_](?<label>.+)$/).exec(word)?.groups ?? {};
  if (!mark) return undefined;
  // E and S are other names of the last and the only token.
  const same = mark === "E" ? "L" : mark === "S" ? "U" : mark;
  return { mark: same as Tag["mark"], label };
}

/**
 * Spans of tokens from their tags, start and end counting tokens. A span goes on while I or L of the same label
 * follow; in IOB1 a span starts with I, and B parts two that touch. Tags that do not fit start a span, as
 * scorers have it.
 */
function spansOfTags(tags: readonly Tag[]): Span[] {
  const spans: Span[] = [];
  let open: { start: number; label: string } | undefined;
  const close = (end: number): void => {
    if (open) spans.push({ start: open.start, end, label: open.label });
    open = undefined;
  };
  tags.forEach(({ mark, label }, i) => {
    const goesOn = (mark === "I" || mark === "L") && open?.label === label;
    if (!goesOn) {
      close(i);
      if (mark !== "O") open = { start: i, label };
    }
    if (mark === "L" || mark === "U") close(i + 1);
  });
  close(tags.length);
  return spans;
}

function join(tokens: readonly string[]): { text: string; starts: number[] } {
  let text = "";
  const starts: number[] = [];
  for (const token of tokens) {
    if (/[\p{Script=Latin}\p{Nd}]$/u.test(text) && /^[\p{Script=Latin}\p{Nd}]/u.test(token)) {
      text += " ";
    }
    starts.push(text.length);
    text += token;
  }
  return { text, starts };
}
