/** What an adapter is and has, for the first lines of a task and for a run's records. */

import type { AdapterFacts, DeviceFeatures, SubgroupMatrix } from "../../kernels/device.ts";

/** The parts of a `Gpu` that are told. */
export interface DescribedGpu {
  /** The adapter in a few words. */
  readonly description: string;
  /** What the adapter says about itself. */
  readonly adapter: AdapterFacts;
  /** What was granted. */
  readonly features: DeviceFeatures;
}

/** Something that an adapter does not have, and why. */
export interface MissingFeature {
  /** What is missing. */
  readonly what: string;
  /** Why, and what would help. */
  readonly why: string;
}

/** One or two lines: the adapter with what it has, then what it has not and why. */
export function adapterLines(gpu: DescribedGpu): string[] {
  const { cpu, provider } = gpu.adapter;
  const missing = missingFeatures(gpu).map(({ what, why }) => `${what} (${why})`);
  const place = cpu ? "on the processor, for want of a GPU: see `deno task doctor`" : "a GPU";
  return [
    `adapter: ${gpu.description} by ${provider}, ${place}; ${featureWords(gpu).join(", ")}`,
    ...(missing.length > 0 ? [`         without ${missing.join("; without ")}`] : []),
  ];
}

/** What an adapter has, in words. */
export function featureWords({ adapter, features }: DescribedGpu): string[] {
  const { f16, timestamps, subgroupMatrices } = features;
  const lanes = subgroupWords(adapter);
  return [
    ...(f16 ? ["16-bit floats"] : []),
    ...(lanes === "" ? [] : [lanes]),
    ...(subgroupMatrices.length > 0 ? [`matrices ${matrixWords(subgroupMatrices)}`] : []),
    ...(timestamps ? ["timestamps"] : []),
  ];
}

/** The sizes that subgroups have; empty where the provider does not tell. */
export function subgroupWords({ subgroupSizes: [least, most] }: AdapterFacts): string {
  if (most === 0) return "";
  return least === most ? `subgroups of ${most}` : `subgroups of ${least} to ${most}`;
}

/** The shapes of matrices with the types of their factors and sums, each once. */
export function matrixWords(matrices: readonly SubgroupMatrix[]): string {
  const words = matrices.map(({ m, n, k, componentType, resultType }) =>
    `${m}×${n}×${k} ${componentType} → ${resultType}`
  );
  return [...new Set(words)].join(", ");
}

/** What the kernels could use, and this adapter with this provider does not give. */
export function missingFeatures({ adapter, features }: DescribedGpu): MissingFeature[] {
  const { provider, subgroupSizes: [least, most] } = adapter;
  const { f16, timestamps, subgroupSize, subgroupMatrices } = features;
  const missing: MissingFeature[] = [];
  if (!f16) missing.push({ what: "16-bit floats", why: "the driver has none for WebGPU" });
  if (subgroupSize === 0) {
    const why = most === 0
      ? `${provider} does not offer them here`
      : `their size varies from ${least} to ${most}, so kernels count on none`;
    missing.push({ what: "subgroups", why });
  }
  // A CPU's matrices would speed nothing up.
  if (subgroupMatrices.length === 0 && !adapter.cpu) {
    const why = provider === "Dawn"
      ? "the driver has no cooperative matrices (VK_KHR_cooperative_matrix, or Metal's)"
      : `${provider} gives none; the tasks whose names end in :dawn do where the driver has them`;
    missing.push({ what: "tensor cores", why });
  } else if (subgroupMatrices.length > 0 && !subgroupMatrices.some(isUseful)) {
    const why = "none of the shapes multiplies f16 or f32 and adds up in f32";
    missing.push({ what: "matrices that the kernels use", why });
  }
  if (!timestamps) missing.push({ what: "timestamps", why: "times are taken by the wall clock" });
  return missing;
}

/** Whether a product of floats adds up in f32, as training needs it. */
function isUseful({ componentType, resultType }: SubgroupMatrix): boolean {
  return (componentType === "f16" || componentType === "f32") && resultType === "f32";
}

/** What a run's `config.json` keeps of the adapter that it ran on. */
export function adapterRecord({ adapter, features }: DescribedGpu): Record<string, unknown> {
  const { f16, subgroupSize, subgroupMatrices } = features;
  return {
    ...adapter,
    f16,
    subgroupSize,
    subgroupMatrices: matrixWords(subgroupMatrices),
  };
}
