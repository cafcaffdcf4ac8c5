/**
 * `deno task picture`: draws what a run of `./kohaku pretrain` printed, and its loss curves, as one SVG for
 * README.md. `script -qc "./kohaku pretrain" terminal.txt` records what a run prints.
 */

import { dirname } from "@std/path/mod.js";
import { lossSvg } from "../tasks/common/loss_plot.ts";
import { readCurves } from "../tasks/common/run_curves.ts";
import { runTask, task } from "../tasks/common/command.ts";

const WIDTH = 960;
const LINE_HEIGHT = 18;
const FONT_SIZE = 13;
const PADDING = 18;
/** Height of the bar with the window's buttons. */
const BAR = 30;

/** What a terminal shows in the end: of a line that was written over, what was written last. */
export function shownLines(recorded: string): string[] {
  return recorded
    .replace(/^Script (started|done).*\n/gm, "")
    // deno-lint-ignore no-control-regex
    .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "")
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => line.split("\r").findLast((part) => part.trim() !== "")?.trimEnd() ?? "")
    .filter((line, i, all) => line !== "" || (i > 0 && i < all.length - 1));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Lines of a terminal, wrapped at its width, and curves below them. */
export function picture(output: readonly string[], curves: string): string {
  const lines = output.flatMap((line) => line.match(/.{1,112}/gu) ?? [""]);
  const terminal = BAR + lines.length * LINE_HEIGHT + PADDING;
  const curvesHeight = Number(/height="(\d+)"/.exec(curves)![1]);
  const height = terminal + curvesHeight;
  const texts = lines.map((line, i) => {
    const y = BAR + (i + 1) * LINE_HEIGHT;
    const color = line.startsWith("$ ") ? "#f5b041" : "#e5e7e9";
    return `<text x="${PADDING}" y="${y}" fill="${color}" xml:space="preserve">${
      escape(line)
    }</text>`;
  });
  const buttons = ["#ec7063", "#f5b041", "#58d68d"].map((color, i) =>
    `<circle cx="${PADDING + 6 + 20 * i}" cy="16" r="6" fill="${color}"/>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}">\n` +
    `<rect width="${WIDTH}" height="${height}" rx="8" fill="#ffffff" stroke="#d5d8dc"/>\n` +
    `<rect width="${WIDTH}" height="${terminal}" rx="8" fill="#1c2833"/>\n${buttons.join("\n")}\n` +
    `<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK JP', monospace" ` +
    `font-size="${FONT_SIZE}">\n${texts.join("\n")}\n</g>\n` +
    `<svg y="${terminal}" width="${WIDTH}" height="${curvesHeight}">\n${curves}</svg>\n</svg>\n`;
}

if (import.meta.main) {
  const command = task(
    "picture",
    "Draws a recorded run of `./kohaku pretrain` and its loss curves as an SVG.",
    "deno task picture --terminal terminal.txt --metrics data/sample/models/electra/metrics.jsonl",
  )
    .requiredOption("--terminal <file>", "what the run printed, as `script` records it")
    .requiredOption("--metrics <file>", "metrics.jsonl of the run")
    .option("--out <file>", "the picture", "docs/images/pretrain.svg");
  await runTask(command, async (options) => {
    const lines = shownLines(await Deno.readTextFile(options.terminal));
    const curves = await readCurves(dirname(options.metrics), "sample");
    await Deno.mkdir(dirname(options.out), { recursive: true });
    await Deno.writeTextFile(
      options.out,
      picture(["$ ./kohaku pretrain", ...lines], lossSvg([curves], "The sample")),
    );
  });
}
