/** The bench's findings as JSON, as Markdown, and on a terminal. */

import type { Measurement } from "./measure.ts";
import type { ScalingReport } from "./scaling.ts";
import type { StepReport } from "./step.ts";
import { alignTable, markdownTable } from "../../tasks/common/table.ts";
import { formatNumber } from "../../tasks/common/text.ts";
import { groupOf, nameOf } from "./work.ts";

/** Where and when the figures were taken. */
export interface Circumstances {
  /** The adapter's own words, driver included. */
  readonly adapter: string;
  /** Operating system and runtime. */
  readonly system: string;
  /** ISO date. */
  readonly date: string;
  /** The command line. */
  readonly command: string;
  /** Name and version of each library. */
  readonly versions: Readonly<Record<string, string>>;
}

/** All that a run of the bench found. */
export interface BenchReport {
  readonly circumstances: Circumstances;
  readonly measurements: readonly Measurement[];
  readonly step?: StepReport;
  readonly scaling?: ScalingReport;
}

/** A titled table. */
interface Section {
  readonly title: string;
  readonly notes: readonly string[];
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The report as Markdown. */
export function markdown(report: BenchReport): string {
  const { adapter, system, date, command, versions } = report.circumstances;
  const lines = [
    "# Benchmarks",
    "",
    `Adapter: ${adapter}  `,
    `System: ${system}  `,
    `Versions: ${Object.entries(versions).map(([name, v]) => `${name} ${v}`).join(", ")}  `,
    `Date: ${date}  `,
    `Command: \`${command}\``,
    "",
    "All figures of a line were taken in turns in one process and are medians; a ratio is the median over",
    "the rounds of a peer's time over ours. Results were compared before they were timed.",
  ];
  for (const { title, notes, head, rows } of sections(report)) {
    lines.push("", `## ${title}`, "", ...markdownTable(head, rows));
    if (notes.length > 0) lines.push("", ...notes);
  }
  return lines.join("\n") + "\n";
}

/** The report for a terminal. */
export function terminalLines(report: BenchReport): string[] {
  return sections(report).flatMap(({ title, notes, head, rows }) => [
    "",
    title,
    ...alignTable(head, rows),
    ...notes,
  ]);
}

function sections({ measurements, step, scaling }: BenchReport): Section[] {
  return [
    ...(measurements.length > 0 ? [kernelSection(measurements)] : []),
    ...(step ? [stepSection(step)] : []),
    ...(scaling ? scalingSections(scaling) : []),
  ];
}

function kernelSection(measurements: readonly Measurement[]): Section {
  const [{ timings }] = measurements;
  const peers = timings.slice(1).map(({ contender }) => contender);
  const groups = [...new Set(measurements.map(({ work }) => groupOf(work)))];
  const notes = groups.map((group) => {
    const ratios = peers.map((peer) => {
      const all = measurements.filter(({ work }) => groupOf(work) === group).map((m) =>
        m.ratios[peer]
      );
      const mean = Math.exp(all.reduce((sum, ratio) => sum + Math.log(ratio), 0) / all.length);
      return all.length === 1
        ? `${times(mean)} against ${peer}`
        : `${times(mean)} against ${peer} (least ${times(Math.min(...all))})`;
    });
    return `- ${group}: ${ratios.join(", ")}`;
  });
  return {
    title: "Kernels and an encoder layer",
    notes,
    head: [
      "work",
      ...timings.map(({ contender }) => `${contender} ms`),
      ...peers.map((peer) => `× ${peer}`),
      "largest difference",
    ],
    rows: measurements.map(({ work, timings, ratios }) => [
      nameOf(work),
      ...timings.map(({ seconds }) => (1000 * seconds).toFixed(2)),
      ...peers.map((peer) => ratios[peer].toFixed(2)),
      Math.max(...timings.map(({ difference }) => difference)).toExponential(1),
    ]),
  };
}

function stepSection(step: StepReport): Section {
  const row = (name: string, seconds: number): string[] => [
    name,
    (1000 * seconds).toFixed(0),
    formatNumber(step.tokens / seconds),
    `${(step.kohakuSeconds / seconds).toFixed(2)}`,
  ];
  return {
    title: `Training step: ${step.size}`,
    notes: step.torchSeconds === undefined ? [`PyTorch was not measured: ${step.withoutTorch}`] : [
      `Kohaku runs at ${
        (step.torchSeconds / step.kohakuSeconds).toFixed(2)
      }× the speed of PyTorch ` +
      `${step.torchVersion} on ${step.threads} CPU threads.`,
    ],
    head: ["", "ms", "tokens/s", "speed"],
    rows: [
      row("Kohaku", step.kohakuSeconds),
      ...(step.torchSeconds === undefined
        ? []
        : [row(`PyTorch CPU float32, ${step.threads} threads`, step.torchSeconds)]),
    ],
  };
}

function scalingSections({ points, exponents }: ScalingReport): Section[] {
  return [{
    title: "Costs as work grows",
    notes: [
      "Bytes and operations are those of the plan; times were measured where a number stands.",
      "Exponents are slopes of a least-squares line through the logarithms:",
      "",
      ...exponents.map(({ along, of, exponent, points }) =>
        `- ${of} ∝ (${along})^${exponent.toFixed(2)}, from ${points} points`
      ),
    ],
    head: [
      "model",
      "batch",
      "sequence",
      "parameters",
      "GB",
      "of it attention",
      "TFLOP a step",
      "dispatches",
      "seconds a step",
    ],
    rows: points.map((point) => [
      point.modelSize,
      String(point.batch),
      String(point.maxSeqLength),
      `${(point.parameters / 1e6).toFixed(1)} M`,
      (point.bytes / 1e9).toFixed(2),
      (point.attentionBytes / 1e9).toFixed(3),
      (point.flops / 1e12).toFixed(3),
      String(point.dispatches),
      point.seconds === undefined ? "" : point.seconds.toFixed(3),
    ]),
  }];
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)}×`;
}
