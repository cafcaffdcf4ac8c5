/**
 * RMSNorm.
 *
 * @module
 */
import {
  rmsNormBackward,
  rmsNormForward,
  rmsNormWeightGradient,
} from "../../kernels/rms_norm/rms_norm.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/**
 * RMSNorm over the last axis: input / √(mean(input²) + epsilon) · weight.
 *
 * @param weight [columns]
 */
export function rmsNorm(tape: Tape, input: Tensor, weight: Tensor, epsilon: number): Tensor {
  const { rows, columns } = input;
  if (weight.elements !== columns) throw new ModelError(`rmsNorm: ${input} does not fit ${weight}`);
  const spec = { rows, columns, storage: tape.storage };
  const output = tape.activation("rmsNorm output", input.shape, tape.storage);
  const rstd = tape.activation("rmsNorm rstd", [rows]);
  tape.run("rmsNorm", rmsNormForward({ ...spec, epsilon }), { input, weight, output, rstd });
  tape.differentiate("rmsNorm", [input, weight], [output], (gradients) => {
    const outputGradient = gradients.of(output);
    gradients.into(input, (inputGradient, accumulate) => {
      const backward = rmsNormBackward({ ...spec, accumulate });
      const tensors = { outputGradient, input, weight, rstd, inputGradient };
      tape.run("rmsNorm backward", backward, tensors);
    });
    gradients.into(weight, (weightGradient, accumulate) => {
      const { subgroupSize } = tape;
      const backward = rmsNormWeightGradient({ ...spec, accumulate, subgroupSize });
      const tensors = { outputGradient, input, rstd, output: weightGradient };
      tape.run("rmsNorm weight gradient", backward, tensors);
    });
  });
  return output;
}
