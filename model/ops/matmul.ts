/**
 * Matrix products of the model, in the variant that suits the tape's device.
 *
 * @module
 */
import type { KernelProgram } from "../../kernels/launch.ts";
import { matmul } from "../../kernels/matmul/matmul.ts";
import type { MatmulSpec } from "../../kernels/matmul/spec.ts";
import type { Tape } from "../autograd/tape.ts";

/**
 * The program of a product on the tape's device and in its storage, where the spec names no other.
 *
 * @throws {KernelError} when the shapes make no product.
 */
export function matmulOn(
  tape: Tape,
  spec: Omit<MatmulSpec, "subgroupSize" | "subgroupMatrices">,
): KernelProgram {
  const { storage, subgroupSize, subgroupMatrices } = tape;
  const whole = { storage, ...spec, subgroupSize, subgroupMatrices };
  return matmul(whole, tape.chooseMatmul(whole));
}
