/** Tables: aligned columns for a terminal, pipes for Markdown. */

import { displayWidth } from "./text.ts";

/** The columns that hold text and not numbers, from the left; numbers stand flush right. */
export interface TableOptions {
  /** Columns of text at the left. */
  readonly textColumns?: number;
}

/** Lines of a table with aligned columns under its head. */
export function alignTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { textColumns = 1 }: TableOptions = {},
): string[] {
  const widths = head.map((cell, column) =>
    Math.max(...[cell, ...rows.map((row) => row[column])].map(displayWidth))
  );
  return [head, ...rows].map((row) =>
    row.map((cell, column) => {
      const space = " ".repeat(widths[column] - displayWidth(cell));
      return column < textColumns ? cell + space : space + cell;
    }).join("  ").trimEnd()
  );
}

/** Lines of the same table in Markdown. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { textColumns = 1 }: TableOptions = {},
): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => column < textColumns ? "---" : "---:");
  return [line(head), line(rule), ...rows.map((row) => line(row.map(escapePipes)))];
}

function escapePipes(cell: string): string {
  return cell.replaceAll("|", "\\|");
}
