/** Curves: raw training behind its smoothed line, evaluations as points; one chart for each number of the log. */
/* global uPlot */

import { number, titleOf, unitOf } from "./text.js";

/**
 * Exponential moving average over what is known, weights corrected at the start; `weight` 0 leaves values as they
 * are. A value that is missing stays missing.
 */
export function smooth(values, weight) {
  let sum = 0, share = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value * (1 - weight);
    share = share * weight + (1 - weight);
    return sum / share;
  });
}

/** Numbers that are worth a chart only once they are not 0. */
const QUIET = ["skipped_steps", "damaged_lines"];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour with an opacity, from "#rrggbb". */
function faint(color, opacity) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  return `rgb(${r} ${g} ${b} / ${opacity})`;
}

/** The table of uPlot: steps of all runs, and for each run its raw, smoothed and held-out values. */
function tableOf(name, runs, { smoothing, logX, logY }) {
  const positive = (steps, values) => {
    const rows = steps.map((step, i) => [step, values[i]])
      .filter(([step, value]) => (!logX || step > 0) && (!logY || value === null || value > 0));
    return [rows.map(([step]) => step), rows.map(([, value]) => value)];
  };
  const parts = [], series = [];
  for (const { train, held, color, id } of runs) {
    const raw = train.values[name], points = held.values[name];
    if (raw) {
      const [steps, values] = positive(train.step, raw);
      parts.push([steps, values, smooth(values, smoothing)]);
      const width = smoothing > 0 ? 1 : 1.6;
      series.push({
        stroke: faint(color, smoothing > 0 ? 0.28 : 1),
        width,
        points: { show: false },
        spanGaps: false,
      });
      series.push({
        label: id,
        stroke: color,
        width: 1.9,
        points: { show: false },
        spanGaps: false,
        show: smoothing > 0,
      });
    }
    if (points) {
      parts.push(positive(held.step, points));
      series.push({
        label: `${id}, held out`,
        stroke: color,
        width: 1.2,
        dash: [4, 4],
        spanGaps: true,
        points: { show: true, size: 7, fill: color, stroke: css("--panel"), width: 1.5 },
      });
    }
  }
  return { data: parts.length > 0 ? uPlot.join(parts) : [[]], series };
}

/** One chart on the page. */
class Chart {
  constructor(name, onZoom) {
    this.name = name;
    this.onZoom = onZoom;
    this.box = document.createElement("div");
    this.box.className = "chart";
    this.box.innerHTML =
      `<h3><span></span><small></small></h3><div class="readout"></div><div class="plot"></div>`;
    this.box.querySelector("span").textContent = titleOf(name);
    this.readout = this.box.querySelector(".readout");
    this.box.setAttribute("role", "img");
  }

  /** Draws anew: uPlot is fast enough that nothing is kept but the zoom. */
  draw(runs, view) {
    const { data, series } = tableOf(this.name, runs, view);
    this.plot?.destroy();
    const axis = {
      stroke: css("--soft"),
      grid: { stroke: css("--grid"), width: 1 },
      ticks: { stroke: css("--grid") },
    };
    const font = "11px system-ui, sans-serif";
    const space = this.box.querySelector(".plot");
    const width = Math.max(200, space.clientWidth || 400);
    const distribution = (log) => (log ? { distr: 3, log: 10 } : {});
    this.plot = new uPlot(
      {
        width,
        height: 232,
        legend: { show: false },
        cursor: { sync: { key: "steps" }, drag: { x: true, y: false }, points: { size: 6 } },
        scales: {
          x: {
            time: false,
            ...distribution(view.logX),
            ...(view.range ? { range: view.range } : {}),
          },
          y: distribution(view.logY),
        },
        axes: [
          {
            ...axis,
            font,
            size: 30,
            values: (_, ticks) => ticks.map((t) => (t === null ? "" : number(t))),
          },
          {
            ...axis,
            font,
            size: 58,
            values: (_, ticks) => ticks.map((t) => (t === null ? "" : number(t))),
          },
        ],
        series: [{}, ...series],
        hooks: {
          setCursor: [(plot) => this.#read(plot)],
          setSelect: [(plot) => {
            if (plot.select.width < 4) return;
            this.onZoom([
              plot.posToVal(plot.select.left, "x"),
              plot.posToVal(plot.select.left + plot.select.width, "x"),
            ]);
          }],
        },
      },
      data,
      space,
    );
    const last = series.flatMap(({ label }, i) => {
      const value = label && data[i + 1]?.findLast((y) => y !== null && y !== undefined);
      return Number.isFinite(value) ? [{ label, value }] : [];
    });
    const unit = unitOf(this.name);
    this.box.querySelector("small").textContent = runs.length === 1
      ? last.map(({ label, value }) =>
        `${number(value)}${label.endsWith("held out") ? " held out" : ""}`
      ).join(" · ") +
        (unit && last.length > 0 ? ` ${unit}` : "")
      : unit;
    this.box.setAttribute(
      "aria-label",
      `${titleOf(this.name)}: ${
        last.map(({ label, value }) => `${label} ${number(value)}`).join(", ") || "no value"
      }`,
    );
  }

  #read(plot) {
    const i = plot.cursor.idx;
    if (i === null || i === undefined || plot.cursor.left < 0) {
      this.readout.textContent = "";
      return;
    }
    const parts = plot.series.flatMap((series, s) => {
      const value = s > 0 && series.label && plot.data[s][i];
      return Number.isFinite(value) ? [`${series.label} ${number(value)}`] : [];
    });
    this.readout.textContent = parts.length > 0
      ? `step ${plot.data[0][i].toLocaleString("en")}: ${parts.join(" · ")}`
      : "";
  }
}

/** All charts of the page. */
export class Charts {
  constructor(section, order, onZoom) {
    this.section = section;
    this.order = order;
    this.onZoom = onZoom;
    this.charts = new Map();
  }

  /** Draws a chart for each number that a run has. */
  draw(runs, view) {
    const isShown = ({ values }, name) =>
      !QUIET.includes(name) || values[name].some((value) => value > 0);
    const tables = runs.flatMap(({ train, held }) => [train, held]);
    const names = new Set(
      tables.flatMap((table) => Object.keys(table.values).filter((name) => isShown(table, name))),
    );
    const place = (
      name,
    ) => (this.order.includes(name) ? this.order.indexOf(name) : this.order.length);
    const sorted = [...names].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
    for (const [name, { box }] of this.charts) {
      if (names.has(name)) continue;
      box.remove();
      this.charts.delete(name);
    }
    for (const name of sorted) {
      let chart = this.charts.get(name);
      if (!chart) this.charts.set(name, chart = new Chart(name, this.onZoom));
      this.section.append(chart.box);
    }
    for (const name of sorted) this.charts.get(name).draw(runs, view);
  }
}
