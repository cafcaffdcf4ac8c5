/** The loss curves of a run as SVG and PNG. */

import { initWasm, Resvg } from "@resvg/resvg-wasm";
import wasm from "@resvg/resvg-wasm/index_bg.wasm" with { type: "bytes" };
import font from "dejavu-fonts-ttf/ttf/DejaVuSans.ttf" with { type: "bytes" };
import type { MetricsLine } from "./metrics_log.ts";

const WIDTH = 900;
const PANEL_HEIGHT = 260;
const MARGIN = { left: 70, right: 20, top: 46, bottom: 48 };
const COLORS = { train: "#b9770e", held: "#1f618d" };

interface Curve {
  readonly label: string;
  readonly color: string;
  /** Steps and values; a value may be NaN or infinite. */
  readonly points: readonly (readonly [number, number])[];
  readonly marks: boolean;
}

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
}

/**
 * Draws masked-LM and discriminator loss over the steps, training and held out. A curve is broken where its
 * values are not finite, and crosses stand there.
 */
export function lossSvg(lines: readonly MetricsLine[], name: string): string {
  const values = (key: "masked_lm_loss" | "disc_loss", heldOut: boolean): [number, number][] =>
    lines.flatMap((line) => {
      if ("eval" in line !== heldOut) return [];
      const value = "eval" in line ? line.eval[key] : line[key];
      return value === null ? [] : [[line.step, value]];
    });
  const panel = (title: string, key: "masked_lm_loss" | "disc_loss"): Panel => ({
    title,
    unit: "nats",
    curves: [
      { label: "training", color: COLORS.train, points: values(key, false), marks: false },
      { label: "held out", color: COLORS.held, points: values(key, true), marks: true },
    ],
  });
  const panels = [
    panel(`${name}: masked-LM loss of the generator`, "masked_lm_loss"),
    panel(`${name}: loss of the discriminator`, "disc_loss"),
  ].filter(({ curves }) => curves.some(({ points }) => points.length > 0));
  const height = Math.max(1, panels.length) * PANEL_HEIGHT + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="DejaVu Sans, sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#ffffff"/>\n` +
    panels.map((one, i) => drawPanel(one, i * PANEL_HEIGHT)).join("\n") + "\n</svg>\n";
}

function drawPanel({ title, unit, curves }: Panel, top: number): string {
  const points = curves.flatMap((curve) => curve.points);
  const [x0, x1] = [0, points.reduce((most, [step]) => Math.max(most, step), 1)];
  const ys = points.map(([, value]) => value).filter(Number.isFinite);
  const yTicks = ys.length === 0 ? [0, 1] : ticks(
    ys.reduce((a, b) => Math.min(a, b)),
    ys.reduce((a, b) => Math.max(a, b)),
  );
  const [y0, y1] = [yTicks[0], yTicks[yTicks.length - 1]];
  const left = MARGIN.left, right = WIDTH - MARGIN.right;
  const bottom = top + PANEL_HEIGHT - MARGIN.bottom, ceiling = top + MARGIN.top;
  const x = (value: number): number => left + (value - x0) / (x1 - x0) * (right - left);
  const y = (value: number): number => bottom - (value - y0) / (y1 - y0) * (bottom - ceiling);
  const parts: string[] = [];
  for (const tick of yTicks) {
    const at = y(tick).toFixed(1);
    parts.push(
      `<line x1="${left}" y1="${at}" x2="${right}" y2="${at}" stroke="#e5e7e9"/>`,
      `<text x="${left - 8}" y="${Number(at) + 4}" text-anchor="end" fill="#566573">${
        label(tick)
      }</text>`,
    );
  }
  for (const tick of ticks(x0, x1).filter((value) => value >= x0 && value <= x1)) {
    parts.push(
      `<text x="${x(tick).toFixed(1)}" y="${bottom + 18}" text-anchor="middle" fill="#566573">${
        label(tick)
      }</text>`,
    );
  }
  parts.push(
    `<line x1="${left}" y1="${bottom}" x2="${right}" y2="${bottom}" stroke="#808b96"/>`,
    `<text x="${left}" y="${top + 20}" font-size="14" fill="#212f3c">${escape(title)}</text>`,
    `<text x="${(left + right) / 2}" y="${
      bottom + 36
    }" text-anchor="middle" fill="#566573">step</text>`,
    `<text transform="translate(18 ${
      (ceiling + bottom) / 2
    }) rotate(-90)" text-anchor="middle" fill="#566573">${unit}</text>`,
  );
  let legend = right;
  for (const curve of [...curves].reverse()) {
    if (curve.points.length === 0) continue;
    legend -= 90;
    parts.push(
      `<line x1="${legend}" y1="${top + 16}" x2="${legend + 22}" y2="${
        top + 16
      }" stroke="${curve.color}" stroke-width="2"/>`,
      `<text x="${legend + 27}" y="${top + 20}" fill="#212f3c">${curve.label}</text>`,
    );
  }
  for (const { color, points, marks } of curves) {
    for (const run of finiteRuns(points)) {
      const path = run.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`);
      parts.push(
        `<polyline points="${path.join(" ")}" fill="none" stroke="${color}" stroke-width="1.6" ` +
          `stroke-linejoin="round"/>`,
      );
    }
    for (const [px, py] of points) {
      const at = x(px).toFixed(1);
      if (!Number.isFinite(py)) {
        parts.push(
          `<text x="${at}" y="${ceiling + 4}" text-anchor="middle" fill="${color}">×</text>`,
        );
      } else if (marks) {
        parts.push(`<circle cx="${at}" cy="${y(py).toFixed(1)}" r="3.5" fill="${color}"/>`);
      }
    }
  }
  const broken = points.filter(([, value]) => !Number.isFinite(value)).map(([step]) => step);
  if (broken.length > 0) {
    const first = broken.reduce((a, b) => Math.min(a, b));
    parts.push(
      `<text x="${left + 8}" y="${ceiling + 18}" fill="#c0392b">× not finite, first at step ${
        label(first)
      }</text>`,
    );
  }
  return parts.join("\n");
}

/** The stretches of a curve whose values are finite. */
function finiteRuns(points: Curve["points"]): Curve["points"][number][][] {
  const runs: Curve["points"][number][][] = [[]];
  for (const point of points) {
    if (Number.isFinite(point[1])) runs[runs.length - 1].push(point);
    else if (runs[runs.length - 1].length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
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

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

let ready: Promise<void> | undefined;

/** Renders an SVG as PNG, at twice its size. */
export async function renderPng(svg: string): Promise<Uint8Array> {
  await (ready ??= initWasm(wasm));
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontBuffers: [font], defaultFontFamily: "DejaVu Sans", loadSystemFonts: false },
  });
  return image.render().asPng();
}
