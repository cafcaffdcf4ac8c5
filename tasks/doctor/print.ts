/** The findings of `deno task doctor` for people. */

import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors.js";
import { QUIRKS } from "../../kernels/quirks.ts";
import { displayWidth, formatNumber, formatQuantity } from "../common/text.ts";
import type { AdapterReport, DoctorReport, ProviderReport } from "./report.ts";

/** Columns before a value. */
const LABEL = 16;

/** Limits that decide what a step may hold, with what they are called here. */
const LIMITS: Readonly<Record<string, readonly [label: string, unit: string]>> = {
  maxStorageBufferBindingSize: ["binding", "B"],
  maxBufferSize: ["buffer", "B"],
  maxComputeWorkgroupStorageSize: ["workgroup memory", "B"],
  maxComputeInvocationsPerWorkgroup: ["workgroup", "invocations"],
};

const TITLES = {
  deno: "Deno's own WebGPU (wgpu)",
  dawn: "Dawn (Chrome's WebGPU, tasks named :dawn)",
};

/** All lines, as wide as `columns` where words allow. */
export function doctorLines(report: DoctorReport, columns: number): string[] {
  const { os, arch, deno } = report.machine;
  const drivers = report.vulkanDrivers.join(", ");
  return [
    `${bold("Kohaku's doctor")} ${dim(`on ${os} ${arch}, Deno ${deno}`)}`,
    ...(drivers === "" ? [] : labelled("Vulkan drivers", drivers, columns)),
    ...report.providers.flatMap((provider) => ["", ...providerLines(provider, columns)]),
    "",
    bold("What will be used"),
    ...(report.use
      ? [
        ...labelled("by default", report.use.byDefault, columns),
        ...labelled("advised", report.use.advised, columns),
      ]
      : [`  ${red("✗")} nothing: no adapter can be used`]),
    ...(report.advice.length === 0 ? [] : ["", bold("What is missing, and how to get it")]),
    ...report.advice.flatMap(({ what, how }) => [
      ...wrap(what, columns, `  ${yellow("!")} `, "    "),
      ...wrap(how, columns, "    ", "    "),
    ]),
  ];
}

function providerLines(
  { provider, state, note, adapters }: ProviderReport,
  columns: number,
): string[] {
  const lines = [bold(TITLES[provider])];
  if (state === "not fetched") {
    lines.push(...wrap("not fetched yet: deno task doctor --fetch-dawn", columns, "  – ", "    "));
  } else if (adapters.length === 0) {
    const why = state === "failed" ? `broke off: ${note}` : "has no adapter here";
    lines.push(...wrap(why, columns, `  ${red("✗")} `, "    "));
  }
  return [...lines, ...adapters.flatMap((adapter) => adapterLines(adapter, columns))];
}

function adapterLines(report: AdapterReport, columns: number): string[] {
  const { adapter, measured, memoryBytes, limits } = report;
  const mark = adapter.cpu ? yellow("●") : green("●");
  const limitWords = Object.entries(LIMITS).filter(([name]) => limits[name] !== undefined)
    .map(([name, [label, unit]]) => `${label} ${formatQuantity(limits[name], unit)}`);
  const rates = measured &&
    `${formatNumber(measured.flopsPerSecond / 1e9)} GFLOP/s multiply-add (f32), ` +
      `${formatNumber(measured.bytesPerSecond / 1e9)} GB/s copy`;
  const rows: [string, string][] = [
    ["kind", adapter.cpu ? "the processor, for trying things out" : "a GPU"],
    ["driver", adapter.driver || "not told by this provider"],
    ["--adapter", report.preferences.join(", ")],
    ["measured", rates ?? "not measured"],
    [
      "memory",
      memoryBytes === null ? "unknown" : `a plan may take ${formatQuantity(memoryBytes, "B")}`,
    ],
    ["limits", limitWords.join(", ")],
    ["has", report.has.join(", ") || "no optional feature"],
    ...report.missing.map(({ what, why }): [string, string] => ["has not", `${what}: ${why}`]),
    ...report.quirks.map((id) => QUIRKS.find((quirk) => quirk.id === id))
      .filter((quirk) => quirk !== undefined && !quirk.everywhere)
      .map((quirk): [string, string] => ["quirk", `${quirk!.id}: ${quirk!.symptom}`]),
  ];
  return [
    `  ${mark} ${cyan(adapter.name)}`,
    ...rows.flatMap(([label, value], i) =>
      labelled(label === rows[i - 1]?.[0] ? "" : label, value, columns, 4)
    ),
  ];
}

function labelled(label: string, value: string, columns: number, indent = 2): string[] {
  const before = " ".repeat(indent) + dim(label.padEnd(LABEL));
  return wrap(value, columns, before, " ".repeat(indent + LABEL));
}

/** Words broken into lines, the first behind `first`, others behind `other`, which are equally wide. */
function wrap(text: string, columns: number, first: string, other: string): string[] {
  const room = Math.max(20, columns - other.length);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && displayWidth(`${line} ${word}`) > room) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((text, i) => (i === 0 ? first : other) + text);
}
