/** A picture of results: bars for each trial, and the last trial's confusion matrix. */

import type { FinetuningTask } from "./data.ts";
import type { FinetuningResults, TaskResults } from "./results.ts";

const WIDTH = 900, BAR_HEIGHT = 22, LEFT = 190, RIGHT = 90;
const INK = "#2b2620", SOFT = "#756a5c", LINE = "#e7dfd3", AMBER = "#c97a12";

/** Draws every task's scores below each other. */
export function resultsSvg(results: FinetuningResults, tasks: readonly FinetuningTask[]): string {
  const parts: string[] = [];
  let top = 16;
  for (const task of tasks) {
    const own = results.tasks[task.name];
    if (!own) continue;
    top = drawScores(parts, task.name, own, top);
    const confusion = results.trials.at(-1)?.tasks[task.name]?.confusion;
    if (confusion && confusion.length > 1) top = drawConfusion(parts, task.labels, confusion, top);
    top += 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" ` +
    `viewBox="0 0 ${WIDTH} ${top}" font-family="DejaVu Sans, Noto Sans CJK JP, sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#ffffff"/>\n${parts.join("\n")}\n</svg>\n`;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${INK}" ${attributes}>${
    escape(content)
  }</text>`;
}

/** Bars from 0 to 1, one for each trial of each score; scores that may be negative start at 0 too. */
function drawScores(
  parts: string[],
  name: string,
  { examples, metric, scores }: TaskResults,
  top: number,
): number {
  const scale = WIDTH - LEFT - RIGHT;
  parts.push(
    text(
      16,
      top + 14,
      `${name} — ${examples} examples of dev`,
      'font-size="15" font-weight="bold"',
    ),
  );
  let y = top + 30;
  const begin = y;
  const bars: string[] = [];
  for (const [score, { mean, deviation, trials }] of Object.entries(scores)) {
    // Errors have no upper end that a bar could show.
    if (score.endsWith("error")) continue;
    const height = BAR_HEIGHT / trials.length;
    trials.forEach((value, i) => {
      const length = Math.max(0, Math.min(1, Number.isFinite(value) ? value : 0)) * scale;
      bars.push(
        `<rect x="${LEFT}" y="${(y + i * height).toFixed(1)}" width="${length.toFixed(1)}" ` +
          `height="${Math.max(1, height - 1).toFixed(1)}" rx="1.5" fill="${AMBER}" ` +
          `opacity="${score === metric ? 1 : 0.55}"/>`,
      );
    });
    const spread = trials.length > 1 ? ` ± ${deviation.toFixed(3)}` : "";
    const weight = score === metric ? 'font-weight="bold"' : "";
    bars.push(text(LEFT - 10, y + 15, score, `text-anchor="end" ${weight}`));
    const shown = Number.isFinite(mean) ? mean.toFixed(3) : "–";
    const end = LEFT + Math.max(0, Math.min(1, Number.isFinite(mean) ? mean : 0)) * scale;
    bars.push(
      text(Math.min(end + 6, WIDTH - RIGHT), y + 15, shown + spread, `font-size="11" ${weight}`),
    );
    y += BAR_HEIGHT + 8;
  }
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    const x = LEFT + tick * scale;
    parts.push(
      `<line x1="${x}" y1="${begin - 4}" x2="${x}" y2="${y}" stroke="${LINE}"/>`,
      `<text x="${x}" y="${y + 14}" text-anchor="middle" fill="${SOFT}">${tick}</text>`,
    );
  }
  parts.push(...bars);
  return y + 28;
}

/** Labels down, predictions across; the darker, the larger the share of the label's examples. */
function drawConfusion(
  parts: string[],
  labels: readonly string[],
  confusion: readonly (readonly number[])[],
  top: number,
): number {
  const cell = Math.min(56, (WIDTH - LEFT - RIGHT) / labels.length);
  parts.push(
    text(
      LEFT,
      top + 12,
      "confusion of the last trial: label down, prediction across",
      `font-size="12"`,
    ),
  );
  const y0 = top + 24;
  confusion.forEach((row, i) => {
    const sum = row.reduce((total, count) => total + count, 0) || 1;
    parts.push(text(LEFT - 8, y0 + (i + 0.5) * cell + 4, clip(labels[i]), 'text-anchor="end"'));
    row.forEach((count, j) => {
      const share = count / sum;
      const [x, y] = [LEFT + j * cell, y0 + i * cell];
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${(cell - 1).toFixed(1)}" ` +
          `height="${(cell - 1).toFixed(1)}" fill="${AMBER}" fill-opacity="${
            (0.04 + 0.9 * share).toFixed(3)
          }"/>`,
        `<text x="${(x + cell / 2).toFixed(1)}" y="${
          (y + cell / 2 + 4).toFixed(1)
        }" text-anchor="middle" ` +
          `font-size="11" fill="${share > 0.6 ? "#ffffff" : INK}">${count}</text>`,
      );
    });
  });
  const bottom = y0 + labels.length * cell;
  labels.forEach((label, j) => {
    const x = LEFT + (j + 0.5) * cell;
    parts.push(
      `<text transform="translate(${x.toFixed(1)} ${bottom + 10}) rotate(35)" fill="${INK}">${
        escape(clip(label))
      }</text>`,
    );
  });
  return bottom + 20 + Math.min(90, 7 * Math.max(...labels.map((label) => clip(label).length)));
}

function clip(label: string): string {
  return label.length > 20 ? `${label.slice(0, 19)}…` : label;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
