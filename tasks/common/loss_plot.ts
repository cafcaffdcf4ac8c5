/**
 * The curves of runs as a picture: what training measured, averaged over its raw values, and what was measured
 * on held-out examples as points.
 */

import type { Points, RunCurves } from "./run_curves.ts";
import { smooth, thin } from "./smooth.ts";
import { escapeXml } from "./svg_image.ts";

const WIDTH = 960;
const PANEL_HEIGHT = 290;
const MARGIN = { left: 64, right: 24, top: 62, bottom: 46 };

/** Colours that are told apart also without red or green; runs take them in turn. */
const COLORS = ["#c0700a", "#1f618d", "#2e7d4f", "#8e44ad", "#b03a2e", "#5d6d7e"];

/** Of one run alone, what is held out has a colour of its own. */
const HELD_OUT_COLOR = "#1f618d";

/** The average reaches back over this share of all steps. */
const REACH = 0.015;

/** Raw values beyond these shares of all do not stretch the axis: a first loss or a spike would. */
const SHOWN_SHARES = [0.002, 0.99];

/** What is drawn, in this order, where a run has it. */
const PANELS: readonly (readonly [key: string, title: string])[] = [
  ["masked_lm_loss", "masked-LM loss of the generator (nats)"],
  ["disc_loss", "loss of the discriminator (nats)"],
  ["disc_auc", "discriminator on held-out text: area under the ROC curve"],
];

/** Drawn where a run has none of those above, as in fine-tuning. */
const FALLBACK: readonly (readonly [key: string, title: string])[] = [["loss", "loss"]];

interface Curve {
  readonly color: string;
  readonly raw: Points;
  readonly smoothed: Points;
}

interface Marks {
  readonly color: string;
  readonly points: Points;
}

interface Entry {
  readonly color: string;
  readonly label: string;
  readonly mark: "line" | "point";
}

interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly marks: readonly Marks[];
}

/**
 * Draws runs below each other: a panel for each quantity, with all runs in it. A curve is broken where its values
 * are not finite, and crosses stand there.
 */
export function lossSvg(runs: readonly RunCurves[], title: string): string {
  const has = ([key]: readonly [string, string]): boolean =>
    runs.some(({ train, held }) => train.has(key) || held.has(key));
  const keys = PANELS.some(has) ? PANELS.filter(has) : FALLBACK.filter(has);
  const last = Math.max(
    1,
    ...runs.flatMap(({ train, held }) =>
      [...train.values(), ...held.values()].map((points) => points[points.length - 1][0])
    ),
  );
  const panels = keys.map((panel) => panelOf(panel, runs, last));
  const height = 44 + Math.max(1, panels.length) * PANEL_HEIGHT;
  const style = 'font-family="DejaVu Sans, Noto Sans CJK JP, sans-serif" font-size="12"';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" ${style}>\n` +
    `<rect width="100%" height="100%" fill="#ffffff"/>\n` +
    `<text x="${MARGIN.left}" y="30" font-size="17" fill="#1c2833">${escapeXml(title)}</text>\n` +
    panels.map((panel, i) =>
      drawPanel(panel, legendOf(panel, runs), 36 + i * PANEL_HEIGHT, last, i)
    ).join("\n") + "\n</svg>\n";
}

function panelOf(
  [key, title]: readonly [string, string],
  runs: readonly RunCurves[],
  last: number,
): Panel {
  const curves: Curve[] = [], marks: Marks[] = [];
  runs.forEach(({ train, held }, i) => {
    const color = COLORS[i % COLORS.length];
    const raw = train.get(key) ?? [], points = held.get(key) ?? [];
    if (raw.length > 0) {
      const smoothed = thin(smooth(raw, REACH * last), WIDTH);
      curves.push({ color, raw: thin(raw, WIDTH), smoothed });
    }
    const own = runs.length === 1 ? HELD_OUT_COLOR : color;
    if (points.length > 0) marks.push({ color: own, points });
  });
  return { title, curves, marks };
}

/** Of one run what its lines are, of several which is which. */
function legendOf({ curves, marks }: Panel, runs: readonly RunCurves[]): Entry[] {
  if (runs.length === 1) {
    return [
      ...curves.map(({ color }) => ({ color, label: "training", mark: "line" as const })),
      ...marks.map(({ color }) => ({ color, label: "held out", mark: "point" as const })),
    ];
  }
  return runs.map(({ name }, i) => ({
    color: COLORS[i % COLORS.length],
    label: name,
    mark: curves.length > 0 ? "line" : "point",
  }));
}

/** The range that an axis shows: all that is smoothed or held out, and most of what is raw. */
function valuesShown({ curves, marks }: Panel): number[] {
  const raw = curves.flatMap(({ raw }) => raw.map(([, value]) => value)).filter(Number.isFinite)
    .sort((a, b) => a - b);
  const quantiles = raw.length === 0
    ? []
    : SHOWN_SHARES.map((share) => raw[Math.round(share * (raw.length - 1))]);
  // The average begins with single values.
  const averages = curves.flatMap(({ smoothed }) =>
    smoothed.slice(Math.floor(smoothed.length / 50)).map(([, value]) => value)
  );
  const held = marks.flatMap(({ points }) => points.map(([, value]) => value));
  return [...quantiles, ...averages, ...held].filter(Number.isFinite);
}

function drawPanel(
  panel: Panel,
  legend: readonly Entry[],
  top: number,
  last: number,
  index: number,
): string {
  const { title, curves, marks } = panel;
  const shown = valuesShown(panel);
  const yTicks = shown.length === 0 ? [0, 1] : ticks(
    shown.reduce((a, b) => Math.min(a, b)),
    shown.reduce((a, b) => Math.max(a, b)),
  );
  const [y0, y1] = [yTicks[0], yTicks[yTicks.length - 1]];
  const left = MARGIN.left, right = WIDTH - MARGIN.right;
  const bottom = top + PANEL_HEIGHT - MARGIN.bottom, ceiling = top + MARGIN.top;
  const x = (value: number): number => left + value / last * (right - left);
  const y = (value: number): number => bottom - (value - y0) / (y1 - y0) * (bottom - ceiling);
  const parts: string[] = [
    `<clipPath id="panel${index}"><rect x="${left}" y="${ceiling - 4}" width="${
      right - left + 4
    }" height="${bottom - ceiling + 4}"/></clipPath>`,
  ];
  for (const tick of yTicks) {
    const at = y(tick).toFixed(1);
    parts.push(
      `<line x1="${left}" y1="${at}" x2="${right}" y2="${at}" stroke="#e8eaec"/>`,
      `<text x="${left - 8}" y="${(Number(at) + 4).toFixed(1)}" text-anchor="end" fill="#566573">${
        label(tick)
      }</text>`,
    );
  }
  for (const tick of ticks(0, last).filter((value) => value <= last)) {
    const at = x(tick).toFixed(1);
    parts.push(
      `<line x1="${at}" y1="${bottom}" x2="${at}" y2="${bottom + 4}" stroke="#808b96"/>`,
      `<text x="${at}" y="${bottom + 18}" text-anchor="middle" fill="#566573">${
        label(tick)
      }</text>`,
    );
  }
  parts.push(
    `<line x1="${left}" y1="${bottom}" x2="${right}" y2="${bottom}" stroke="#808b96"/>`,
    `<text x="${left}" y="${top + 30}" font-size="13" fill="#212f3c">${escapeXml(title)}</text>`,
    `<text x="${right}" y="${bottom + 34}" text-anchor="end" fill="#566573">step</text>`,
    drawLegend(legend, left, top + 46),
    `<g clip-path="url(#panel${index})">`,
  );
  for (const { color, raw } of curves) parts.push(...polylines(raw, color, 'opacity="0.28"', x, y));
  for (const { color, smoothed } of curves) {
    parts.push(...polylines(smoothed, color, 'stroke-width="2.2"', x, y));
  }
  for (const { color, points } of marks) {
    parts.push(...polylines(points, color, 'stroke-width="1" stroke-dasharray="3 3"', x, y));
    for (const [px, py] of points) {
      if (!Number.isFinite(py)) continue;
      parts.push(
        `<circle cx="${x(px).toFixed(1)}" cy="${
          y(py).toFixed(1)
        }" r="4" fill="${color}" stroke="#ffffff" stroke-width="1.2"/>`,
      );
    }
  }
  parts.push("</g>");
  const all = [...curves.map(({ raw, color }) => ({ points: raw, color })), ...marks];
  const broken = all.flatMap(({ points, color }) =>
    points.filter(([, value]) => !Number.isFinite(value)).map(([step]) => ({ step, color }))
  );
  for (const { step, color } of broken) {
    parts.push(
      `<text x="${x(step).toFixed(1)}" y="${
        ceiling + 4
      }" text-anchor="middle" fill="${color}">×</text>`,
    );
  }
  if (broken.length > 0) {
    const first = broken.reduce((least, { step }) => Math.min(least, step), Infinity);
    parts.push(
      `<text x="${right}" y="${
        ceiling + 18
      }" text-anchor="end" fill="#c0392b">× not finite, first at step ${label(first)}</text>`,
    );
  }
  return parts.join("\n");
}

function drawLegend(entries: readonly Entry[], left: number, y: number): string {
  const parts: string[] = [];
  let at = left;
  for (const { color, label, mark } of entries) {
    parts.push(
      mark === "line"
        ? `<line x1="${at}" y1="${y - 4}" x2="${at + 20}" y2="${
          y - 4
        }" stroke="${color}" stroke-width="2.2"/>`
        : `<circle cx="${at + 10}" cy="${y - 4}" r="4" fill="${color}"/>`,
      `<text x="${at + 26}" y="${y}" fill="#34495e">${escapeXml(label)}</text>`,
    );
    at += 50 + 7.4 * [...label].reduce((sum, letter) => sum + (letter > "\u2e80" ? 1.7 : 1), 0);
  }
  return parts.join("\n");
}

/** A line for each stretch of a curve whose values are finite. */
function polylines(
  points: Points,
  color: string,
  style: string,
  x: (step: number) => number,
  y: (value: number) => number,
): string[] {
  const runs: Points[number][][] = [[]];
  for (const point of points) {
    if (Number.isFinite(point[1])) runs[runs.length - 1].push(point);
    else if (runs[runs.length - 1].length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0).map((run) => {
    const path = run.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline points="${path.join(" ")}" fill="none" stroke="${color}" ` +
      `stroke-linejoin="round" ${style}/>`;
  });
}

/** Round numbers that enclose a range, about five of them. */
function ticks(low: number, high: number): number[] {
  const span = high > low ? high - low : Math.abs(low) || 1;
  const rough = span / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function label(value: number): string {
  return Math.abs(value) >= 10_000
    ? `${Number((value / 1000).toPrecision(6))}k`
    : String(Number(value.toPrecision(6)));
}
