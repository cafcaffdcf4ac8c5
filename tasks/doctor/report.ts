/** What `deno task doctor` finds, as data: `--json` prints it as it is. */

import * as v from "valibot";

const adapterFactsSchema = v.strictObject({
  provider: v.string(),
  name: v.string(),
  driver: v.string(),
  vendor: v.string(),
  cpu: v.boolean(),
  subgroupSizes: v.pipe(v.strictTuple([v.number(), v.number()]), v.readonly()),
});

/** An adapter as one provider shows it. */
export const adapterReportSchema = v.strictObject({
  /** The values of `--adapter` that lead to it. */
  preferences: v.array(v.picklist(["high-performance", "low-power", "fallback"])),
  adapter: adapterFactsSchema,
  /** What kernels use of it, in words. */
  has: v.array(v.string()),
  /** What kernels could use and it does not have. */
  missing: v.array(v.strictObject({ what: v.string(), why: v.string() })),
  /** Features that WebGPU lists, or that were granted though not listed. */
  features: v.array(v.string()),
  /** Limits of the device. */
  limits: v.record(v.string(), v.number()),
  /** Shapes and types of its matrices; empty without. */
  matrices: v.string(),
  /** Rates measured; null where they were not. */
  measured: v.nullable(v.strictObject({
    flopsPerSecond: v.number(),
    bytesPerSecond: v.number(),
  })),
  /** Bytes that the plan of a step may take in all; null where nobody knows. */
  memoryBytes: v.nullable(v.number()),
  /** Rows of docs/adapters.md that apply. */
  quirks: v.array(v.string()),
  /** Why it cannot be used, or what went wrong on the way; null where nothing did. */
  fault: v.nullable(v.string()),
});

/** An adapter as one provider shows it. */
export type AdapterReport = v.InferOutput<typeof adapterReportSchema>;

const providerReportSchema = v.strictObject({
  provider: v.picklist(["deno", "dawn"]),
  /** Whether it could be asked. */
  state: v.picklist(["asked", "not fetched", "failed"]),
  /** What it said where it could not be asked, or where it broke off; empty otherwise. */
  note: v.string(),
  adapters: v.array(adapterReportSchema),
});

/** What one provider offers. */
export type ProviderReport = v.InferOutput<typeof providerReportSchema>;

/** All that is found. */
export const doctorReportSchema = v.strictObject({
  version: v.literal(1),
  machine: v.strictObject({ os: v.string(), arch: v.string(), deno: v.string() }),
  /** Vulkan drivers that are installed, by their manifests; empty where Vulkan is not what is used. */
  vulkanDrivers: v.array(v.string()),
  providers: v.array(providerReportSchema),
  /** What tasks use without further flags, and what would be faster; null without any adapter. */
  use: v.nullable(v.strictObject({ byDefault: v.string(), advised: v.string() })),
  /** What is missing, and how to get it. */
  advice: v.array(v.strictObject({ what: v.string(), how: v.string() })),
});

/** All that is found. */
export type DoctorReport = v.InferOutput<typeof doctorReportSchema>;
