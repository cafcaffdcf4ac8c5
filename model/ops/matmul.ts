/**
 * Matrix products of the model, in the variant that suits the tape's device.
 *
 * @module
 */
import type { KernelLaunch, KernelProgram } from "../../kernels/launch.ts";
import { chooseVariant, variantsOfLengths } from "../../kernels/matmul/choose.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import { nextPower, whyUnfit } from "../../kernels/matmul/variants.ts";
import type { Tape } from "../autograd/tape.ts";

/**
 * The program of a product on the tape's device and in its storage, where the spec names no other, with what it
 * is over fewer rows.
 *
 * @param whole lengths of the product that this one is a part of: its variant is chosen by them, so that parts
 * of any size share it.
 * @throws {KernelError} when the shapes make no product.
 */
export function matmulOn(
  tape: Tape,
  spec: Omit<MatmulSpec, "subgroupSize" | "subgroupMatrices">,
  whole: Partial<Pick<MatmulSpec, "m" | "n" | "k">> = {},
): KernelProgram {
  const { storage, subgroupSize, subgroupMatrices } = tape;
  const full = { storage, ...spec, subgroupSize, subgroupMatrices };
  const own = chooseVariant({ ...full, ...whole });
  const variant = tape.chooseMatmul(full) ?? (whyUnfit(full, own) ? undefined : own);
  const rows = spec.layout === "TN" ? "k" : "m";
  const key = JSON.stringify({ ...full, ...whole, [rows]: nextPower(full[rows]) });
  const launches = (): KernelLaunch[] => {
    // Of sums over tokens, padding is skipped only where they are whole blocks.
    const paddings = spec.padding === "sums" ? [spec.padding, undefined] : [spec.padding];
    return [...variantsOfLengths({ ...full, ...whole })].flatMap(([name, shorter]) =>
      paddings.flatMap((padding) => matmul({ ...shorter, padding }, name).launches)
    );
  };
  return { ...matmul(full, variant), others: { key, launches } };
}
